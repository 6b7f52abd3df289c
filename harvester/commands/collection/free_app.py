"""A network may allow one stream per app: what would be the second one is refused before it is started."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from harvester.collection.kinds import is_stream
from harvester.commands.cli import network_client
from harvester.commands.cli.workspace import Workspace
from harvester.documents import Collection
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys

# How long it is looked whether X accepts the keys, in seconds.
_ASKED_FOR = 5.0
_RUNS = ("STARTING", "RUNNING")


def require_several_apps(workspace: Workspace, trees: Mapping[str, Collection]) -> None:
    """Raise where two of these would need the one stream of an app."""
    from harvester.networks.registry import network_of

    for one, other in combinations(trees, 2):
        app = "" if workspace.settings.cluster else _app_of(workspace, trees[one])
        same = bool(app) and app == _app_of(workspace, trees[other])
        if same or _share_an_app(trees[one], trees[other]):
            raise HarvesterError(
                f"{one} and {other} have keys of the same app; "
                f"{network_of(trees[one]).title} allows one stream per app.",
                hint="Give one of them a profile of another app, or start only one.",
                exit_code=Exit.USAGE,
            )


def require_free_stream(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> None:
    """Raise where another stream uses the same app, here or anywhere, or the network refuses the keys."""
    from harvester.harvest import app_lock
    from harvester.networks.registry import network_of

    if rival := next(_rivals(workspace, keys, tree), ""):
        profile = (tree.get("keys") or {}).get("profile")
        named = f"the keys of profile {profile}" if profile else "the same keys"
        raise HarvesterError(
            f"The stream of {rival} already runs with {named}, or with others of the same app; "
            f"{network_of(tree).title} allows one stream per app.",
            hint=f"Stop it with `collection filter-stop {rival}`, or use keys of another app.",
            exit_code=Exit.LOCKED,
        )
    if app := _app_of(workspace, tree):
        app_lock.require_free(workspace.store, app)
    if not workspace.settings.cluster:
        _require_accepted_keys(workspace, tree)


def _app_of(workspace: Workspace, tree: Mapping[str, Any]) -> str:
    """The app of which one stream may run; empty where there is no such limit, or it cannot be seen here."""
    from harvester.networks.registry import network_of

    network = network_of(tree)
    if not network.one_stream_per_app:
        return ""
    try:
        return network.keys(tree, workspace.settings).app
    except HarvesterError:
        # Who may start a task need not be allowed to read its keys; the harvest looks for itself.
        return ""


def _rivals(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> Iterator[str]:
    """The collections of other streams that run here with the same keys."""
    from harvester.collection import history

    app = "" if workspace.settings.cluster else _app_of(workspace, tree)
    for task in workspace.compute.tasks():
        if task.collection_id == keys.id or task.status not in _RUNS:
            continue
        try:
            other = history.current(workspace.store, workspace.keys(task.collection_id))
            shares = is_stream(other) and (
                _share_an_app(tree, other) or bool(app and app == _app_of(workspace, other))
            )
        except HarvesterError:
            continue
        if shares:
            # One that has just ended by itself takes a moment to exit.
            still = workspace.compute.settled(task.collection_id)
            if still is not None and still.status in _RUNS:
                yield task.collection_id


def _share_an_app(one: Collection, other: Mapping[str, Any]) -> bool:
    """Whether the network lets only one of two streams run, as both have the same keys."""
    from harvester.networks.registry import network_of

    network = network_of(one)
    same_keys = (one.get("keys") or {}) == (other.get("keys") or {})
    return same_keys and network.one_stream_per_app and network is network_of(other)


def _require_accepted_keys(workspace: Workspace, tree: Collection) -> None:
    from harvester.networks.registry import network_of

    client = network_client.client(workspace.settings, tree, patience=_ASKED_FOR)
    try:
        network_of(tree).require_accepted(client)
    finally:
        client.close()
