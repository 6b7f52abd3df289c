"""Which posts of some intervals a collection has, by the ids in its records."""

import logging
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from harvester.curation.verify.contents import Counter, Ids, content
from harvester.errors import NotFound
from harvester.networks import Network
from harvester.networks.records import Records
from harvester.store.keys import (
    OPEN,
    CollectionKeys,
    harvest_folder,
    is_of_repairs,
    is_segment,
    segment_order,
)
from harvester.store.reading import Reader

log = logging.getLogger("twarc-cloud")

# How far behind its own latest posts a stream may be.
_LAG = timedelta(minutes=15)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Interval:
    since: datetime
    until: datetime

    def holds(self, time: datetime) -> bool:
        return self.since <= time <= self.until


@dataclass(frozen=True)
class _File:
    """Records of one harvest, closed, or as the parts that are stored of a growing file."""

    folder: str
    name: str
    parts: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return self.parts or (self.folder + self.name,)

    @property
    def order(self) -> tuple[str, tuple[int, str]]:
        return self.folder, segment_order(self.name)


@dataclass(frozen=True)
class Stored:
    """The ids of posts that are stored: those of repairs, and those that a search for words does not find."""

    ids: frozenset[str]
    repaired: frozenset[str]
    unseen: frozenset[str]


def stored_posts(reader: Reader, keys: CollectionKeys, network: Network, interval: Interval) -> Stored:
    """The stored posts that were published in an interval."""
    ids: set[str] = set()
    repaired: set[str] = set()
    unseen: set[str] = set()

    def records(block: bytes, *, ids: bool) -> Records:
        unseen.update(network.unseen(block))
        return network.records(block, ids=ids)

    for file in _near(reader, network, _in_order(reader, keys), [interval]):
        into = repaired if is_of_repairs(file.folder) else ids
        _read(reader, file, records, into.update)

    def within(found: set[str]) -> frozenset[str]:
        times = ((post_id, network.published(post_id)) for post_id in found)
        return frozenset(post_id for post_id, time in times if time and interval.holds(time))

    own, of_repairs = within(ids), within(repaired)
    return Stored(own | of_repairs, of_repairs - own, within(unseen))


def stored_ids(
    reader: Reader, keys: CollectionKeys, network: Network, intervals: list[Interval]
) -> frozenset[str]:
    """The ids of stored posts that were published in one of the intervals, or that tell no time."""
    found: set[str] = set()

    def add(ids: list[str]) -> None:
        for post_id in ids:
            time = network.published(post_id)
            if time is None or any(interval.holds(time) for interval in intervals):
                found.add(post_id)

    for file in _near(reader, network, _in_order(reader, keys), intervals):
        _read(reader, file, network.records, add)
    return frozenset(found)


def _in_order(reader: Reader, keys: CollectionKeys) -> list[_File]:
    return sorted(_files(reader, keys), key=lambda one: one.order)


def _read(reader: Reader, file: _File, records: Counter, add: Ids) -> None:
    try:
        pieces = chain.from_iterable(map(reader.pieces, file.keys))
        read = content(file.name, pieces, records, ids=add)
    except NotFound:
        if not file.parts:
            raise
        # It was growing, and is closed meanwhile.
        _read(reader, _File(file.folder, file.name), records, add)
        return
    if read.problem and not file.parts:
        log.warning("%s%s: %s; its posts may be stored once more.", file.folder, file.name, read.problem)


def _files(reader: Reader, keys: CollectionKeys) -> Iterator[_File]:
    growing: dict[tuple[str, str], list[str]] = {}
    closed: set[tuple[str, str]] = set()
    for entry in reader.entries(keys.folder):
        folder = harvest_folder(entry.key)
        name = entry.key.removeprefix(folder)
        if folder and is_segment(name):
            closed.add((folder, name))
        elif folder and name.startswith(OPEN):
            segment = name.removeprefix(OPEN).rpartition("-")[0]
            if is_segment(segment):
                growing.setdefault((folder, segment), []).append(entry.key)
    yield from (_File(folder, name) for folder, name in closed)
    for (folder, name), parts in growing.items():
        if (folder, name) not in closed:
            yield _File(folder, name, tuple(sorted(parts)))


def _near(reader: Reader, network: Network, files: list[_File], intervals: list[Interval]) -> Iterator[_File]:
    """The files that may hold posts of the intervals: all of repairs, and of streams by their first posts.

    These say when a file was begun by the network's clock; that of the machine may be wrong.
    """
    yield from (file for file in files if is_of_repairs(file.folder))
    streams = [file for file in files if not is_of_repairs(file.folder)]
    known: dict[_File, datetime] = {}

    def begun(file: _File) -> datetime:
        if file not in known:
            known[file] = _first_post(reader, file, network)
        return known[file]

    wanted: set[int] = set()
    for interval in intervals:
        # The one before the first that was begun later may hold what came late.
        first = max(0, bisect_left(streams, interval.since - _LAG, key=begun) - 1)
        wanted.update(range(first, bisect_left(streams, interval.until + _LAG, key=begun)))
    yield from (streams[number] for number in sorted(wanted))


class _Seen(Exception):
    """The first ids of a file are known, so that the rest of it is not read."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__()
        self.ids = ids


def _first_post(reader: Reader, file: _File, network: Network) -> datetime:
    """When the first post of a file was published; of one that does not tell, as if it was before all."""

    def see(ids: list[str]) -> None:
        if ids:
            raise _Seen(ids)

    try:
        _read(reader, file, network.records, see)
    except _Seen as seen:
        return network.published(seen.ids[0]) or _BEFORE_ALL
    return _BEFORE_ALL
