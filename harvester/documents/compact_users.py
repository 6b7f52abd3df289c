"""The users of a collection, each kept as JSON until it is read: in half of the memory of objects."""

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

# How many users are objects at the same time when all of them are written.
_AT_ONCE = 1_000


class CompactUsers(Mapping[str, Any]):
    """Users under their ids, as a dict of them would be; each that is read is a copy. It never changes."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        self._texts = texts

    @classmethod
    def of(cls, users: Mapping[str, Any]) -> "CompactUsers":
        """Raises TypeError for what is not JSON."""
        return cls({user: _text(value) for user, value in users.items()})

    def __getitem__(self, user: str) -> Any:
        return orjson.loads(self._texts[user])

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, user: object) -> bool:
        return user in self._texts

    def items(self) -> ItemsView[str, Any]:
        return _Items(self)

    def holding(self, text: bytes) -> Iterator[tuple[str, Any]]:
        """The users whose JSON contains this text."""
        return ((user, self[user]) for user, found in self._texts.items() if text in found)

    def changed(
        self, users: Iterable[str], change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> "CompactUsers":
        """With what `change` makes of these users, of which it is given those that are there."""
        part = {user: self[user] for user in users if user in self._texts}
        gone = set(part)
        texts = dict(self._texts)
        for user, value in change(part).items():
            texts[user] = _text(value)
            gone.discard(user)
        for user in gone:
            del texts[user]
        return CompactUsers(texts)

    def differing(self, other: "CompactUsers") -> set[str]:
        """The users that one of the two does not have, or whose JSON is not the same text."""
        if self is other:
            return set()
        mine, theirs = self._texts, other._texts
        differ = {user for user, text in mine.items() if theirs.get(user) != text}
        return differ | {user for user in theirs if user not in mine}

    def json(self, *, option: int, indent: bytes) -> Iterator[bytes]:
        """In pieces as orjson writes an object with this option, in a line that is indented so."""
        if not self._texts:
            yield b"{}"
            return
        users = iter(sorted(self._texts) if option & orjson.OPT_SORT_KEYS else self._texts)
        option &= ~orjson.OPT_APPEND_NEWLINE
        read = orjson.loads if option else orjson.Fragment
        texts = self._texts
        before, end = b"{", b"\n" + indent + b"}" if option & orjson.OPT_INDENT_2 else b"}"
        while part := {user: read(texts[user]) for user in islice(users, _AT_ONCE)}:
            text = orjson.dumps(part, option=option)
            inner = text[1:-2].replace(b"\n", b"\n" + indent) if option & orjson.OPT_INDENT_2 else text[1:-1]
            yield before + inner
            before = b","
        yield end


class _Items(ItemsView[str, Any]):
    """Without two calls for each user, of which there may be a million."""

    _mapping: CompactUsers

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        loads = orjson.loads
        return ((user, loads(text)) for user, text in self._mapping._texts.items())


def compact_members(data: bytes | str) -> dict[str, Any]:
    """The members of an object, of which `users` are compact where they are an object.

    Raises ValueError, TypeError or RecursionError for what orjson would not read, or not write again.
    """
    import msgspec

    def read(name: str, json: memoryview) -> Any:
        if name != "users" or bytes(json[:1]) != b"{":
            return orjson.loads(json)
        texts: dict[str, Any] = msgspec.json.decode(json, type=dict[str, msgspec.Raw])
        # In place, so that all of it is there once.
        for user, text in texts.items():
            texts[user] = _text(orjson.loads(memoryview(text)))
        return CompactUsers(texts)

    members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    return {name: read(name, memoryview(raw)) for name, raw in members.items()}


def opened(tree: dict[str, Any]) -> dict[str, Any]:
    """The same with all users as objects."""
    return {
        name: dict(value.items()) if isinstance(value, CompactUsers) else value
        for name, value in tree.items()
    }


def pieces(value: Any, *, option: int = 0) -> Iterator[bytes]:
    """A document as orjson writes it with this option, also if it holds compact users; in pieces."""
    held: list[CompactUsers] = []

    def hold(inner: Any) -> orjson.Fragment:
        if not isinstance(inner, CompactUsers):
            raise TypeError(f"{type(inner)} is not JSON")
        held.append(inner)
        return orjson.Fragment(_PLACE)

    before, *others = orjson.dumps(value, default=hold, option=option).split(_PLACE)
    yield before
    for users, after in zip(held, others, strict=True):
        line = before.rpartition(b"\n")[2]
        yield from users.json(option=option, indent=line[: len(line) - len(line.lstrip(b" "))])
        yield after
        before = after


# In JSON this byte is always escaped.
_PLACE = b"\0"


def _text(value: Any) -> bytes:
    # As a slice, since orjson's own has the room of a much longer one.
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)[:-1]
