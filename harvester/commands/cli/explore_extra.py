"""Commands that read collections need extra packages; if one is missing, the error says what to install."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from harvester.errors import HarvesterError
from harvester.errors.packages import missing_package

_F = TypeVar("_F", bound=Callable[..., Any])

REQUIREMENTS = "requirements-explore.txt"
PACKAGES = ("duckdb", "tantivy")


def missing_extra(package: str, what: str) -> HarvesterError:
    """The error if `what` cannot be done without this package."""
    return missing_package(package, what, requirements=REQUIREMENTS)


def needs_explore(command: _F) -> _F:
    """A command whose body, or what it imports, may find that one of these packages is missing."""

    @wraps(command)
    def guarded(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in PACKAGES:
                raise
            raise missing_extra(package, f"`{_typed()}`") from error

    return guarded  # type: ignore[return-value]


def _typed() -> str:
    """The words of the command, without the program: `tables build`."""
    words: list[str] = []
    context = click.get_current_context(silent=True)
    while context is not None and context.parent is not None:
        words.insert(0, context.info_name or "")
        context = context.parent
    return " ".join(words)
