"""Replays a collection's changesets in order."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec

from harvester.clock import moment
from harvester.collection.changeset import apply
from harvester.documents import Tree, checked
from harvester.errors import HarvesterError, NotFound
from harvester.store import Store
from harvester.store.keys import CollectionKeys, changeset_version, is_own

# How many are read at once, and may be in memory: of 100,000 users each may hold ten megabytes.
_AT_ONCE = 8
_HINT = "Restore an earlier version, or remove it and lose that part of the history."


class Head(msgspec.Struct):
    """What tells a changeset's place; of the first one the rest is the whole collection."""

    parent: Any = None
    makes: Any = None


def names(store: Store, keys: CollectionKeys) -> list[str]:
    """The changesets, oldest first; those of 2019 have no version and come before all others."""
    found = [entry.key.rpartition("/")[2] for entry in store.entries(keys.changesets) if is_own(entry.key)]
    return sorted(found, key=lambda name: (changeset_version(name), name))


def changesets(store: Store, keys: CollectionKeys) -> Iterator[tuple[str, Tree]]:
    """The names and contents of all changesets, in the order in which they were made."""
    return _read(store, keys, names(store, keys))


def _read(store: Store, keys: CollectionKeys, found: Sequence[str]) -> Iterator[tuple[str, Tree]]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for start in range(0, len(found), _AT_ONCE):
            part = found[start : start + _AT_ONCE]
            read = pool.map(lambda name: store.read(keys.changesets + name).data, part)
            for name, data in zip(part, read, strict=True):
                yield name, checked(data, keys.changesets + name, hint=_HINT)


def replay(store: Store, keys: CollectionKeys) -> Tree:
    """The collection that all its changesets make."""
    return _made(keys, changesets(store, keys))


def as_of(store: Store, keys: CollectionKeys, at: datetime) -> Tree | None:
    """The collection as it was at a moment; None if no changeset is that old."""

    def until_then() -> Iterator[tuple[str, Tree]]:
        for name, changeset in changesets(store, keys):
            if _made_at(changeset, keys.changesets + name) > at:
                return
            yield name, changeset

    return _made(keys, until_then()) or None


def _made_at(changeset: Tree, key: str) -> datetime:
    try:
        return moment(str(changeset.get("change_timestamp")))
    except ValueError as error:
        raise HarvesterError(f"{key} is damaged: it does not say when it was made.", hint=_HINT) from error


def tree_at(store: Store, keys: CollectionKeys, name: str) -> Tree | None:
    """The collection as that changeset made it; None if that changeset does not exist."""
    found = names(store, keys)
    return _made(keys, _read(store, keys, found[: found.index(name) + 1])) if name in found else None


def _made(keys: CollectionKeys, made_by: Iterator[tuple[str, Tree]]) -> Tree:
    tree: Tree = {}
    for name, changeset in made_by:
        tree = applied(tree, changeset, keys.changesets + name)
    return tree


def applied(tree: Tree, changeset: Tree, key: str) -> Tree:
    """`tree` after a changeset, which stands under `key`; raises a HarvesterError if it is not one."""
    update, delete = changeset.get("update"), changeset.get("delete")
    if not isinstance(update, dict) or not isinstance(delete, list):
        raise HarvesterError(f"{key} is damaged: it does not say what it changes.", hint=_HINT)
    return apply(tree, update, delete)


def head(store: Store, keys: CollectionKeys, name: Any) -> Head | None:
    if not isinstance(name, str) or not is_own(keys.changesets + name):
        return None
    try:
        return msgspec.json.decode(store.read(keys.changesets + name).data, type=Head)
    except NotFound:
        return None
    except msgspec.DecodeError as error:
        raise HarvesterError(f"{keys.changesets}{name} is damaged: {error}.", hint=_HINT) from error


def chain(store: Store, keys: CollectionKeys, name: str | None, *, down_to: int) -> list[str]:
    """The changesets that made the collection, newest first, from `name` down to a version."""
    found: list[str] = []
    while (of := head(store, keys, name)) and name and changeset_version(name) >= down_to:
        found.append(name)
        name = of.parent
    return found
