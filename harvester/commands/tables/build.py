"""`tables build` makes tables of stored records, `tables status` shows which there are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.commands.cli.explore_extra import needs_explore
from harvester.commands.cli.lists_hint import advise_of_lists
from harvester.commands.cli.output import (
    dry_run_option,
    json_option,
    print_json,
    print_line,
    table,
)
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.errors import Exit, HarvesterError
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.store import Store
    from harvester.store.keys import CollectionKeys
    from harvester.tables.build import Builder
    from harvester.tables.making import Result

from harvester.commands.tables.shared import folder_option, ids_argument, keys_of, target_of


@click.command(
    "build",
    help="Make tables of the collections' records, of those that have none yet; without an id, of all "
    "collections.\n\n"
    "It reads what is stored, and asks no network. It can be ended and repeated at any time.",
)
@ids_argument
@folder_option("to")
@click.option("--skip-bad", is_flag=True, help="Leave out records that cannot be read, and say which.")
@dry_run_option
@json_option
@progress_option
@in_workspace
@needs_explore
def build_command(
    collection_ids: tuple[str, ...],
    folder: Path | None,
    skip_bad: bool,
    dry_run: bool,
    as_json: bool,
    form: str,
    workspace: Workspace,
) -> int:
    from harvester.store.reading import reader
    from harvester.tables.build import Builder

    results: dict[str, Result] = {}
    with meter(form) as show:

        def tell(file: str, rows: int) -> None:
            show(f"{file}: {counted(rows, 'row')}", rows=rows)

        builder = Builder(
            *(reader(workspace.store), target_of(workspace, folder)),
            skip_bad=skip_bad,
            dry_run=dry_run,
            on_rows=tell,
        )
        for keys in keys_of(workspace, collection_ids):
            results[keys.id] = builder.build(keys)
    if not as_json:
        advise_of_lists(workspace, list(results))
    return _say_built(results, dry_run=dry_run, as_json=as_json)


def _say_built(results: "dict[str, Result]", *, dry_run: bool, as_json: bool) -> int:
    bad = [error for result in results.values() for error in result.bad]
    failed = [key for result in results.values() for key in result.failed]
    if as_json:
        print_json([_as_json(name, result, dry_run=dry_run) for name, result in results.items()])
    else:
        for name, result in results.items():
            print_line(f"{name}: {_in_words(result, dry_run=dry_run)}")
    for error in () if as_json else bad:
        print_line(error.message, err=True)
    if failed:
        raise HarvesterError(
            f"{counted(len(failed), 'file')} of records {'was' if len(failed) == 1 else 'were'} not made "
            "into tables.",
            hint="--skip-bad leaves out such records; `collection verify` says what is damaged.",
        )
    return int(Exit.OK)


def _in_words(result: "Result", *, dry_run: bool) -> str:
    if dry_run:
        size = sum(file.size for file in result.planned) / 1e6
        return (
            f"Would make tables of {counted(len(result.planned), 'file')} of records ({size:,.1f} MB); "
            f"{result.there:,} are made. Nothing was changed."
        )
    removed = f"; {counted(result.removed, 'older set')} removed" if result.removed else ""
    return (
        f"{counted(len(result.made), 'file')} of records made into tables, {counted(result.rows, 'post')}; "
        f"{result.there:,} were there{removed}."
    )


def _as_json(name: str, result: "Result", *, dry_run: bool) -> dict[str, Any]:
    return {
        "collection": name,
        "dry_run": dry_run,
        "made": result.made,
        "planned": [{"key": file.key, "bytes": file.size} for file in result.planned],
        "there": result.there,
        "removed": result.removed,
        "failed": result.failed,
        "bad": [{"file": error.file, "line": error.line, "why": error.why} for error in result.bad],
    }


@click.command("status", help="Show which tables there are, and how many files of records have none yet.")
@ids_argument
@folder_option("from")
@json_option
@in_workspace
@needs_explore
def status(collection_ids: tuple[str, ...], folder: Path | None, as_json: bool, workspace: Workspace) -> None:
    from harvester.store.reading import reader
    from harvester.tables.build import Builder

    target = target_of(workspace, folder)
    builder = Builder(reader(workspace.store), target, dry_run=True)
    rows = [_status_row(target, builder, keys) for keys in keys_of(workspace, collection_ids)]
    if as_json:
        print_json(rows)
    else:
        click.echo(table(rows, ("collection", "sets", "files", "bytes", "missing")))


def _status_row(target: "Store", builder: "Builder", keys: "CollectionKeys") -> dict[str, Any]:
    from harvester.tables.catalog import catalog
    from harvester.tables.columns import TABLES

    found = catalog(target, keys.id)
    of_tables = {name: found.files(name) for name in TABLES}
    return {
        "collection": keys.id,
        "sets": len(found.complete()),
        "files": sum(map(len, of_tables.values())),
        "bytes": sum(entry.size for entries in of_tables.values() for entry in entries),
        "missing": len(builder.build(keys).planned),
        "tables": {
            name: {"files": len(entries), "bytes": sum(entry.size for entry in entries)}
            for name, entries in of_tables.items()
        },
    }
