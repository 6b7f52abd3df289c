"""`collection-config download`: gets a stored collection as a file, as it is or as it was."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from harvester.commands.cli import collection_file
from harvester.commands.cli.moments import moment_of
from harvester.commands.cli.output import advise, announce_dry_run, confirm, dry_run_option
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError, NotFound, StoreAway
from harvester.store.keys import CollectionKeys

_LESS_THAN_A_SECOND = timedelta(microseconds=999_999)


@click.command("download", help="Download the stored collection.json of COLLECTION_ID.")
@collection_id_argument
@click.option("--as-of", callback=moment_of, help="Download what it was at this date or time (UTC).")
@click.option("--force", is_flag=True, help="Overwrite a file with changes that are not stored.")
@dry_run_option
@collection_file.file_option
@in_workspace
def download(
    collection_id: str, as_of: datetime | None, force: bool, dry_run: bool, path: Path, workspace: Workspace
) -> None:
    from harvester.collection import history

    keys = workspace.keys(collection_id)
    tree = _as_of(workspace, keys, as_of) if as_of else history.current(workspace.store, keys)
    of_then = f" as of {as_of:%Y-%m-%d %H:%M:%S} UTC" if as_of else ""
    if announce_dry_run(dry_run, f"write {keys.collection} of {workspace.store.name}{of_then} to {path}"):
        return
    way_back = _way_back(workspace, keys, tree) if as_of else ""
    if path.exists() and not force and collection_file.holds_changes(path, workspace.store):
        confirm(f"{path} has changes that are not stored. Overwrite it?", yes=False, option="--force")
    collection_file.write(path, tree)
    click.echo(f"Downloaded to {path}{of_then}.")
    collection_file.warn_of_inline_keys(tree)
    if way_back:
        advise(way_back)


def _way_back(workspace: Workspace, keys: CollectionKeys, tree: Tree) -> str:
    """How an earlier version becomes the stored one."""
    from harvester.collection import history
    from harvester.collection.merge import merged, plain

    try:
        current = history.current(workspace.store, keys)
    except NotFound:
        return f"{keys.id} is no longer there: `collection add` stores what it was then."
    except StoreAway:
        raise
    except HarvesterError:
        return "Move the damaged collection.json away; `collection add` then stores what it was before."
    if plain(merged(None, tree, current)) == plain(current):
        return "It is as it was then: there is nothing to bring back."
    return (
        "`collection-config update` brings it back, in place of what was changed since; since_ids that are "
        "stored stay as they are."
    )


def _as_of(workspace: Workspace, keys: CollectionKeys, at: datetime) -> Tree:
    """A collection without what ties it to a version, so that `update` takes all of it for a change."""
    from harvester.collection import replay
    from harvester.collection.merge import plain
    from harvester.store.absent import no_collection

    names = replay.names(workspace.store, keys)
    if not names:
        raise no_collection(workspace.store, keys)
    # A time is typed to the second, and means all of it.
    tree = replay.as_of(workspace.store, keys, at if at.microsecond else at + _LESS_THAN_A_SECOND)
    if tree is None:
        raise HarvesterError(
            f"{keys.id} has no version that is that old.",
            hint=f"`collection-config changes {keys.id}` shows when it was changed.",
            exit_code=Exit.USAGE,
        )
    return plain(tree)
