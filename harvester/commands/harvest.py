"""`harvest`: shows running and past harvests, and stops running ones."""

from collections.abc import Mapping

import click

from harvester.commands import Deferred, Group
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.harvest_rows import died, how_it_ended, listed, repair_of
from harvester.commands.cli.outcome import outcome_line, show_notes, summary_line
from harvester.commands.cli.output import (
    json_option,
    print_json,
    print_line,
    table,
)
from harvester.commands.cli.rule_rows import rule_table
from harvester.commands.cli.sink_rows import sink_line, sinks_behind
from harvester.commands.cli.workspace import (
    Workspace,
    collection_id_argument,
    in_workspace,
    optional_collection_id_argument,
)
from harvester.commands.harvest_stop import stop
from harvester.documents import HarvestSummary, Tree
from harvester.errors import HarvesterError
from harvester.harvest.summary import dollars
from harvester.text import printable, size, when

_CHANGES_SHOWN = 1000


@click.group(
    "harvest",
    cls=Group,
    aliases={"harvests": "history", "logs": "log"},
    help="Show running and past harvests; stop running ones.",
)
def harvest() -> None:
    pass


@harvest.command("list", help="List running harvests and streams, and harvests that died.")
@json_option
@in_workspace
def list_harvests(as_json: bool, workspace: Workspace) -> None:
    rows = listed(workspace)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        detail = f" ({row['detail']})" if row["detail"] else ""
        word = f", {row['heartbeat']}" if row["heartbeat"] else ""
        print_line(f"{row['id']} => {workspace.label}. Status: {row['status']}{word}{detail}")
        if row["started"]:
            click.echo(f"  since {when(row['started'])} UTC", err=True)
    if not rows:
        click.echo("No running harvests.")


@harvest.command(
    "running", help="Show the progress of the running harvest of COLLECTION_ID, or of all running harvests."
)
@optional_collection_id_argument
@click.option("--rules", "with_rules", is_flag=True, help="Show how many posts each rule matched.")
@json_option
@in_workspace
@each_shard()
def running(collection_id: str | None, with_rules: bool, as_json: bool, workspace: Workspace) -> None:
    from harvester.collection import history

    if collection_id is None:
        _all_running(workspace, with_rules=with_rules, as_json=as_json)
        return
    keys = workspace.keys(collection_id)
    history.read(workspace.store, keys)
    run = (_summary(workspace, collection_id), repair_of(workspace, keys))
    found = [summary for summary in run if summary]
    if not found:
        raise HarvesterError("Task not found.", hint=how_it_ended(workspace, keys))
    if as_json:
        print_json({**found[0], "repair": found[1]} if len(found) > 1 else found[0])
        return
    for summary in found:
        _print_running(workspace, summary, with_rules=with_rules)


def _all_running(workspace: Workspace, *, with_rules: bool, as_json: bool) -> None:
    found = [summary for row in listed(workspace) if (summary := _of_row(workspace, row))]
    if as_json:
        print_json(found)
        return
    for summary in found:
        _print_running(workspace, summary, with_rules=with_rules)
    if not found:
        click.echo("No running harvests.")


def _of_row(workspace: Workspace, row: Tree) -> HarvestSummary | None:
    from harvester.compute.listing import OF_REPAIR

    if row["kind"] == OF_REPAIR:
        return repair_of(workspace, workspace.keys(row["id"]))
    return _summary(workspace, row["id"])


def _summary(workspace: Workspace, collection_id: str) -> HarvestSummary | None:
    """What it has so far: as it says itself, or as it last said in the store."""
    from harvester.harvest import catalog

    store, keys = workspace.store, workspace.keys(collection_id)
    return workspace.compute.live(collection_id) or catalog.running(store, keys) or catalog.stale(store, keys)


def _print_running(workspace: Workspace, summary: HarvestSummary, *, with_rules: bool) -> None:
    print_line(_running_line(workspace, summary))
    if summary.get("is_repair"):
        return
    for row in sinks_behind(workspace, summary["collection_id"]):
        print_line(f"  {sink_line(row)}")
    if with_rules:
        _print_rules(workspace, summary)


def _print_rules(workspace: Workspace, summary: HarvestSummary) -> None:
    for line in rule_table(summary, _rule_values(workspace, summary)).splitlines():
        print_line(line)


def _rule_values(workspace: Workspace, summary: HarvestSummary) -> Mapping[str, str]:
    """What the rules ask for that are counted; empty if nothing is."""
    from harvester.collection import history
    from harvester.networks.registry import network_of

    if not summary.get("rule_counts"):
        return {}
    tree = history.current(workspace.store, workspace.keys(summary["collection_id"]))
    return network_of(tree).rule_values(tree)


