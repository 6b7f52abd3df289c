"""Typed keys, and keys from files of 2019, are stored in ~/.twarc, readable only by its owner."""

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.commands.cli.output import announce_dry_run
from harvester.errors import Exit, HarvesterError
from harvester.store.disk import whole

if TYPE_CHECKING:
    from harvester.networks.x.keys import Keys

_HOW = "Type or paste the keys from https://developer.x.com; they are not shown."


def ask(profile: str, *, otherwise: HarvesterError) -> None:
    """Ask for keys and write them to ~/.twarc, without a profile as twarc2 does.

    Raises `otherwise` where no terminal is there to ask at, or nothing was typed.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise otherwise
    click.echo(f"{otherwise.message} {_HOW}", err=True)
    found = _typed()
    if not found.usable:
        raise otherwise
    path = save(profile, found)
    click.echo(f"Wrote the keys to {path}, readable only by you.")


def _typed() -> "Keys":
    from harvester.networks.x.keys import keys_of

    values = {"bearer_token": _answer("Bearer token (empty if you have a consumer key and secret)")}
    if not values["bearer_token"]:
        values = {"consumer_key": _answer("Consumer key"), "consumer_secret": _answer("Consumer secret")}
        if values["consumer_key"] and (token := _answer("Access token (empty for the app's own access)")):
            values |= {"access_token": token, "access_token_secret": _answer("Access token secret")}
    return keys_of(values, where="what was typed")


def _answer(question: str) -> str:
    return str(click.prompt(question, default="", show_default=False, hide_input=True, err=True)).strip()


def save(name: str, found: "Keys", *, dry_run: bool = False) -> Path:
    """Write keys to ~/.twarc as a new profile, or without one where `name` is empty; the file."""
    from harvester.networks.x.keys import NAMES, profile_files, text_in

    path = profile_files(os.environ)[0]
    before = text_in(path)
    if name and (not re.fullmatch(r"[\w.-]+", name) or f"[{name}]" in before):
        raise HarvesterError(
            f"{name!r} cannot be used for a new profile in {path}.",
            hint="Choose an unused name of letters, digits, '_', '-' and '.'.",
            exit_code=Exit.USAGE,
        )
    if announce_dry_run(dry_run, f"write profile {name} to {path}"):
        return path
    # twarc2 reads each value as Python writes it.
    lines = [f"{key} = {getattr(found, key)!r}" for key in NAMES if getattr(found, key)]
    sections = [before.rstrip(), f"[{name}]", *lines] if name else [*lines, before.rstrip()]
    with whole(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text("\n".join([*sections, ""]).lstrip(), encoding="utf-8")
    return path
