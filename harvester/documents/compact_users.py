"""The users of a collection, each kept as JSON until it is read: in half of the memory of objects."""

import io
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Self

import orjson

# How many users are objects at the same time when all of them are written or changed.
_AT_ONCE = 1_000


class CompactUsers(Mapping[str, Any]):
    """Users under their ids, as a dict of them would be; each that is read is a copy. It never changes."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        self._texts = texts

    @classmethod
    def of(cls, users: Iterable[tuple[str, Any]]) -> Self:
        """Raises TypeError for what is not JSON."""
        return cls({user: _text(value) for user, value in users})

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
        self, users: Iterable[str], change: Callable[[dict[str, Any], Sequence[str]], dict[str, Any]]
    ) -> "CompactUsers":
        """With what `change` makes of these users: of those that are there, and of all, some at a time."""
        texts = dict(self._texts)
        for some in _parts(users):
            part = {user: self[user] for user in some if user in texts}
            after = change(part, some)
            texts.update((user, _text(value)) for user, value in after.items())
            for user in part.keys() - after.keys():
                del texts[user]
        return CompactUsers(texts)

    def differing(self, other: "CompactUsers") -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """The users that one of the two does not have, or whose JSON is not the same text, some at a time.

        Those of `other` come in its order, and then those that only this one has.
        """
        if self is other:
            return
        mine, theirs = self._texts, other._texts
        changed = (user for user, text in theirs.items() if mine.get(user) != text)
        gone = (user for user in mine if user not in theirs)
        for some in _parts(chain(changed, gone)):
            yield (
                {user: self[user] for user in some if user in mine},
                {user: other[user] for user in some if user in theirs},
            )

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


class GrowingUsers(CompactUsers):
    """What is learnt of users, one after the other; who uses it from several threads guards it."""

    def put(self, user: str, value: Any) -> None:
        self._texts[user] = _text(value)


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


def json_of(value: Any, *, option: int = 0) -> bytes:
    """A document that may hold compact users, as orjson writes it with this option."""
    # It gives away what was written to it without a copy.
    text = io.BytesIO()
    for piece in pieces(value, option=option):
        text.write(piece)
    return text.getvalue()


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


def _parts(users: Iterable[str]) -> Iterator[list[str]]:
    left = iter(users)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _text(value: Any) -> bytes:
    # As a slice, since orjson's own has the room of a much longer one.
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)[:-1]