def _running_line(workspace: Workspace, summary: HarvestSummary) -> str:
    activity = f". Activity: {summary['activity']}" if summary.get("activity") else ""
    word = f". Heartbeat: {summary['heartbeat']}" if summary.get("heartbeat") else ""
    waits = f". Edit not in use: {summary['change_waits']}" if summary.get("change_waits") else ""
    billed = f". Billed: ${dollars(summary):.2f}" if dollars(summary) else ""
    updated = f". As of: {when(summary['updated'])} UTC" if summary.get("updated") else ""
    return summary_line(workspace, summary) + word + activity + printable(waits) + billed + updated


@harvest.command("last", help="Show the outcome of the last harvest of COLLECTION_ID that ended or died.")
@collection_id_argument
@click.option("--rules", "with_rules", is_flag=True, help="Show how many posts each rule matched.")
@json_option
@in_workspace
@each_shard()
def last(collection_id: str, with_rules: bool, as_json: bool, workspace: Workspace) -> None:
    from harvester.collection import history
    from harvester.harvest import catalog

    keys = workspace.keys(collection_id)
    history.read(workspace.store, keys)
    summary = died(workspace, keys) or catalog.last(workspace.store, keys)
    changes = catalog.user_changes(workspace.store, summary) if summary and summary.get("folder") else None
    if as_json:
        print_json(summary and {**summary, "user_changes": changes})
    elif summary is None:
        click.echo("Cannot find last harvest for this collection.")
    else:
        click.echo(outcome_line(workspace, summary))
        show_notes(workspace, summary)
        if with_rules:
            _print_rules(workspace, summary)
        elif changes is not None:
            _show_changes(changes)


def _show_changes(changes: list[Tree]) -> None:
    for change in changes[:_CHANGES_SHOWN]:
        name = f" ({change['screen_name']})" if change.get("screen_name") else ""
        more = f" ({change['error']})" if change.get("error") else ""
        gone = ", deleted" if change.get("deleted") else ""
        print_line(f"User {change.get('user_id')}{name}: {change.get('change')}{gone}{more}")
    if len(changes) > _CHANGES_SHOWN:
        click.echo(f"... and {len(changes) - _CHANGES_SHOWN:,} more; --json has all.")
    if not changes:
        click.echo("No user changes.")


@harvest.command("history", help="List the harvests of COLLECTION_ID with their outcomes, newest first.")
@collection_id_argument
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Number of harvests to show, newest first.",
)
@click.option("--repairs", is_flag=True, help="List the repairs of its gaps instead.")
@json_option
@in_workspace
@each_shard()
def past(collection_id: str, limit: int, repairs: bool, as_json: bool, workspace: Workspace) -> None:
    from harvester.curation.repair.gaps import open_gaps, repairs_of
    from harvester.harvest import catalog

    keys = workspace.keys(collection_id)
    if repairs:
        found = repairs_of(workspace.store, keys, newest=limit)
    else:
        found = catalog.all_of(workspace.store, keys, newest=limit)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("No repairs yet." if repairs else "No harvests yet.")
        return
    left = open_gaps(workspace.store, keys, found)
    rows = [_history_row(summary, left[summary["harvest_timestamp"]]) for summary in found]
    gap_columns = ("repaired", "gaps") if repairs else ("gaps",)
    amount = "edges" if any(isinstance(each.get("crawl"), dict) for each in found) else "tweets"
    columns = ("harvest", "state", amount, "files", "size", *gap_columns, "billed", "reason")
    click.echo(table(rows, columns))


def _history_row(summary: HarvestSummary, gaps: int) -> Tree:
    return {
        **summary,
        "harvest": when(summary["harvest_timestamp"]),
        "size": size(summary["file_bytes"]),
        "gaps": gaps,
        "repaired": len(summary.get("repairs") or ()),
        "billed": f"${(summary.get('billed') or {}).get('usd', 0):.2f}",
        "edges": (summary.get("counts") or {}).get("edges", 0),
    }


harvest.add_command(stop)


@harvest.command("log", help="Show the latest log of COLLECTION_ID, on this machine or the cluster.")
@collection_id_argument
@click.option("--follow", "-f", is_flag=True, help="Follow the log until the harvest ends, or Ctrl-C.")
@click.option(
    "--lines", "-n", type=click.IntRange(0), default=100, show_default=True, help="Number of lines to show."
)
@in_workspace
def log(collection_id: str, follow: bool, lines: int, workspace: Workspace) -> None:
    from harvester.clock import Stop
    from harvester.collection import history

    history.read(workspace.store, workspace.keys(collection_id))
    for line in workspace.compute.log(collection_id, lines=lines, follow=follow, stop=Stop()):
        print_line(line)


harvest.defer(
    Deferred(
        "tail",
        "harvest_tail:tail",
        "Show the newest stored posts of COLLECTION_ID, then new ones, until Ctrl-C.",
    )
)
