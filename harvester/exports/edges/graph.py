"""The edges of lists, sorted and each once, and the accounts that they connect."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from harvester.errors import Exit, HarvesterError
from harvester.exports.edges.lists import Lists
from harvester.exports.ids import sort_key
from harvester.networks.crawl import FOLLOWERS
from harvester.networks.rows import AccountRow
from harvester.reading.external_sort import Pair, Sorter
from harvester.text import whole_number

_MEMORY = 48 << 20
_CUT, _WHOLE = b"\0", b"\1"
_TOLD = 65_536


class FollowEdge(NamedTuple):
    """`source` follows `target`; `complete` if a complete list says so."""

    source: str
    target: str
    complete: bool


class _Crawled(msgspec.Struct, array_like=True):
    depth: int | None = None
    outcome: str = ""


class FollowNode(NamedTuple):
    """An account. `depth` and `outcome` are of its own list, if that was read."""

    id: str
    name: str
    depth: int | None
    outcome: str
    followers: int | None
    following: int | None


_crawled = msgspec.msgpack.Decoder(_Crawled).decode
_named = msgspec.msgpack.Decoder(tuple[str, str, int | None, int | None]).decode
_pack = msgspec.msgpack.Encoder().encode


class FollowGraph:
    """Edges and nodes on disk; used within `with`."""

    def __init__(self, lists: Lists, *, tell: Callable[[int], None] = lambda _: None) -> None:
        self._lists, self._tell = lists, tell
        self._edges = Sorter(memory=_MEMORY)
        self._nodes = Sorter(unique=True, memory=_MEMORY)
        self._names = Sorter(unique=True, memory=_MEMORY)
        self.lists = 0

    def __enter__(self) -> "FollowGraph":
        for sorter in (self._edges, self._nodes, self._names):
            sorter.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        for sorter in (self._edges, self._nodes, self._names):
            sorter.__exit__(*details)

    def read(self) -> None:
        """Read the lists that count."""
        number = 0
        for listed, pages in self._lists:
            self.lists += 1
            user = sort_key(listed.user)
            value = _WHOLE if listed.is_complete else _CUT
            self._nodes.add(user, _pack(_Crawled(listed.depth, listed.outcome)))
            for ids in pages:
                others = [len(each).to_bytes(2) + each for each in ids]
                if listed.direction == FOLLOWERS:
                    for other in others:
                        self._edges.add(other + user, value)
                else:
                    for other in others:
                        self._edges.add(user + other, value)
                number += len(ids)
                self._tell(number)

    def edges(self) -> Iterator[FollowEdge]:
        """In the order of the ids of both, each once."""
        for key, value in _last(self._edges):
            middle = int.from_bytes(key[:2]) + 2
            yield FollowEdge(key[2:middle].decode(), key[middle + 2 :].decode(), value == _WHOLE)

    def numbers(self) -> Iterator[tuple[int, int, bool]]:
        """The same as numbers of 63 bits; raises where an id is not one."""
        for key, value in _last(self._edges):
            middle = int.from_bytes(key[:2]) + 2
            yield number_of(key[2:middle]), number_of(key[middle + 2 :]), value == _WHOLE

    def find_nodes(self) -> int:
        """Read the edges for their ends, before `nodes`; the number of edges."""
        number, last = 0, b""
        for number, (key, _) in enumerate(_last(self._edges), 1):
            middle = int.from_bytes(key[:2]) + 2
            source = key[:middle]
            if source != last:
                self._nodes.add(source)
                last = source
            self._nodes.add(key[middle:])
            if number % _TOLD == 0:
                self._tell(number)
        return number

    def add_names(self, accounts: Iterable[AccountRow]) -> None:
        """Names of accounts as they were seen, the oldest first."""
        for each in accounts:
            self._names.add(
                sort_key(each.id), _pack((each.seen_at, each.username, each.followers, each.following))
            )

    def ids(self) -> Iterator[int]:
        """The nodes' ids as numbers."""
        return (number_of(key[2:]) for key, _ in self._nodes)

    def nodes(self) -> Iterator[FollowNode]:
        """In the order of their ids."""
        names = iter(self._names)
        named = next(names, None)
        for key, value in self._nodes:
            while named and named[0] < key:
                named = next(names, None)
            crawled = _crawled(value) if value else _Crawled()
            has = named is not None and named[0] == key
            _, name, followers, following = _named(named[1]) if has and named else ("", "", None, None)
            user = key[2:].decode()
            yield FollowNode(user, name or user, crawled.depth, crawled.outcome, followers, following)


def _last(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Of equal keys the last, whose value is the greatest."""
    last: Pair | None = None
    for pair in pairs:
        if last is not None and last[0] != pair[0]:
            yield last
        last = pair
    if last is not None:
        yield last


def number_of(data: bytes) -> int:
    """An id as a number; raises if it is none of 63 bits."""
    if (number := whole_number(data.decode("latin-1"))) is not None:
        return number
    raise HarvesterError(
        f"The account id {data[:40].decode('utf-8', 'replace')} is not a number of 63 bits.",
        hint="Use --format csv, graphml or gexf, which have ids as text.",
        exit_code=Exit.USAGE,
    )
