"""`collection`: list, add, harvest, schedule, unlock and delete collections."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.collection.kinds import is_stream, kind_of
from harvester.collection.secrets import key_names
from harvester.collection.workers import worker_ids
from harvester.commands import Deferred, Group
from harvester.commands.cli import collection_file
from harvester.commands.cli.each_shard import each_shard, shard_ids
from harvester.commands.cli.output import (
    advise,
    announce_dry_run,
    confirm,
    dry_run_option,
    json_option,
    print_json,
    table,
    yes_option,
)
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.documents import LockContent, Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks.validation import problems
from harvester.text import counted, printable, size, when

if TYPE_CHECKING:
    from harvester.curation.delete import Deletion

_ALIASES = {
    "timeline-start": "filter-start",
    "timeline-stop": "filter-stop",
    "remove": "delete",
    "unschedule": "stop",
}


@click.group(
    "collection", cls=Group, aliases=_ALIASES, help="Manage the collections of a bucket or a folder."
)
def collection() -> None:
    pass


@collection.command("list", help="List the collections.")
@click.option(
    "--long", "-l", "in_full", is_flag=True, help="Also show what each collects and its last harvest."
)
@json_option
@in_workspace
def list_collections(in_full: bool, as_json: bool, workspace: Workspace) -> None:
    ids = workspace.collection_ids()
    rows = [_row(workspace, collection_id) for collection_id in ids] if in_full or as_json else []
    if as_json:
        print_json(rows)
        return
    click.echo("Collections:")
    if not ids:
        advise(f"No collections in {workspace.store.name}; `collection add` adds one.")
    elif in_full:
        shown = [
            {
                **row,
                "last_harvest": when(row["last_harvest"] or ""),
                "state": row["heartbeat"] or row["state"],
            }
            for row in rows
        ]
        click.echo(table(shown, ("id", "type", "collects", "last_harvest", "state")))
    else:
        click.echo("\n".join(map(printable, ids)))


def _row(workspace: Workspace, collection_id: str) -> Tree:
    from harvester.collection import history
    from harvester.harvest import catalog

    keys = workspace.keys(collection_id)
    row: Tree = {"id": collection_id, "type": None, "collects": None, "last_harvest": None, "state": None}
    row["heartbeat"] = None
    try:
        tree = history.current(workspace.store, keys)
        last = catalog.died(workspace.store, keys) or catalog.last(workspace.store, keys) or {}
        word = catalog.heartbeat(workspace.store, keys) if is_stream(tree) else ""
    except HarvesterError as error:
        return {**row, "state": str(error)}
    row |= {"type": tree.get("type"), "collects": _collects(tree)}
    row |= {"last_harvest": last.get("harvest_timestamp"), "state": last.get("state")}
    return row | {"heartbeat": word or None}


def _collects(tree: Tree) -> str:
    if problems(tree):
        return "(invalid: see `collection-config check`)"
    kind = kind_of(tree)
    return kind.in_words(tree) if kind else ""


@collection.command("add", help="Store the collection that the file describes.")
@dry_run_option
@collection_file.file_option
@in_workspace
def add(dry_run: bool, path: Path, workspace: Workspace) -> None:
    from harvester.collection import history
    from harvester.collection.merge import plain
    from harvester.errors import Conflict

    tree = collection_file.read_valid(path)
    if key_names(tree):
        raise collection_file.keys_in_file()
    if dry_run:
        collection_file.require_new(workspace.store, workspace.keys(tree["id"]))
    if announce_dry_run(dry_run, f"add {tree['id']} to {workspace.store.name}"):
        return
    try:
        stored = history.add(workspace.store, workspace.keys(tree["id"]), plain(tree))
    except Conflict as error:
        raise HarvesterError("Collection already exists.", hint=error.hint) from error
    collection_file.follow(path, stored, tree)
    click.echo("Collection added.")
    click.echo("Don't forget to start or schedule the collection.")


collection.defer(
    Deferred("once", "collection.start:once", "Start one harvest of COLLECTION_ID."),
    Deferred(
        "schedule",
        "collection.schedule:schedule",
        'Schedule harvests of COLLECTION_ID by EXPRESSION, e.g. "rate(7 days)".',
    ),
    Deferred("stop", "collection.schedule:stop", "Remove the schedule of COLLECTION_ID."),
    Deferred("scheduled", "collection.schedule:scheduled", "List the schedules."),
    Deferred("filter-start", "collection.start:filter_start", "Start the stream of COLLECTION_ID."),
    Deferred(
        "filter-stop",
        "collection.start:filter_stop",
        "Stop the stream of COLLECTION_ID after storing what it has.",
    ),
)


@collection.command("unlock", help="Remove the lock of COLLECTION_ID, left by a harvest that died.")
@collection_id_argument
@yes_option
@dry_run_option
@in_workspace
@each_shard()
def unlock(collection_id: str, yes: bool, dry_run: bool, workspace: Workspace) -> None:
    from harvester.collection import history
    from harvester.errors import NotFound
    from harvester.harvest import catalog
    from harvester.harvest.lock_content import content, is_released

    keys = workspace.keys(collection_id)
    history.read(workspace.store, keys)
    try:
        held = workspace.store.read(keys.lock)
    except NotFound:
        held = None
    if held is None or is_released(content(held)):
        click.echo(f"{collection_id} is not locked.")
        return
    owner = catalog.live_lock(workspace.store, keys)
    if announce_dry_run(dry_run, f"remove the lock of {_whose(owner)} {collection_id}"):
        return
    if owner:
        what = f"A harvest on {owner.get('host', 'an unknown host')} renewed the lock within the last minute."
        confirm(f"{what} Its harvest would stop. Unlock anyway?", yes=yes)
    workspace.store.remove(keys.lock, version=held.version)
    click.echo("Unlocked")


def _whose(owner: LockContent | None) -> str:
    return (
        f"a harvest that runs on {owner.get('host', 'an unknown host')}, of" if owner else "a dead harvest of"
    )


def _require_no_shards(workspace: Workspace, collection_id: str) -> None:
    """A collection lists its shards or workers, and so is deleted after them."""
    from harvester.collection import history

    there = set(workspace.collection_ids()) if (ids := shard_ids(workspace, collection_id)) else set()
    if left := [each for each in ids if each in there]:
        tree = history.current(workspace.store, workspace.keys(collection_id))
        name = "workers" if worker_ids(tree) else "shards"
        raise HarvesterError(
            f"{collection_id} has {name}: {', '.join(left)}.",
            hint="Delete each of them first, with what it collected.",
            exit_code=Exit.USAGE,
        )


@collection.command("delete", help="Delete COLLECTION_ID and all its harvests.")
@collection_id_argument
@yes_option
@dry_run_option
@in_workspace
def delete(collection_id: str, yes: bool, dry_run: bool, workspace: Workspace) -> None:
    from harvester.curation.delete import Deletion

    keys = workspace.keys(collection_id)
    _require_no_shards(workspace, collection_id)
    if workspace.compute.task(collection_id):
        raise HarvesterError(
            f"A harvest of {collection_id} is running.",
            hint=f"`harvest stop {collection_id}` stops it, or `collection filter-stop` a stream.",
            exit_code=Exit.LOCKED,
        )
    deletion = Deletion(workspace.store, keys)
    files = f"{counted(deletion.count, 'file')} ({size(deletion.bytes)})"
    what = f"{files} of {collection_id} in {workspace.store.name}"
    if announce_dry_run(dry_run, f"delete {what}, and its schedule"):
        return
    confirm(f"This deletes {what}, and cannot be undone. Delete?", yes=yes)
    try:
        deletion.carry_out()
    except HarvesterError as error:
        raise _incomplete(deletion, collection_id, error) from error
    try:
        workspace.compute.unschedule(collection_id)
    except HarvesterError as error:
        raise HarvesterError(
            f"Deleted {what}, but not its schedule: {error.message}",
            error.problems,
            f"{error.hint} `collection stop {collection_id}` then removes it.".lstrip(),
            exit_code=error.exit_code,
        ) from error
    click.echo(f"Deleted {what}.")


def _incomplete(deletion: "Deletion", collection_id: str, error: HarvesterError) -> HarvesterError:
    """The error that ended a deletion, with what remains."""
    if error.exit_code == Exit.LOCKED and not deletion.removed:
        return error
    done = f"Deleted {deletion.removed} of {counted(deletion.count, 'file')} of {collection_id}, not the rest"
    hint = f"`collection delete {collection_id}` then deletes the rest."
    if not deletion.removed:
        done, hint = f"Deleted nothing of {collection_id}", ""
    return HarvesterError(
        f"{done}: {error.message}",
        error.problems,
        f"{error.hint} {hint}".strip(),
        exit_code=error.exit_code,
    )


collection.defer(
    Deferred(
        "copy", "collection.copy:copy", "Copy the description of COLLECTION_ID to a new collection NEW_ID."
    ),
    Deferred("cost", "collection.cost:cost", "Show what the last harvests of COLLECTION_ID cost."),
    Deferred(
        "rules",
        "collection.rules:rules",
        "List the stream rules of the app whose keys COLLECTION_ID uses.",
    ),
    Deferred(
        "download",
        "collection.download:download",
        "Download a collection into a folder, or update an earlier download.",
    ),
    Deferred("verify", "collection.verify:verify", "Verify that every harvested file is there and intact."),
    Deferred(
        "repair", "collection.repair:repair", "Search for the posts that the stream of COLLECTION_ID missed."
    ),
    Deferred(
        "coverage",
        "collection.coverage:coverage",
        "Show how many posts COLLECTION_ID has of those that X counts, by day.",
    ),
    Deferred("filter", "filters:filters", hidden=True),
)
