"""Every change of a collection is a changeset before it is true, and replaying all of them gives the collection.

A changeset becomes part of the history when `collection.json` is replaced by the version it makes, on the
condition that nobody replaced it since. One that is written but not yet part of it, because its writer died or
is still at it, is completed by whoever comes next; one that lost against another is removed.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson

from harvester.changeset import Tree, apply, diff
from harvester.collection import without_secrets
from harvester.errors import Conflict, Exit, HarvesterError, NotFound
from harvester.layout import CollectionKeys, changeset_version, moment, timestamp
from harvester.store import Store, Stored

_TRIES = 100


def read(store: Store, keys: CollectionKeys) -> Stored:
    """collection.json as it is; raises NotFound in words when there is no such collection."""
    try:
        return store.read(keys.collection)
    except NotFound as error:
        raise NotFound(
            f"There is no collection {keys.id} in {store.name}.",
            hint="Check the id, or add the collection first.",
            exit_code=Exit.NO_COLLECTION,
        ) from error


def add(store: Store, keys: CollectionKeys, tree: Tree) -> Tree:
    """A new collection with its first changeset. Raises Conflict when there is one of this id."""
    first = _write_changeset(store, keys, {}, tree, note="")
    try:
        store.create(keys.collection, _json(first))
    except Conflict as error:
        store.remove(keys.changesets + first["changeset"])
        raise Conflict(
            f"Collection {keys.id} already exists in {store.name}.", hint="Choose another id, or update it."
        ) from error
    return first


def edit(
    store: Store, keys: CollectionKeys, change: Callable[[Tree], Tree], *, note: str = "", harvest: str = ""
) -> Tree:
    """The collection after `change`, which is called again whenever somebody else was faster.

    Nothing is written where nothing changes.
    """
    for _ in range(_TRIES):
        stored = read(store, keys)
        tree = _parsed(stored, keys)
        if _completed_for_another(store, keys, tree, stored):
            continue
        new = change(tree)
        if diff(tree, new) == ({}, []):
            return tree
        try:
            new = _write_changeset(store, keys, tree, new, note=note, harvest=harvest)
        except Conflict:
            # Another one of this second and version: the next round completes it.
            continue
        try:
            store.replace(keys.collection, _json(new), version=stored.version)
        except Conflict:
            if _is_history(store, keys, new["changeset"]):
                return new
            store.remove(keys.changesets + new["changeset"])
        else:
            return new
    raise HarvesterError(f"{keys.collection} was changed {_TRIES} times while it was to be changed here.")


def adopt(store: Store, keys: CollectionKeys) -> None:
    """Begin the history of a collection that was put into its place by hand."""
    stored = read(store, keys)
    tree = _parsed(stored, keys)
    if tree.get("changeset") or any(True for _ in store.entries(keys.changesets)):
        return
    new = _write_changeset(store, keys, {}, tree, note="Found as it was put here.")
    try:
        store.replace(keys.collection, _json(new), version=stored.version)
    except Conflict:
        # Edited at this very moment: the next harvest adopts it as it is then.
        store.remove(keys.changesets + new["changeset"])


def replay(store: Store, keys: CollectionKeys) -> Tree:
    """The collection that all its changesets make, one after the other."""
    tree: Tree = {}
    names = sorted(
        (entry.key for entry in store.entries(keys.changesets)), key=lambda key: (changeset_version(key), key)
    )
    for name in names:
        changeset = orjson.loads(store.read(name).data)
        tree = apply(tree, changeset["update"], changeset["delete"])
    return tree


def _write_changeset(
    store: Store, keys: CollectionKeys, old: Tree, new: Tree, *, note: str, harvest: str = ""
) -> Tree:
    """Write the step from `old` to `new`; `new` with the version, time and changeset it now has."""
    version = _version(old) + 1
    changed = store.now()
    if "timestamp" in old:
        changed = max(changed, moment(old["timestamp"]))
    key = keys.changeset(changed, version)
    new = {**new, "version": version, "timestamp": timestamp(changed), "changeset": key.rpartition("/")[2]}
    # A secret that a collection of 2019 still holds is not copied into its history.
    update, delete = diff(without_secrets(old), without_secrets(new))
    changeset: dict[str, Any] = {
        "version": version,
        "change_timestamp": new["timestamp"],
        "parent": old.get("changeset"),
        "update": update,
        "delete": delete,
    }
    if harvest:
        changeset["harvest_timestamp"] = harvest
    if note:
        changeset["note"] = note
    store.create(key, _json(changeset))
    return new


def _completed_for_another(store: Store, keys: CollectionKeys, tree: Tree, stored: Stored) -> bool:
    """Complete or clear away what other writers left; True when the collection has to be read again."""
    names = [entry.key.rpartition("/")[2] for entry in store.entries(keys.changesets)]
    head = _version(tree)
    ahead = [name for name in names if changeset_version(name) > head]
    for name in ahead:
        try:
            changeset = orjson.loads(store.read(keys.changesets + name).data)
        except NotFound:
            return True
        if changeset.get("parent") == tree.get("changeset") and changeset_version(name) == head + 1:
            new = apply(tree, changeset["update"], changeset["delete"])
            with suppress(Conflict):
                store.replace(keys.collection, _json(new), version=stored.version)
            return True
    _clear_losers(store, keys, names, tree)
    return False


def _clear_losers(store: Store, keys: CollectionKeys, names: list[str], tree: Tree) -> None:
    """Where two changesets have one version, the history has one of them; remove the other."""
    versions = Counter(
        version for name in names if 0 < (version := changeset_version(name)) <= _version(tree)
    )
    doubled = {version for version, times in versions.items() if times > 1}
    if not doubled:
        return
    kept = set(_chain(store, keys, tree.get("changeset"), down_to=min(doubled)))
    for name in names:
        if changeset_version(name) in doubled and name not in kept:
            store.remove(keys.changesets + name)


def _is_history(store: Store, keys: CollectionKeys, name: str) -> bool:
    head = orjson.loads(read(store, keys).data).get("changeset")
    return bool(name) and name in _chain(store, keys, head, down_to=changeset_version(name))


def _chain(store: Store, keys: CollectionKeys, name: str | None, *, down_to: int) -> list[str]:
    """The changesets that made the collection, newest first."""
    chain: list[str] = []
    while name and changeset_version(name) >= down_to:
        chain.append(name)
        name = orjson.loads(store.read(keys.changesets + name).data).get("parent")
    return chain


def _parsed(stored: Stored, keys: CollectionKeys) -> Tree:
    try:
        tree = orjson.loads(stored.data)
    except orjson.JSONDecodeError as error:
        raise HarvesterError(f"{keys.collection} is not JSON: {error}.", hint="Mend the file.") from error
    if not isinstance(tree, dict):
        raise HarvesterError(f"{keys.collection} is not a JSON object.", hint="Mend the file.")
    return tree


def _version(tree: Tree) -> int:
    version = tree.get("version", 0)
    return version if isinstance(version, int) else 0


def _json(tree: Tree) -> bytes:
    return orjson.dumps(tree, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
