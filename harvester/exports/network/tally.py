"""How often two nodes are connected, for more edges than fit in memory."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import msgspec

from harvester.exports.network.edges import KINDS, Ends
from harvester.reading.external_sort import Sorter

_MOST = 400_000
_PLACES = {kind: place for place, kind in enumerate(KINDS)}
# Counts by kind, the first and the last time, and a post as an example.
_Counted = tuple[list[int], str, str, str]
_decoder = msgspec.msgpack.Decoder(_Counted)
_encoder = msgspec.msgpack.Encoder()


class Edge(NamedTuple):
    """All connections from one node to another; `kinds` has the number of each kind.

    `sample` is the post of the `first` time; of several, that with the smallest id.
    """

    source: str
    target: str
    weight: int
    kinds: dict[str, int]
    first: str
    last: str
    sample: str


class Tally:
    """Counts connections; used within `with`."""

    def __init__(self, *, most: int = _MOST) -> None:
        self._sorter, self._most = Sorter(), most
        self._has_spilled = False
        self._counted: dict[Ends, tuple[list[int], list[str]]] = {}

    def __enter__(self) -> "Tally":
        self._sorter.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._sorter.__exit__(*details)

    def add(self, ends: Ends, kind: str, time: str, post: str) -> None:
        """Count a connection in a post that was published then."""
        found = self._counted.get(ends)
        if found is None:
            found = self._counted[ends] = ([0] * len(KINDS), [time, time, post])
        counts, span = found
        counts[_PLACES[kind]] += 1
        if time <= span[0]:
            if time < span[0] or post < span[2]:
                span[0], span[2] = time, post
        elif time > span[1]:
            span[1] = time
        if len(self._counted) >= self._most:
            self._spill()

    def __iter__(self) -> Iterator[Edge]:
        if not self._has_spilled:
            for ends in sorted(self._counted):
                counts, (first, last, sample) = self._counted[ends]
                yield Edge(*ends, sum(counts), _kinds(counts), first, last, sample)
            return
        if self._counted:
            self._spill()
        for key, pairs in groupby(self._sorter, lambda pair: pair[0]):
            source, target = key.decode().split("\0")
            yield _sum(source, target, (_decoder.decode(value) for _, value in pairs))

    def degrees(self) -> dict[str, list[int]]:
        """Of each node, the number of its edges and the sum of their weights."""
        return degrees(self)

    def _spill(self) -> None:
        self._has_spilled = True
        for (source, target), (counts, span) in self._counted.items():
            key = f"{source}\0{target}".encode("utf-8", "replace")
            self._sorter.add(key, _encoder.encode((counts, *span)))
        self._counted = {}


def degrees(edges: Iterable[Edge]) -> dict[str, list[int]]:
    """Of each node, the number of these edges and the sum of their weights."""
    found: dict[str, list[int]] = {}
    for edge in edges:
        for node in {edge.source, edge.target}:
            degree = found.setdefault(node, [0, 0])
            degree[0] += 1
            degree[1] += edge.weight
    return found


def _kinds(counts: list[int]) -> dict[str, int]:
    return {kind: number for kind, number in zip(KINDS, counts, strict=True) if number}


def _sum(source: str, target: str, found: Iterable[_Counted]) -> Edge:
    found = iter(found)
    counts, first, last, sample = next(found)
    for more, begun, ended, post in found:
        counts = [one + other for one, other in zip(counts, more, strict=True)]
        if (begun, post) < (first, sample):
            first, sample = begun, post
        last = max(last, ended)
    return Edge(source, target, sum(counts), _kinds(counts), first, last, sample)
