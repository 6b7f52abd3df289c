"""What is stored of a collection reaches the stream that runs; what cannot is told as needing a restart."""

import click

from harvester.collection.merge import plain
from harvester.commands.cli.workspace import Workspace
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.networks.registry import network_of
from harvester.store.keys import CollectionKeys

# Members of a collection that a stream reads when it starts. Of the others it takes no notice.
_READ_AT_START = ("keys", "task", "check_in", "filter", "budget_usd", "sinks")
_TAKEN_OVER = ("filter", "budget_usd")


def tell(workspace: Workspace, keys: CollectionKeys, before: Tree, after: Tree) -> None:
    """Tell the stream of a collection, if one runs, that it was changed so; and the person what follows."""
    old, new = plain(before), plain(after)
    changed = [name for name in _READ_AT_START if old.get(name) != new.get(name)]
    live = [name for name in changed if name in _TAKEN_OVER and network_of(after).changes_streams]
    rest = [name for name in changed if name not in live]
    if not changed or not _may_run(workspace, keys):
        return
    if live:
        click.echo(_told(workspace, keys))
    if rest:
        click.echo(f"Stop and start the stream for the changed {' and '.join(rest)} to go into effect.")


def _told(workspace: Workspace, keys: CollectionKeys) -> str:
    from harvester.harvest.lock_content import tell_of_change

    try:
        is_heard = tell_of_change(workspace.store, keys.lock)
    except HarvesterError as error:
        return f"The running stream could not be told; stop and start it. {error}"
    if not is_heard:
        return "The stream takes the changes over when it starts next."
    return "The running stream takes this over within a minute."


def _may_run(workspace: Workspace, keys: CollectionKeys) -> bool:
    """Whether a stream runs, or whether that cannot be seen from here."""
    from harvester.harvest import catalog

    try:
        return bool(workspace.compute.task(keys.id) or catalog.live_lock(workspace.store, keys))
    except HarvesterError:
        # Who may store a collection may not be allowed to look at the cluster.
        return True
