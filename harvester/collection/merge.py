"""Merges a person's edit with what others wrote: removed users stay removed, learnt fields stay."""

from typing import Any

from harvester.collection.changeset import apply, diff
from harvester.collection.kinds import KINDS
from harvester.documents import Tree

# Written by the history itself.
STAMPS = ("version", "timestamp", "changeset")

_LEARNT_ABOVE = tuple(name for kind in KINDS.values() for name in kind.learned_above)
_LEARNT_BELOW = {kind.section: kind.learned for kind in KINDS.values() if not kind.has_users} | {
    section: learned for kind in KINDS.values() for section, learned in kind.learned_in.items()
}
_OF_A_USER = tuple(name for kind in KINDS.values() if kind.has_users for name in kind.learned)


def merged(base: Tree | None, mine: Tree, current: Tree, *, reset: bool = False) -> Tree:
    """`current` with the changes that make `mine` of `base`, which both come from; None if unknown.

    What harvests learn is taken away or set back only with `reset`. Of a user who was removed meanwhile
    an edit is dropped; without a base, who is not in `mine` is removed.
    """
    known = base is not None
    base = plain(current if base is None else base)
    now = plain(current)
    update, delete = diff(base, plain(mine))
    if not reset:
        delete = _sparing_what_is_learnt(delete)
        update = _giving_way(update, base if known else {}, now)
    if "users" in update:
        users = now.get("users", {})
        update["users"] = {
            user: change
            for user, change in update["users"].items()
            if user in users or user not in base.get("users", {})
        }
    return instead(apply(now, update, delete), current)


def plain(tree: Tree) -> Tree:
    """Without what the history writes into it."""
    return {key: value for key, value in tree.items() if key not in STAMPS}


def instead(mine: Tree, current: Tree) -> Tree:
    """`mine` in the place of `current`."""
    return {**plain(mine), **{name: current[name] for name in STAMPS if name in current}}


def conflicts(base: Tree, mine: Tree, current: Tree) -> list[str]:
    """Where the same thing was changed to different ends; in `merged` mine wins there."""
    theirs, _ = diff(plain(base), plain(current))
    ours, _ = diff(plain(base), plain(mine))
    return [" -> ".join(path) for path in _both(ours, theirs, ()) if not _is_learnt(path)]


def removed_users(old: Tree, new: Tree) -> list[str]:
    return [user for user in old.get("users", {}) if user not in new.get("users", {})]


def fresh(tree: Tree) -> Tree:
    """The same description without what harvests learnt, except the names of users."""
    users = {user: _without(of_user, _but_name()) for user, of_user in tree.get("users", {}).items()}
    new = _without(plain(tree), _LEARNT_ABOVE)
    if "users" in new:
        new["users"] = users
    for section, learnt in _LEARNT_BELOW.items():
        if section in new:
            new[section] = _without(new[section], learnt)
    return new


def _but_name() -> tuple[str, ...]:
    return tuple(name for name in _OF_A_USER if name != "screen_name")


def _without(tree: Tree, names: tuple[str, ...]) -> Tree:
    return {key: value for key, value in tree.items() if key not in names}


def _is_learnt(path: tuple[str, ...]) -> bool:
    if path[0] == "users":
        return len(path) > 2 and path[2] in _OF_A_USER
    return path[0] in _LEARNT_ABOVE or (len(path) > 1 and path[1] in _LEARNT_BELOW.get(path[0], ()))


def _sparing_what_is_learnt(delete: list[Any]) -> list[Any]:
    spared: list[Any] = []
    for entry in delete:
        if not isinstance(entry, dict):
            if entry not in _LEARNT_ABOVE:
                spared.append(entry)
            continue
        below = {key: _spared_below(key, inner) for key, inner in entry.items()}
        if any(below.values()):
            spared.append({key: inner for key, inner in below.items() if inner})
    return spared


def _spared_below(section: str, delete: list[Any]) -> list[Any]:
    if section in _LEARNT_BELOW:
        return [key for key in delete if key not in _LEARNT_BELOW[section]]
    if section != "users":
        return delete
    gone = [entry for entry in delete if not isinstance(entry, dict)]
    changed = [_spared_of_users(entry) for entry in delete if isinstance(entry, dict)]
    return [*gone, *filter(None, changed)]


def _spared_of_users(delete: Tree) -> Tree:
    fields = {
        user: [field for field in inner if isinstance(field, dict) or field not in _OF_A_USER]
        for user, inner in delete.items()
    }
    return {user: inner for user, inner in fields.items() if inner}


def _giving_way(update: Tree, base: Tree, current: Tree, path: tuple[str, ...] = ()) -> Tree:
    """The update without what is learnt and has moved since `base`."""
    kept: Tree = {}
    for key, value in update.items():
        here = (*path, key)
        was, now = base.get(key), current.get(key)
        if _is_learnt(here):
            if now is None or now == was:
                kept[key] = value
        elif isinstance(value, dict) and isinstance(now, dict):
            inner = _giving_way(value, was if isinstance(was, dict) else {}, now, here)
            if inner or not value:
                kept[key] = inner
        else:
            kept[key] = value
    return kept


def _both(ours: Tree, theirs: Tree, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The paths that two updates set to different values."""
    found: list[tuple[str, ...]] = []
    for key in ours.keys() & theirs.keys():
        one, other = ours[key], theirs[key]
        if isinstance(one, dict) and isinstance(other, dict):
            found += _both(one, other, (*path, key))
        elif one != other:
            found.append((*path, key))
    return sorted(found)
