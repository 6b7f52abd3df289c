"""What harvests say of themselves, found in the store: the running one, the last one, and all before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import orjson

from harvester import history
from harvester.changeset import Tree, apply
from harvester.errors import Conflict, NotFound
from harvester.layout import CollectionKeys, changeset_version, moment
from harvester.lock import content, expiry
from harvester.store import Store

# The name of 2019; docs/migrating-2019.md.
_NAMES = ("harvest.json", "harvester.json")
_AT_ONCE = 16


def changesets(store: Store, keys: CollectionKeys) -> Iterator[tuple[str, Tree]]:
    """The names and contents of all changesets, in the order in which they were made."""
    names = [entry.key for entry in store.entries(keys.changesets)]
    names.sort(key=lambda key: (changeset_version(key), key))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda key: store.read(key).data, names)
        for name, data in zip(names, found, strict=True):
            yield name.rpartition("/")[2], orjson.loads(data)


def tree_at(store: Store, keys: CollectionKeys, *, changeset: str, current: Tree) -> Tree | None:
    """The collection as that changeset made it; None when there is no such changeset."""
    if changeset == current.get("changeset"):
        return current
    tree: Tree = {}
    for name, each in changesets(store, keys):
        tree = apply(tree, each["update"], each["delete"])
        if name == changeset:
            return tree
    return None


def lives(store: Store, keys: CollectionKeys) -> Tree | None:
    """The lock of a harvest that keeps it fresh; None when there is none."""
    try:
        lock = store.read(keys.lock)
    except NotFound:
        return None
    return content(lock) or {"owner": "unknown"} if store.now() <= expiry(lock) else None


def running(store: Store, keys: CollectionKeys) -> Tree | None:
    """harvest.json of the harvest that runs; None when none does."""
    held = lives(store, keys)
    if held is None:
        return None
    try:
        state = orjson.loads(store.read(keys.checkpoint).data)["state"]
        record: Tree = orjson.loads(store.read(keys.harvest(moment(state["harvest"])).harvest).data)
    except (NotFound, KeyError):
        # It holds the lock, and has not begun: it may be finishing a harvest that died.
        return {"collection_id": keys.id, "state": "running", "activity": "starting", **_NOTHING}
    return record


_NOTHING: Tree = {"harvest_timestamp": "", "tweets": 0, "files": 0, "file_bytes": 0}


def last(store: Store, keys: CollectionKeys) -> Tree | None:
    """The record of the last harvest that ended; None when there was none."""
    try:
        pointer = orjson.loads(store.read(keys.last_harvest).data)
    except NotFound:
        return None
    here = keys.harvest(moment(pointer["harvest_id"]))
    for name in _NAMES:
        try:
            return _record(keys, here.folder, store.read(here.file(name)).data)
        except NotFound:
            continue
    # Of 2019: a harvest that failed left no record, and was pointed to all the same.
    lost = {**_NOTHING, "harvest_timestamp": pointer["harvest_id"], "state": "failed"}
    return {**lost, "collection_id": keys.id, "folder": here.folder}


def all_of(store: Store, keys: CollectionKeys, *, newest: int | None = None) -> list[Tree]:
    """The records of so many harvests, newest first."""
    history.read(store, keys)
    names = [
        entry.key
        for entry in store.entries(f"{keys.folder}harvests/")
        if entry.key.rpartition("/")[2] in _NAMES
    ]
    names.sort(reverse=True)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda key: (key, store.read(key).data), islice(names, newest))
        return [_record(keys, key.rpartition("/")[0] + "/", data) for key, data in found]


def _record(keys: CollectionKeys, folder: str, data: bytes) -> Tree:
    record: Tree = {"collection_id": keys.id, **_NOTHING, "state": "complete", **orjson.loads(data)}
    return {**record, "folder": folder}


def user_changes(store: Store, record: Tree) -> list[dict[str, Any]] | None:
    """What became of the users in a harvest; None when it does not say."""
    try:
        found = orjson.loads(store.read(f"{record['folder']}user_changes.json").data)
    except NotFound:
        return None
    return found if isinstance(found, list) else None


def ask_to_stop(store: Store, keys: CollectionKeys) -> None:
    """Leave word for the running harvest, which looks for it every few seconds."""
    try:
        store.create(keys.stop, b"{}\n")
    except Conflict:
        return
