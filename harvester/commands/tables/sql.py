"""`tables sql`: one SELECT over the tables, its answer as a table, csv or JSON."""

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

import click

from harvester.commands.cli.explore_extra import needs_explore
from harvester.commands.cli.output import json_option, print_line, table
from harvester.commands.cli.progress_meter import AUTO, meter
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.commands.tables.shared import folder_option, target_of
from harvester.errors import Exit, HarvesterError

_SHOWN = 1000


@click.command(
    "sql",
    help="Answer a SELECT over the tables of all collections; docs/tables.md lists their columns.\n\n"
    "The view posts_once has each collected post of a collection once. The statement can read the tables and "
    "nothing else, and change nothing.",
)
@click.argument("statement")
@click.option("--collection", "ids", multiple=True, metavar="ID", help="Only of this collection; repeatable.")
@folder_option("from")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@click.option(
    "--memory",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    metavar="MB",
    help="Memory for the query.",
)
@in_workspace
@needs_explore
def sql(
    statement: str,
    ids: tuple[str, ...],
    folder: Path | None,
    as_csv: bool,
    as_json: bool,
    memory: int,
    workspace: Workspace,
) -> None:
    from harvester.ledger.cache import cache_of
    from harvester.tables.ask import answer, opened
    from harvester.tables.paths import paths_of

    if as_csv and as_json:
        raise HarvesterError("--csv and --json exclude each other.", hint="Give one.", exit_code=Exit.USAGE)
    target = target_of(workspace, folder)
    with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp, meter(AUTO) as show:
        cache = cache_of(target.name).folder / "tables"
        paths = paths_of(target, ids, statement, cache, show=show)
        with opened(paths, Path(temp), memory_mb=memory) as connection:
            names, rows = answer(connection, statement)
            if as_json:
                _print_json(names, rows)
            elif as_csv:
                _print_csv(names, rows)
            else:
                _print_table(names, rows)


def _print_table(names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    shown = [dict(zip(names, map(_cell, row), strict=True)) for row in islice(rows, _SHOWN)]
    click.echo(table(shown, names))
    if next(rows, None) is not None:
        print_line(f"The first {_SHOWN:,} rows are shown; --csv and --json print all.", err=True)


def _print_csv(names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    from harvester.exports import csv_table

    written = csv_table.writer(lambda row: click.echo(row, nl=False))
    written.writerow(names)
    written.writerows(map(_cell, row) for row in rows)


def _print_json(names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    """One array, written as the rows come."""
    before = "["
    for row in rows:
        one = json.dumps(dict(zip(names, map(_plain, row), strict=True)), ensure_ascii=False)
        click.echo(f"{before}\n {one}".encode("utf-8", "backslashreplace"), nl=False)
        before = ","
    click.echo(b"[]\n" if before == "[" else b"\n]\n", nl=False)
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    """The value as JSON; moments have the format used everywhere in this project."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, float) and not isfinite(value):
        # JSON has no infinite numbers.
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def _cell(value: Any) -> Any:
    found = _plain(value)
    if isinstance(found, bool):
        return str(found).lower()
    return json.dumps(found, ensure_ascii=False) if isinstance(found, list | dict) else found
