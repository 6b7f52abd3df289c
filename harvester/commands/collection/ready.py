"""What must hold before a harvest of a collection is started."""

from harvester.collection.kinds import has_users
from harvester.collection.workers import require_no_workers
from harvester.commands.cli.output import advise
from harvester.commands.cli.workspace import Workspace
from harvester.documents import Collection
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys

# Wanted, but nothing of it runs any more.
OVER = ("GAVE UP", "DIED", "STOPPING", "NO CAPACITY")


def require_users(tree: Collection) -> None:
    """Raise if a collection of users has none; workers read those of their collection, in its place."""
    require_no_workers(tree)
    if tree.get("worker_of"):
        return
    if has_users(tree) and not tree.get("users"):
        raise HarvesterError(
            "The collection has no users.",
            hint="Add some with `collection-config screennames`, then run `collection-config update`.",
            exit_code=Exit.USAGE,
        )


def require_collection(
    workspace: Workspace, collection_id: str, *kinds: str
) -> tuple[CollectionKeys, Collection]:
    """Raise unless there is such a collection, valid, and of one of these kinds; its keys and itself."""
    from harvester.errors import NotFound

    keys = workspace.keys(collection_id)
    try:
        return keys, workspace.collection(keys, *kinds)
    except NotFound as error:
        raise NotFound(
            "Collection does not exist.",
            hint=f"{error.message} {error.hint}",
            exit_code=Exit.NO_COLLECTION,
        ) from error


def warn_of_refusals(tree: Collection) -> None:
    """Say what a network's usual limits speak against; those of an app may be others."""
    from harvester.networks.registry import network_of

    network = network_of(tree)
    for each in network.estimates(tree):
        if not each.ok:
            advise(f"{network.title} may refuse {tree['id']}: {each.detail} {each.hint}".rstrip())


def require_keys(workspace: Workspace, tree: Collection) -> None:
    """Raise unless a harvest that is started would find keys."""
    from harvester.networks.registry import network_of

    network_of(tree).require_keys(tree, workspace.settings)


def require_idle(workspace: Workspace, keys: CollectionKeys) -> None:
    """Raise while a harvest of the collection runs, here or anywhere."""
    from harvester.harvest import catalog

    task = workspace.compute.task(keys.id)
    if task and task.status not in OVER:
        where = workspace.compute.name
    elif owner := catalog.live_lock(workspace.store, keys):
        where = owner.get("host", "an unknown host")
    else:
        return
    raise HarvesterError(
        f"A harvest of {keys.id} is already running on {where}.",
        hint=f"See `harvest running {keys.id}`; `harvest stop {keys.id}` ends it.",
        exit_code=Exit.LOCKED,
    )
