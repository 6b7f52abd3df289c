"""`--version` prints this tool's version, and those of Python and libraries on the second line."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from harvester import __version__

_F = TypeVar("_F", bound=Callable[..., Any])


def version_option(command: _F) -> _F:
    return click.option(
        "-V",
        "--version",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_show,
        help="Show the versions of this tool, Python and libraries.",
    )(command)


def _show(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from harvester.checks.machine import libraries

        click.echo(f"Version {__version__}\n{', '.join(libraries()[0])}")
        context.exit()
