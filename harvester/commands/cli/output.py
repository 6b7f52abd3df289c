"""Results as tables for people and JSON for programs; confirmation only where data can be lost."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from harvester.commands.cli.printed_commands import complete
from harvester.errors import Exit, HarvesterError
from harvester.text import printable

if TYPE_CHECKING:
    from harvester.networks.check import Check

_F = TypeVar("_F", bound=Callable[..., Any])


def json_option(command: _F) -> _F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def yes_option(command: _F) -> _F:
    return click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")(command)


def dry_run_option(command: _F) -> _F:
    return click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")(command)


def change_options(command: _F) -> _F:
    """--yes, --dry-run and --json of a command that changes what is stored, and says what it changed."""
    return yes_option(dry_run_option(json_option(command)))


def announce_dry_run(dry_run: bool, action: str) -> bool:
    """Whether this is a dry run, whose action has then been printed; as JSON if the command prints that."""
    context = click.get_current_context(silent=True)
    if dry_run and context and context.params.get("as_json"):
        print_json({"dry_run": True, "would": action})
    elif dry_run:
        print_line(f"Would {action}. Nothing was changed.")
    return dry_run


def print_json(value: Any, *, err: bool = False) -> None:
    try:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:
        # Half of a surrogate pair, or a number of more than 64 bits, which JSON may have.
        text = json.dumps(value, indent=2).encode()
    click.echo(text, err=err)


def print_line(text: str, *, err: bool = False) -> None:
    """Print one line; control characters in it are escaped."""
    click.echo(printable(text), err=err)


def advise(text: str) -> None:
    """Print on standard error what can be done next; commands in backquotes are completed."""
    print_line(complete(text), err=True)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Columns as wide as what stands in them, under their names in capitals; numbers to the right."""
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    heads = [column.upper().replace("_", " ") for column in columns]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    right = [all(isinstance(row.get(column), int | float) for row in rows) for column in columns]
    lines = []
    for row in [heads, *cells]:
        aligned = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value in (None, "") else printable(str(value))


def confirm(question: str, *, yes: bool, option: str = "--yes") -> None:
    """Continue only if the person agrees, or gave the option."""
    if yes:
        return
    try:
        agreed = click.confirm(question, default=False, err=True)
    except (click.Abort, UnicodeDecodeError, RuntimeError) as error:
        # Python raises a RuntimeError where standard input is closed.
        if isinstance(error, click.Abort) and sys.stdin is not None and sys.stdin.isatty():
            raise
        # The question stands on the last line, without its end.
        click.echo(err=True)
        raise HarvesterError(
            "Cannot ask for confirmation: stdin is not a terminal.",
            hint=f"Nothing was changed. Use {option} to skip confirmation.",
            exit_code=Exit.USAGE,
        ) from None
    if not agreed:
        raise HarvesterError("Cancelled; nothing was changed.")


def show_checks(found: "list[Check]", *, as_json: bool) -> int:
    """Print checks; the exit code."""
    if as_json:
        names = ("check", "ok", "detail", "hint")
        print_json([{name: getattr(each, name) for name in names} for each in found])
    for each in () if as_json else found:
        mark = "ok " if each.ok else "BAD"
        hint = complete(f" {each.hint}") if each.hint else ""
        print_line(f"{mark} {each.check}: {each.detail}{hint}")
    return int(Exit.OK if all(each.ok for each in found) else Exit.ERROR)
