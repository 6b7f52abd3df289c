"""Every change of a collection is a changeset before it is true; replaying all of them gives the collection.

A changeset becomes part of the history when `collection.json` is replaced by the version it makes, on the
condition that it was not replaced since. One that is written but not yet part of it, because its writer died
or is still at it, is completed by the next writer; one that lost against another is removed. What was
changed by hand, in an editor or by a copy, is merged with what has happened since that copy was made, and has
a changeset from the next edit on.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import orjson

from harvester.clock import moment, timestamp
from harvester.collection import replay
from harvester.collection.changeset import apply, diff, same
from harvester.collection.description import with_state
from harvester.collection.known import Known
from harvester.collection.secrets import without_secrets
from harvester.documents import Changeset, Tree, checked, object_in, opened, pieces, unambiguous, written
from harvester.errors import Conflict, HarvesterError, NotFound
from harvester.store import Store, Stored
from harvester.store.absent import no_collection
from harvester.store.keys import CollectionKeys, changeset_version

_TRIES = 100
# For a collection that is damaged.
REPAIR = (
    "`collection-config changes` shows when it changed. `collection-config download ID --as-of TIME` gets "
    "what it was then; move the damaged one away, and `collection add` stores it."
)


def read(store: Store, keys: CollectionKeys) -> Stored:
    """collection.json as it is; raises NotFound, with a hint, if it does not exist."""
    try:
        return store.read(keys.collection)
    except NotFound as error:
        raise no_collection(store, keys) from error


def current(store: Store, keys: CollectionKeys) -> Tree:
    """The collection as it is; raises a HarvesterError if there is none, or it is damaged."""
    return _parsed(read(store, keys), keys)


def versions_used(store: Store, keys: CollectionKeys, harvest: str) -> list[Tree]:
    """The collection as a harvest used it, and its current version; of repairs that of the collection."""
    found = []
    with suppress(NotFound):
        found.append(object_in(store.read(keys.harvest(moment(harvest)).collection).data))
    with suppress(HarvesterError):
        found.append(object_in(read(store, CollectionKeys(keys.id)).data))
    return found


def add(store: Store, keys: CollectionKeys, tree: Tree) -> Tree:
    """A new collection with its first changeset. Raises Conflict when there is one of this id."""
    there = Conflict(
        f"Collection {keys.id} already exists in {store.name}.", hint="Choose another id, or update it."
    )
    if any(entry.key == keys.collection for entry in store.entries(keys.collection)):
        raise there
    for _ in range(_TRIES):
        try:
            # Of a collection that was removed, or not quite added, the history may still be there.
            first = _write_changeset(store, keys, _left(store, keys), tree)
        except Conflict:
            continue
        try:
            store.create(keys.collection, written(first))
        except Conflict as error:
            if not _is_history(store, keys, first["changeset"]):
                store.remove(keys.changesets + first["changeset"])
            raise there from error
        return first
    raise _busy(keys)


def edit(
    store: Store,
    keys: CollectionKeys,
    change: Callable[[Tree], Tree],
    *,
    note: str = "",
    harvest: str = "",
    compact: bool = False,
) -> Tree:
    """The collection after `change`, which is called again whenever another writer was faster.

    Nothing is written where nothing changes. `change` is given `compact` users where that is set.
    """
    for _ in range(_TRIES):
        # In a step of its own, which leaves nothing behind: of 100,000 users a version takes 50 MB.
        edited = _edit_once(store, keys, change, note=note, harvest=harvest, compact=compact)
        if edited is not None:
            return edited
    raise _busy(keys)


def _edit_once(
    store: Store,
    keys: CollectionKeys,
    change: Callable[[Tree], Tree],
    *,
    note: str,
    harvest: str,
    compact: bool,
) -> Tree | None:
    """The collection after `change`; None if it has to be read again before."""
    tree, version = adopt(store, keys, compact=compact)
    new = change(tree)
    if same(tree, new):
        return tree
    return _replace(store, keys, version, tree, new, note=note, harvest=harvest)


def adopt(
    store: Store, keys: CollectionKeys, *, compact: bool = False, known: Known | None = None
) -> tuple[Tree, str]:
    """The collection and its version, after what was put there or changed by hand has got its changeset.

    If it is still the version that is `known`, it is not parsed again.
    """
    for _ in range(_TRIES):
        found = _adopt_once(store, keys, compact=compact, known=known)
        if found is not None:
            return found
    raise _busy(keys)


def _adopt_once(
    store: Store, keys: CollectionKeys, *, compact: bool, known: Known | None
) -> tuple[Tree, str] | None:
    """The collection and its version; None if it has to be read again before."""
    stored = read(store, keys)
    version = stored.version
    tree = (known and known.taken(version)) or _parsed(stored, keys, compact=compact)
    del stored
    if not _has_its_changeset(store, keys, tree):
        _adopt(store, keys, version, tree)
        return None
    return None if _completed_for_another(store, keys, tree, version) else (tree, version)


def _left(store: Store, keys: CollectionKeys) -> Tree:
    """What the changesets make, as the version that the last of them is."""
    last = (replay.names(store, keys) or [""])[-1]
    return {**replay.replay(store, keys), "version": changeset_version(last), "changeset": last or None}


def _adopt(store: Store, keys: CollectionKeys, stored: str, tree: Tree) -> None:
    left, copied = _left(store, keys), tree.get("changeset")
    left["version"] = max(_version(left), _version(tree))
    if left.get("users"):
        # What was learnt of each is merged with what a person wrote.
        tree = opened(tree)
    before = replay.tree_at(store, keys, copied) if isinstance(copied, str) else None
    new = with_state(tree, left) if before is None else apply(left, *diff(before, tree))
    _replace(store, keys, stored, left, new, note="Changed by hand.")


def _replace(
    store: Store, keys: CollectionKeys, stored: str, old: Tree, new: Tree, *, note: str, harvest: str = ""
) -> Tree | None:
    """Go the step from `old` to `new`, if the store's version is still `stored`; None if it is not."""
    try:
        new = _write_changeset(store, keys, old, new, note=note, harvest=harvest)
    except Conflict:
        # Another one of this second and version: the next round completes it.
        return None
    try:
        store.replace(keys.collection, written(new), version=stored)
    except Conflict:
        if not _is_history(store, keys, new["changeset"]):
            store.remove(keys.changesets + new["changeset"])
            return None
    return new


