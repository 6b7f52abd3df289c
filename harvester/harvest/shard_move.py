"""A shard whose keys are refused for good continues with a spare profile, in the same harvest."""

from dataclasses import dataclass

from harvester.clock import timestamp
from harvester.collection import history
from harvester.collection.shards import SHARD_OF, SHARDS, Shards, shard_number
from harvester.documents import Collection, Tree
from harvester.store import Store
from harvester.store.keys import CollectionKeys


@dataclass(frozen=True)
class Moved:
    """The previous profile, the new one, and the event about the move."""

    event: Tree
    profile: str


def to_spare(store: Store, collection: Collection, why: str) -> Moved | None:
    """Give the shard the next spare profile, in its collection and in its own; None if there is none.

    After a crash in between, the next harvest completes the move: the collection's entry is authoritative.
    """
    number = shard_number(collection)
    before = str((collection.get("keys") or {}).get("profile") or "")
    if not number:
        return None
    parent = CollectionKeys(str(collection.get(SHARD_OF)))

    def change(tree: Tree) -> Tree:
        shards = Shards.of(tree)
        if shards is None or number > len(shards.apps) or shards.apps[number - 1].profile != before:
            # Another harvest, or this one before a crash, has moved it already.
            return tree
        moved = shards.with_spare(number)
        return {**tree, SHARDS: moved.to_tree()} if moved else tree

    shards = Shards.of(history.edit(store, parent, change, note=f"Shard {number} moved: {why}"))
    profile = shards.apps[number - 1].profile if shards and number <= len(shards.apps) else before
    if profile == before:
        return None
    event = {
        "event": "shard moved",
        "at": timestamp(store.now()),
        "from": before,
        "to": profile,
        "why": why,
    }
    own = CollectionKeys(str(collection["id"]))
    history.edit(store, own, lambda tree: {**tree, "keys": {"profile": profile}}, note=f"Moved: {why}")
    return Moved(event, profile)
