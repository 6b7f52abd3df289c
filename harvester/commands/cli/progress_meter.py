"""Progress is shown on standard error, in the form that suits the reader."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import orjson

from harvester.clock import Clock, SystemClock
from harvester.errors import interruption
from harvester.text import printable

_F = TypeVar("_F", bound=Callable[..., Any])

AUTO, BAR, TEXT, JSON, NONE = "auto", "bar", "text", "json", "none"
# The pauses between two of them, in seconds.
_EVERY = {BAR: 0.2, TEXT: 10.0, JSON: 1.0}

_INTERRUPTED = "Stopped; no partial files remain. Run again to continue."

# What to show in words, and its numbers for programs.
Show = Callable[..., None]


def progress_option(command: _F) -> _F:
    return click.option(
        "--progress",
        "form",
        type=click.Choice((AUTO, BAR, TEXT, JSON, NONE)),
        default=AUTO,
        show_default=True,
        envvar="TWARC_CLOUD_PROGRESS",
        help="Progress display: bar (a live line), text (a line every 10 s), json (JSON lines) or none. "
        "auto: bar on a terminal, otherwise text.",
    )(command)


@contextmanager
def meter(form: str, *, interrupted: str = _INTERRUPTED, clock: Clock | None = None) -> Iterator[Show]:
    """Call what this yields as often as you like with words, and numbers by their names.

    `interrupted` is said after Ctrl-C or a signal; with an empty text nothing is.
    """
    if form == AUTO:
        form = BAR if _at_a_terminal() else TEXT
    elapsed = (clock or SystemClock()).elapsed
    began = last = elapsed()

    def show(words: str, **numbers: int) -> None:
        nonlocal last
        now = elapsed()
        if form == NONE or now - last < _EVERY[form]:
            return
        last = now
        if form == JSON:
            line = {"progress": numbers, "seconds": round(now - began, 1)}
            click.echo(orjson.dumps(line), err=True)
        elif form == TEXT:
            click.echo(f"{words}, {now - began:.0f} s", err=True)
        else:
            width = shutil.get_terminal_size().columns - 1
            _redraw(f"{words}, {now - began:.0f} s"[:width])

    try:
        yield show
    except KeyboardInterrupt as error:
        if not interrupted:
            click.echo("", err=True)
            raise
        click.echo(f"\n{interrupted}", err=True)
        raise click.exceptions.Exit(interruption(error)) from None
    finally:
        if form == BAR and last != began:
            _redraw("")


def _at_a_terminal() -> bool:
    # It may be closed.
    return sys.stderr is not None and sys.stderr.isatty()


def _redraw(words: str) -> None:
    """Write over the line, as bytes: text that is printed moves no cursor."""
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    # What is no terminal would keep it.
    clear = b"\r\x1b[K" if _at_a_terminal() else b"\r"
    click.echo(clear + printable(words).encode(encoding, "backslashreplace"), nl=False, err=True)
