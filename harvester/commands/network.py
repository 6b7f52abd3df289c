"""The X client for commands that ask the network while a person waits."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.changeset import Tree
from harvester.clock import Stop, SystemClock
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings
from harvester.store.disk import whole

if TYPE_CHECKING:
    from harvester.x import Keys, XClient

# A person looks at the screen, and can try again.
_PATIENCE = 60.0


def client(settings: Settings, tree: Tree) -> "XClient":
    """With the keys that a harvest of the collection would use."""
    from harvester.x import XClient

    return XClient(
        keys(tree),
        base_url=settings.x_api_url,
        clock=SystemClock(),
        stop=Stop(),
        patience=min(_PATIENCE, settings.x_patience),
        on_wait=_say_wait,
    )


def keys(tree: Tree) -> "Keys":
    """The keys that a harvest of the collection would use; raises when there are none."""
    from harvester.x.keys import keys_from, keys_of

    kept = tree.get("keys") or {}
    inline = keys_of(kept)
    return inline if inline.usable else keys_from(os.environ, profile=kept.get("profile", ""))


def _say_wait(what: str, seconds: float) -> None:
    if seconds > 1:
        click.echo(f"Waiting {seconds:.0f} s: {what}", err=True)


def standard_profiles() -> tuple[Path, ...]:
    from harvester.x.keys import profile_files

    return profile_files(os.environ)


def keys_in_environment() -> bool:
    from harvester.x.keys import NAMES, keys_of

    return keys_of({name: os.environ.get(name.upper(), "") for name in NAMES}).usable


def save_profile(name: str, kept: Tree) -> None:
    """Write keys to ~/.twarc as a profile that is not there yet; the file is its owner's alone."""
    from harvester.x.keys import NAMES, keys_of

    found = keys_of(kept)
    if not found.usable:
        raise HarvesterError("The file holds no keys that could be moved.", exit_code=Exit.USAGE)
    path = standard_profiles()[0]
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if not re.fullmatch(r"[\w.-]+", name) or f"[{name}]" in before:
        raise HarvesterError(
            f"{name!r} cannot be a new profile in {path}.",
            hint="Choose a name of letters, digits, '_', '-' and '.' that is not there yet.",
            exit_code=Exit.USAGE,
        )
    lines = [f"{key} = {getattr(found, key)}" for key in NAMES if getattr(found, key)]
    with whole(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text("\n".join([before.rstrip(), f"[{name}]", *lines, ""]).lstrip(), encoding="utf-8")