def _write_changeset(
    store: Store, keys: CollectionKeys, old: Tree, new: Tree, *, note: str = "", harvest: str = ""
) -> Tree:
    """Write the step from `old` to `new`; `new` with the version, time and changeset it now has."""
    version = _version(old) + 1
    changed = max(store.now(), _timestamp(old))
    key = keys.changeset(changed, version)
    new = {**new, "version": version, "timestamp": timestamp(changed), "changeset": key.rpartition("/")[2]}
    # A secret that a collection of 2019 still holds is not copied into its history.
    update, delete = diff(without_secrets(old), without_secrets(new))
    changeset: Changeset = {
        "version": version,
        "change_timestamp": new["timestamp"],
        "parent": old.get("changeset"),
        "makes": _digest(new),
        "update": update,
        "delete": delete,
    }
    if harvest:
        changeset["harvest_timestamp"] = harvest
    if note:
        changeset["note"] = note
    store.create(key, written(changeset))
    return new


def _has_its_changeset(store: Store, keys: CollectionKeys, tree: Tree) -> bool:
    """Whether the collection is what its last changeset made, and was not changed by hand since."""
    head = replay.head(store, keys, tree.get("changeset"))
    return head is not None and head.makes == _digest(tree)


def _completed_for_another(store: Store, keys: CollectionKeys, tree: Tree, stored: str) -> bool:
    """Complete or clear away what other writers left; True when the collection has to be read again."""
    names = replay.names(store, keys)
    for name in names:
        if changeset_version(name) != _version(tree) + 1:
            continue
        head = replay.head(store, keys, name)
        if head is None:
            return True
        if head.parent == tree["changeset"]:
            # Another may have completed it, or cleared it away, since the list was read.
            with suppress(Conflict, NotFound):
                key = keys.changesets + name
                new = replay.applied(tree, checked(store.read(key).data, key), key)
                store.replace(keys.collection, written(new), version=stored)
            return True
    _clear_losers(store, keys, names, tree)
    return False


def _clear_losers(store: Store, keys: CollectionKeys, names: list[str], tree: Tree) -> None:
    """Where two changesets have one version, the history has one of them; remove the other."""
    versions = Counter(map(changeset_version, names))
    doubled = {version for version, times in versions.items() if times > 1 and 0 < version <= _version(tree)}
    if not doubled:
        return
    kept = replay.chain(store, keys, tree["changeset"], down_to=min(doubled))
    if not doubled <= {changeset_version(name) for name in kept}:
        # The chain is broken, so it is unknown which one lost.
        return
    for name in names:
        if changeset_version(name) in doubled and name not in kept:
            store.remove(keys.changesets + name)


def _is_history(store: Store, keys: CollectionKeys, name: str) -> bool:
    head = current(store, keys).get("changeset")
    return name in replay.chain(store, keys, head, down_to=changeset_version(name))


def _parsed(stored: Stored, keys: CollectionKeys, *, compact: bool = False) -> Tree:
    return unambiguous(stored.data, keys.collection, hint=REPAIR, compact=compact)


def _version(tree: Tree) -> int:
    version = tree.get("version")
    return version if isinstance(version, int) and version > 0 else 0


def _timestamp(tree: Tree) -> datetime:
    """When the tree was changed last, as far as it says so in a form that can be read."""
    with suppress(KeyError, ValueError, TypeError):
        return moment(tree["timestamp"])
    return datetime.min.replace(tzinfo=UTC)


def _digest(tree: Tree) -> str:
    found = hashlib.sha256()
    for piece in pieces(without_secrets(tree), option=orjson.OPT_SORT_KEYS):
        found.update(piece)
    return found.hexdigest()


def _busy(keys: CollectionKeys) -> HarvesterError:
    return HarvesterError(
        f"{keys.collection} was changed by others {_TRIES} times during this change.",
        hint="Nothing was changed here: try again.",
    )
