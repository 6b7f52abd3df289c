"""The shards of a collection are stored as it says; a running stream of theirs takes the change."""

from harvester.collection.merge import plain
from harvester.commands.cli.workspace import Workspace
from harvester.commands.config import running_stream
from harvester.documents import Tree
from harvester.errors import HarvesterError, NotFound


def stored_shard(workspace: Workspace, collection_id: str) -> Tree | None:
    """The collection that is a shard; None if there is none."""
    from harvester.collection import history

    try:
        return history.current(workspace.store, workspace.keys(collection_id))
    except NotFound:
        return None


def store_shard(workspace: Workspace, made: Tree) -> None:
    """Store a shard, and tell its stream; raises if another collection has its id."""
    from harvester.collection import history

    keys = workspace.keys(made["id"])
    before = stored_shard(workspace, made["id"])
    if before is None:
        history.add(workspace.store, keys, made)
        return
    if before.get("shard_of") != made["shard_of"]:
        raise HarvesterError(
            f"There is another collection {made['id']}.",
            hint=f"Copy it to another id and delete it, or copy {made['shard_of']} to another id.",
        )
    own = ("version", "timestamp", "changeset")
    after = history.edit(
        workspace.store,
        keys,
        lambda now: {**{name: now[name] for name in own if name in now}, **made},
        note=f"As {made['shard_of']}.",
    )
    running_stream.tell(workspace, keys, before, after)


def lacks_changes(workspace: Workspace, made: Tree) -> bool:
    """Whether a shard was not stored since its collection was changed so."""
    return plain(stored_shard(workspace, made["id"]) or {}) != made
