"""Changesets as a readable history: what changed, when and by whom, without secrets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from harvester.collection.changeset import apply
from harvester.collection.kinds import KINDS
from harvester.collection.merge import STAMPS
from harvester.collection.secrets import is_secret
from harvester.documents import Tree
from harvester.text import printable

ADDED, CHANGED, DELETED = "added", "changed", "deleted"

_LEARNED = {name for kind in KINDS.values() for name in (*kind.learned, *kind.learned_above)}
_HIDDEN = {*STAMPS, "id", "type", *_LEARNED} - {"screen_name"}
_BY_ID = {("filter", "rules")}
_HIDDEN_VALUE = "(not shown)"  # noqa: S105 - what stands in its place


@dataclass(frozen=True)
class Change:
    """One thing that changed; `harvest` is empty if a person changed it, `screen_name` that of a user."""

    path: tuple[str, ...]
    change: str
    old: Any
    new: Any
    time: str
    harvest: str = ""
    screen_name: str = ""

    def __str__(self) -> str:
        path = " -> ".join(map(_text, self.path)) + (f" ({self.screen_name})" if self.screen_name else "")
        words = {
            ADDED: "added",
            CHANGED: self._changed(),
            DELETED: "deleted" if len(self.path) == 2 and self.path[0] == "users" else self._deleted(),
        }[self.change]
        by = f"by the harvest of {self.harvest}" if self.harvest else "by a person"
        return printable(f"{path} {words} on {self.time} {by}")

    def _changed(self) -> str:
        if self.old is None:
            return f"set to {_text(self.new)}"
        return f"changed from {_text(self.old)} to {_text(self.new)}"

    def _deleted(self) -> str:
        return f"deleted with value {_text(self.old)}"


def changes(changesets: Iterable[Tree]) -> Iterator[Change]:
    """The changes that changesets in their order made, from an empty collection on.

    What harvests keep for themselves (since_ids and the like) is passed over.
    """
    tree: Tree = {}
    for changeset in changesets:
        new = apply(tree, _as_dict(changeset.get("update")), _as_list(changeset.get("delete")))
        when = str(changeset.get("change_timestamp", ""))
        harvest = str(changeset.get("harvest_timestamp", ""))
        touched = _touched(changeset)
        for path, what, old, now in _differences(tree, new, touched, ()):
            yield Change(path, what, old, now, when, harvest, _name(path, tree, new))
        tree = new


def _touched(changeset: Tree) -> set[str]:
    """The keys that a changeset speaks of: a long history costs what it says, not what it keeps."""
    deleted: set[str] = set()
    for entry in _as_list(changeset.get("delete")):
        deleted |= set(entry) if isinstance(entry, dict) else {entry}
    return set(_as_dict(changeset.get("update"))) | deleted


def _as_dict(value: Any) -> Tree:
    return value if isinstance(value, dict) else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _differences(
    old: Tree, new: Tree, keys: Iterable[str], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, Any, Any]]:
    for key in {**old, **new}:
        if key not in keys or key in _HIDDEN:
            continue
        stays = key in old and key in new
        if not (stays and old[key] == new[key]):
            yield from _difference(old, new, (*path, key), stays=stays)


def _difference(
    old: Tree, new: Tree, path: tuple[str, ...], *, stays: bool
) -> Iterator[tuple[tuple[str, ...], str, Any, Any]]:
    key = path[-1]
    before, now = old.get(key), new.get(key)
    if path[:-1] == ("users",) and not stays:
        yield path, ADDED if key in new else DELETED, before, now
    elif path in _BY_ID and (entries := _by_id(before, now)):
        inner_old, inner_new = entries
        for name in {**inner_old, **inner_new}:
            one, other = inner_old.get(name), inner_new.get(name)
            if one != other:
                yield (*path, name), DELETED if other is None else CHANGED, one, other
    elif isinstance(before, dict) or isinstance(now, dict):
        inner_old, inner_new = _as_dict(before), _as_dict(now)
        yield from _differences(inner_old, inner_new, {*inner_old, *inner_new}, path)
    else:
        yield path, *_leaf(path, before, now, gone=key not in new)


def _by_id(*lists: Any) -> tuple[Tree, ...] | None:
    """The entries of lists by their id or value; None if that tells not all of them apart."""
    found = []
    for entries in lists:
        if not all(isinstance(entry, dict) for entry in _as_list(entries)):
            return None
        by_id = {str(entry.get("id") or _text(entry.get("value"))): entry for entry in _as_list(entries)}
        if len(by_id) != len(_as_list(entries)):
            return None
        found.append(by_id)
    return tuple(found)


def _leaf(path: tuple[str, ...], old: Any, new: Any, *, gone: bool) -> tuple[str, Any, Any]:
    if is_secret(path):
        old, new = (None if value is None else _HIDDEN_VALUE for value in (old, new))
    return DELETED if gone else CHANGED, old, new


def _name(path: tuple[str, ...], old: Tree, new: Tree) -> str:
    if path[0] != "users" or len(path) < 2 or path[-1] == "screen_name":
        return ""
    for tree in (new, old):
        user = _as_dict(_as_dict(tree.get("users")).get(path[1]))
        if user.get("screen_name"):
            return str(user["screen_name"])
    return ""


def _text(value: Any) -> str:
    # Quoted where blanks would not be seen.
    if value is None or (isinstance(value, str) and value and value == value.strip()):
        return str(value)
    return orjson.dumps(value).decode()
