"""`tables compact`: joins the small files of a day into one for each table."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.commands.cli.explore_extra import needs_explore
from harvester.commands.cli.output import (
    dry_run_option,
    json_option,
    print_json,
    print_line,
)
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.errors import Exit, HarvesterError
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.store import Store

from harvester.commands.tables.shared import folder_option, target_of


@click.command(
    "compact",
    help="Make one file for each day of a complete month, of the many small files that COLLECTION_ID has.\n\n"
    "The small files stay for a day, for queries that read them; a later `tables build` removes them.",
)
@click.argument("collection_id")
@click.option("--month", required=True, metavar="YYYY-MM", help="A month that is over, as 2026-10.")
@folder_option("to")
@dry_run_option
@json_option
@in_workspace
@needs_explore
def compact_command(
    collection_id: str,
    month: str,
    folder: Path | None,
    dry_run: bool,
    as_json: bool,
    workspace: Workspace,
) -> None:
    from harvester.tables.compact import compact, days_to_compact
    from harvester.tables.paths import with_tables

    keys, target = workspace.keys(collection_id), target_of(workspace, folder)
    _require_over(target, month)
    with_tables(target, [keys.id])
    make = days_to_compact if dry_run else compact
    days = list(make(target, keys.id, month))
    if as_json:
        print_json([{"day": day.day, "sets": len(day.sets)} for day in days])
        return
    sets = sum(len(day.sets) for day in days)
    done = "Would make" if dry_run else "Made"
    print_line(
        f"{done} one set of tables for each of {counted(len(days), 'day')} of {month}, "
        f"of {counted(sets, 'set')}." + (" Nothing was changed." if dry_run else "")
    )


def _require_over(store: "Store", month: str) -> None:
    if not re.fullmatch(r"\d{4}-(?:0[1-9]|1[0-2])", month):
        raise HarvesterError(f"{month!r} is not a month.", hint="Give it as 2026-10.", exit_code=Exit.USAGE)
    if month >= f"{store.now():%Y-%m}":
        raise HarvesterError(
            f"{month} is not over yet.", hint="Only complete months are compacted.", exit_code=Exit.USAGE
        )
