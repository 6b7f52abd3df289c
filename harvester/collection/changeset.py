"""The difference between two versions of a collection; applying it to the old one gives the new one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from harvester.documents import CompactUsers, GrowingUsers, Tree

# What is an object in JSON.
_OBJECTS = (dict, CompactUsers)


def diff(old: Tree, new: Tree) -> tuple[Tree, list[Any]]:
    """(update, delete) such that `apply(old, update, delete) == new`.

    `update` is a nested object of new values; `delete` lists keys, or {key: [keys below it]}. Lists and
    other values are replaced whole.
    """
    update: Tree = {}
    delete: list[Any] = []
    below: Tree = {}
    for key, value in new.items():
        before = old.get(key)
        if before is value and value is not None:
            # What a harvest did not touch is the very same object, such as most of 100,000 users.
            continue
        if isinstance(before, _OBJECTS) and isinstance(value, _OBJECTS):
            inner_update, inner_delete = _inner_diff(before, value)
            if inner_update:
                update[key] = inner_update
            if inner_delete:
                below[key] = inner_delete
        elif key not in old or not same(before, value):
            update[key] = value
    delete.extend(key for key in old if key not in new)
    if below:
        delete.append(below)
    return update, delete


def same(one: Any, other: Any) -> bool:
    """Whether two values are one in JSON."""
    if one is other:
        return True
    # In Python True == 1, in JSON they are two values; and a list may hold either.
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, _OBJECTS) and isinstance(other, _OBJECTS):
        return all(
            mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in mine)
            for mine, theirs in _where_they_differ(one, other)
        )
    return type(one) is type(other) and one == other


def apply(tree: Tree, update: Mapping[str, Any], delete: list[Any]) -> Tree:
    """The new tree; keys to delete that are not there are passed over, `tree` stays as it is."""
    new = dict(tree)
    for key, value in update.items():
        new[key] = _updated(new.get(key), value)
    for entry in delete:
        if isinstance(entry, dict):
            _delete_below(new, entry)
        else:
            new.pop(entry, None)
    return new


def _updated(before: Any, value: Any) -> Any:
    """The new value of a key that had the value `before`."""
    if not isinstance(value, _OBJECTS):
        return value
    if isinstance(before, CompactUsers):
        return before.changed(value, partial(_applied, value))
    if isinstance(before, dict):
        return apply(before, value, [])
    return apply({}, value, []) if isinstance(value, dict) else value


def _delete_below(new: Tree, entry: Mapping[str, list[Any]]) -> None:
    for key, inner in entry.items():
        if isinstance(before := new.get(key), CompactUsers):
            new[key] = before.changed(_named(inner), partial(_deleted, inner))
        elif isinstance(before, dict):
            new[key] = apply(before, {}, inner)


def _applied(update: Mapping[str, Any], users: Tree, turn: Sequence[str]) -> Tree:
    return apply(users, {user: update[user] for user in turn}, [])


def _deleted(delete: list[Any], users: Tree, _: Sequence[str]) -> Tree:
    return apply(users, {}, delete)


def _patched(patch: Mapping[str, Any], users: Tree, turn: Sequence[str]) -> Tree:
    return patched(users, {user: patch[user] for user in turn})


def _named(delete: list[Any]) -> Iterable[str]:
    """The keys below which something is deleted, or that are."""
    for entry in delete:
        yield from entry if isinstance(entry, dict) else [entry]


def _where_they_differ(one: Any, other: Any) -> Iterable[tuple[Any, Any]]:
    """Parts of two objects, without what is known to be alike."""
    if isinstance(one, CompactUsers) and isinstance(other, CompactUsers):
        return one.differing(other)
    return [(one, other)]


def _inner_diff(old: Any, new: Any) -> tuple[Any, list[Any]]:
    """As `diff`; of compact users, what is updated is compact, too."""
    if not isinstance(old, CompactUsers) or not isinstance(new, CompactUsers):
        return diff(old, new)
    gone: list[Any] = []
    below: Tree = {}

    def updates() -> Iterator[tuple[str, Any]]:
        for mine, theirs in old.differing(new):
            update, delete = diff(mine, theirs)
            for entry in delete:
                if isinstance(entry, dict):
                    below.update(entry)
                else:
                    gone.append(entry)
            yield from update.items()

    update = CompactUsers.of(updates())
    return update, [*gone, below] if below else gone


def merged(patch: Tree, later: Tree) -> Tree:
    """Two merge patches (RFC 7396) as one; a null stays, for it means "delete".

    A merge patch cannot say "delete, and then set": where `patch` deletes an object, or puts another value in
    its place, `later` must name every key the object had.
    """
    new: Tree = _copied(patch)
    merge_into(new, later)
    return new


def merge_into(patch: Tree, later: Tree) -> None:
    """As `merged`, in place: for the one patch that a long harvest adds to after each page."""
    for key, value in later.items():
        before = patch.get(key)
        if isinstance(before, GrowingUsers) and isinstance(value, dict):
            for user, change in value.items():
                part = {user: before.get(user)}
                merge_into(part, {user: change})
                before.put(user, part[user])
        elif isinstance(before, dict) and isinstance(value, dict):
            merge_into(before, value)
        else:
            patch[key] = _copied(value)


def _copied(value: Any) -> Any:
    """Objects anew at every depth, so that what is later merged into them changes no other tree."""
    return {key: _copied(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def patched(tree: Tree, patch: Mapping[str, Any]) -> Tree:
    """`tree` after a merge patch (RFC 7396): null deletes, objects merge, all else replaces."""
    new = dict(tree)
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, _OBJECTS):
            before = new.get(key)
            if isinstance(before, CompactUsers):
                new[key] = before.changed(value, partial(_patched, value))
            else:
                new[key] = patched(before if isinstance(before, dict) else {}, value)
        else:
            new[key] = value
    return new
