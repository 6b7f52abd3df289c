"""Stored changes of a collection reach its running stream, or the command says that they need a restart."""

from collections.abc import Iterable

import click

from harvester.commands.cli.printed_commands import complete
from harvester.commands.cli.workspace import Workspace
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.networks.registry import network_of
from harvester.store.keys import CollectionKeys

# What a stream reads when it starts, and what of its filter; of other members it takes no notice.
_AT_THE_START, _OF_THE_FILTER = (
    ("keys", "task", "check_in", "sinks"),
    ("count_rules", "attribution", "backfill_minutes", "recovery_hours"),
)
# X's delay, and before it the pause after a change that was made just before.
_IN_FORCE_AFTER = "20 to 40 s"


def tell(workspace: Workspace, keys: CollectionKeys, before: Tree, after: Tree) -> None:
    """Tell the stream of a collection, if one runs, that it was changed so; and the person what follows."""
    live, rest = _changed(before, after)
    if not network_of(after).changes_streams:
        live, rest = [], [*live, *rest]
    if not (live or rest) or not _may_run(workspace, keys):
        return
    if live:
        click.echo(_told(workspace, keys))
    if rest:
        click.echo(f"Stop and start the stream for the changed {' and '.join(rest)} to go into effect.")


def notify_late(workspace: Workspace, collection_id: str) -> bool:
    """Tell a stream that runs with an earlier version, as after a crash before `tell`; whether one does."""
    from harvester.collection import history
    from harvester.harvest import catalog

    keys = workspace.keys(collection_id)
    stored, used = history.current(workspace.store, keys), catalog.running(workspace.store, keys)
    version = used.get("collection_version") if used else None
    if not version or version == stored.get("version") or not network_of(stored).changes_streams:
        return False
    click.echo(f"The stream of {keys.id} runs with version {version}, not {stored.get('version')}.")
    click.echo(_told(workspace, keys))
    return True


def _changed(before: Tree, after: Tree) -> tuple[list[str], list[str]]:
    """What a running stream can take over, and what only its next start does."""
    old, new = before.get("filter") or {}, after.get("filter") or {}
    in_filter = _differing(old, new, {**old, **new})
    live = ["filter"] if set(in_filter) - set(_OF_THE_FILTER) else []
    live += _differing(before, after, ("budget_usd",))
    rest = [f"filter.{name}" for name in in_filter if name in _OF_THE_FILTER]
    return live, [*_differing(before, after, _AT_THE_START), *rest]


def _differing(old: Tree, new: Tree, names: Iterable[str]) -> list[str]:
    return [name for name in names if old.get(name) != new.get(name)]


def _told(workspace: Workspace, keys: CollectionKeys) -> str:
    from harvester.harvest.lock import RENEWED_AFTER
    from harvester.harvest.lock_content import note_change

    try:
        lives = note_change(workspace.store, keys.lock)
    except HarvesterError as error:
        return f"The running stream was not notified; stop and start it. {error}"
    if not lives:
        return "The changes take effect when the stream starts next."
    return (
        f"The running stream applies this within {lives * RENEWED_AFTER:.0f} s; changed rules take "
        f"effect {_IN_FORCE_AFTER} later. " + complete(f"`harvest running {keys.id}` says if it cannot.")
    )


def _may_run(workspace: Workspace, keys: CollectionKeys) -> bool:
    """Whether a stream runs, or whether that cannot be seen from here."""
    from harvester.harvest import catalog

    try:
        return bool(workspace.compute.task(keys.id) or catalog.live_lock(workspace.store, keys))
    except HarvesterError:
        # Who may store a collection may not be allowed to look at the cluster.
        return True
