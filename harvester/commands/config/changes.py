"""`collection-config changes`: what changed in a collection, when and by whom."""

from datetime import datetime

import click

from harvester.commands.cli.moments import moment_of
from harvester.commands.cli.output import json_option, print_json
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace


@click.command("changes", help="Show what changed in COLLECTION_ID, when and by whom.")
@collection_id_argument
@click.option(
    "--since", callback=moment_of, help="Show changes from this date or time (UTC) on, e.g. 2026-11-01."
)
@click.option("--deletes-only", is_flag=True, help="Show only deletions.")
@click.option("--temp", hidden=True, expose_value=False)
@json_option
@in_workspace
def changes(
    collection_id: str, since: datetime | None, deletes_only: bool, as_json: bool, workspace: Workspace
) -> None:
    from harvester.collection import changelog, history, replay

    keys = workspace.keys(collection_id)
    if not replay.names(workspace.store, keys):
        # The history may be all that is left of a collection.
        history.read(workspace.store, keys)
    found = [
        change
        for change in changelog.changes(tree for _, tree in replay.changesets(workspace.store, keys))
        if (not deletes_only or change.change == changelog.DELETED)
        and (since is None or _is_since(since, change.time))
    ]
    if as_json:
        print_json([{**change.__dict__, "path": list(change.path)} for change in found])
    elif found:
        click.echo("\n".join(map(str, found)))
    else:
        click.echo("No changes.")


def _is_since(since: datetime, time: str) -> bool:
    from harvester.clock import moment

    try:
        return moment(time) >= since
    except ValueError:
        # A damaged changeset does not say when it was made: perhaps since.
        return True
