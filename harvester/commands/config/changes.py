"""`collection-config changes`: what changed in a collection, when and by whom."""

from datetime import UTC, datetime

import click

from harvester.commands.cli.output import json_option, print_json
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.errors import Exit, HarvesterError


@click.command("changes", help="Show what changed in COLLECTION_ID, when and by whom.")
@collection_id_argument
@click.option("--since", help="Show changes from this date or time (UTC) on, e.g. 2026-11-01.")
@click.option("--deletes-only", is_flag=True, help="Show only deletions.")
@click.option("--temp", hidden=True, expose_value=False)
@json_option
@in_workspace
def changes(
    collection_id: str, since: str | None, deletes_only: bool, as_json: bool, workspace: Workspace
) -> None:
    from harvester.clock import moment
    from harvester.collection import changelog, history, replay

    earliest = _moment(since) if since else None
    keys = workspace.keys(collection_id)
    history.read(workspace.store, keys)
    found = [
        change
        for change in changelog.changes(tree for _, tree in replay.changesets(workspace.store, keys))
        if (not deletes_only or change.change == changelog.DELETED)
        and (earliest is None or moment(change.time) >= earliest)
    ]
    if as_json:
        print_json([{**change.__dict__, "path": list(change.path)} for change in found])
    elif found:
        click.echo("\n".join(map(str, found)))
    else:
        click.echo("No changes.")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise HarvesterError(
            f"{text!r} is not a date.", hint="Use e.g. 2026-11-01 or 2026-11-01T12:00.", exit_code=Exit.USAGE
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
