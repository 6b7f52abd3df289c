"""A crawl that workers read is begun once, by the command that starts them, and has its queue for itself."""

import orjson

from harvester.clock import timestamp
from harvester.collection import history
from harvester.collection.begun_crawl import BEGUN, crawl_state, kept
from harvester.collection.workers import worker_ids
from harvester.documents import Collection, Tree, object_in
from harvester.errors import Conflict, Exit, HarvesterError, NotFound
from harvester.harvest import lock_content
from harvester.harvest.depth_files import packed_ids
from harvester.store import Store, stored_at
from harvester.store.keys import CollectionKeys
from harvester.store.worker_keys import queue_key

_TRIES = 10


def take_queue(store: Store, url: str, collection_id: str) -> None:
    """Have the queue serve this collection's crawl; raises while workers of another one use it."""
    key, data = queue_key(url), orjson.dumps({"collection": collection_id})
    for _ in range(_TRIES):
        try:
            before = stored_at(store, key)
            if before is None:
                store.create(key, data)
            elif (held := str(object_in(before.data).get("collection") or "")) != collection_id:
                if living := _living(store, held):
                    raise _in_use(held, living)
                store.replace(key, data, version=before.version)
        except (Conflict, NotFound):
            continue
        return
    raise _in_use("another collection", [])


def _living(store: Store, collection_id: str) -> list[str]:
    """The workers of a collection that live."""
    try:
        ids = worker_ids(history.current(store, CollectionKeys(collection_id)))
    except HarvesterError:
        return []
    return [each for each in ids if lock_content.holder(store, CollectionKeys(each).lock)]


def _in_use(held: str, living: list[str]) -> HarvesterError:
    return HarvesterError(
        f"The queue serves the crawl of {held}, whose workers run: {' '.join(living) or 'unknown'}.",
        hint=f"Stop them with `harvest stop {held}`, or wait: a queue serves one crawl at a time.",
        exit_code=Exit.LOCKED,
    )


def begin_crawl(store: Store, keys: CollectionKeys, tree: Collection) -> str:
    """The crawl of a collection with workers, begun unless one is under way: when it was."""
    if crawl := crawl_state(tree):
        return str(crawl["started"])
    now = store.now().replace(microsecond=0)
    try:
        store.create(keys.crawl(now).depth(0), packed_ids(sorted(tree["users"])))
    except Conflict:
        raise HarvesterError(
            f"Another crawl of {keys.id} was begun in this second.", hint="Try again.", exit_code=Exit.LOCKED
        ) from None
    begun = timestamp(now)

    def with_crawl(current: Tree) -> Tree:
        section = current.get("graph") or {}
        crawl = section.get("crawl") or {"started": begun, "depth": 0, BEGUN: kept(section)}
        return {**current, "graph": {**section, "crawl": crawl}}

    # Another that was begun meanwhile stays, and this one has no name.
    stored = history.edit(store, keys, with_crawl, note="A crawl begins.")
    return str(stored["graph"]["crawl"]["started"])
