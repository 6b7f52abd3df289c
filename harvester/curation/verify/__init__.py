"""Verifies a collection in place: files, manifests, counts and pointers against each other.

Everything is read once, in constant memory; nothing is written but what `rebuild` is asked for.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import groupby
from typing import Any, TypeVar

import orjson

from harvester.clock import Stop, moment
from harvester.curation.verify.claims import claims
from harvester.curation.verify.collection import CollectionCase
from harvester.curation.verify.contents import Content, Ids, content
from harvester.curation.verify.gaps import RecordedGaps, with_repairs
from harvester.curation.verify.harvest import Case
from harvester.curation.verify.rebuild import Rebuilt, differs, rebuilt, write
from harvester.curation.verify.sample import Sample
from harvester.curation.verify.unreadable import Unreadable
from harvester.curation.verify.verdicts import Finding, Overall, Part, Report, Verdict
from harvester.errors import Exit, HarvesterError, NotFound, StoreAway
from harvester.harvest.segment import with_side
from harvester.networks import Network
from harvester.networks.registry import network_of, usual
from harvester.store import Entry
from harvester.store.absent import no_collection
from harvester.store.keys import (
    EVENTS,
    HARVESTS,
    CollectionKeys,
    harvest_folder,
    is_of_repairs,
    is_own,
    is_segment,
    side_name,
)
from harvester.store.reading import Reader
from harvester.text import whole_number

__all__ = [
    "Finding",
    "Overall",
    "Part",
    "Rebuilt",
    "Report",
    "Sample",
    "Verdict",
    "differs",
    "rebuilds",
    "verify",
    "write",
]

JOBS = 4
_AHEAD = 8
_TICK = 0.2
_T = TypeVar("_T")


def verify(
    reader: Reader,
    keys: CollectionKeys,
    *,
    sample: Sample | None = None,
    duplicates: bool = False,
    stop: Stop,
    tell: Callable[[Report], None] = lambda _: None,
    jobs: int = JOBS,
) -> Report:
    """Judge a collection; `tell` hears several times a second how far it is.

    Looking for `duplicates` keeps all ids of posts in memory, about 100 MB per million.
    """
    sample = sample or Sample()
    report = Report(keys.id, reader.name, subset=sample.name)
    seen = _Seen() if duplicates else None
    whole, of_repairs = CollectionCase(keys), CollectionCase(keys.repairs)
    repairs: dict[str, RecordedGaps] = {}
    with _Cases(reader, keys, sample, seen, stop, lambda: tell(report), jobs, report) as cases:
        for case in cases.judged(whole, of_repairs):
            part, is_repair = case.part(), is_of_repairs(case.folder)
            owner = of_repairs if is_repair else whole
            owner.states[case.folder] = part.state
            owner.ended |= set() if case.unfinished else {case.folder}
            if is_repair and not case.unfinished:
                repairs[str(case.recorded.summary.get("harvest_timestamp"))] = case.recorded
            report.add(part)
    report.parts = list(with_repairs(report.parts, keys, repairs))
    report.parts += [each.part() for each in (whole, of_repairs) if each is whole or not each.is_empty]
    report.parts += _duplicates(seen, keys)
    return report


def _duplicates(seen: "_Seen | None", keys: CollectionKeys) -> list[Part]:
    if not seen or not seen.twice:
        return []
    why = f"{seen.twice} of {seen.number} posts are stored more than once"
    return [Part(keys.folder, (Finding(HARVESTS, Verdict.DUPLICATES, why),))]


def rebuilds(reader: Reader, keys: CollectionKeys, *, stop: Stop, jobs: int = JOBS) -> Iterator[Rebuilt]:
    """The manifests of all harvests, made from their objects alone."""
    report = Report(keys.id, reader.name)
    with _Cases(reader, keys, Sample(), None, stop, lambda: None, jobs, report) as cases:
        for case in cases.judged(CollectionCase(keys), CollectionCase(keys.repairs)):
            yield from rebuilt(case)


class _Seen:
    """The ids of all posts."""

    def __init__(self) -> None:
        # As numbers where they are, of which a million takes a third less memory.
        self._ids: set[int | str] = set()
        self._lock = threading.Lock()
        self.number = 0

    def add(self, ids: list[str]) -> None:
        with self._lock:
            self._ids.update(post_id if (n := whole_number(post_id)) is None else n for post_id in ids)
            self.number += len(ids)

    @property
    def twice(self) -> int:
        return self.number - len(self._ids)


class _Cases:
    """Reads the harvests of a collection, several files at once, and hands them over in their order."""

    def __init__(
        self,
        reader: Reader,
        keys: CollectionKeys,
        sample: Sample,
        seen: _Seen | None,
        stop: Stop,
        tick: Callable[[], None],
        jobs: int,
        report: Report,
    ) -> None:
        self._reader, self._keys, self._sample, self._seen = reader, keys, sample, seen
        self._stop, self._tick, self._report = stop, tick, report
        self._ids: Ids | None = seen.add if seen else None
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="verify")
        self._lock = threading.Lock()
        self._network = usual()
        self._unreadable = Unreadable()

    def __enter__(self) -> "_Cases":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind:
            self._stop.request("the verification ended")
        self._pool.shutdown(cancel_futures=True)

    def judged(self, whole: CollectionCase, of_repairs: CollectionCase) -> Iterator[Case]:
        """The harvests and repairs with all their contents there; `whole` gets what belongs to none."""
        self._network = self._of_collection()
        awaited = self._awaited(whole.keys) | self._awaited(of_repairs.keys)
        waiting: deque[Future[Case]] = deque()
        own: list[tuple[str, Future[bytes | None]]] = []
        found = False
        for folder, group in groupby(
            self._reader.entries(self._keys.folder), lambda one: harvest_folder(one.key)
        ):
            found = True
            if folder:
                waiting.append(self._pool.submit(self._begun, folder, list(group), awaited))
            else:
                for one in group:
                    if is_own(one.key):
                        own.append((one.key, self._pool.submit(self._read, one.key)))
                    else:
                        whole.strangers.append(one.key.removeprefix(self._keys.folder))
            while len(waiting) > _AHEAD:
                yield self._done(waiting.popleft())
        while waiting:
            yield self._done(waiting.popleft())
        if not found:
            raise no_collection(self._reader, self._keys)
        self._hand_over(own, whole, of_repairs)

    def _hand_over(
        self, own: list[tuple[str, Future[bytes | None]]], whole: CollectionCase, of_repairs: CollectionCase
    ) -> None:
        """Give each what was read of its own files, and what could not be."""
        for key, read in own:
            if (data := self._result(read)) is not None:
                case = of_repairs if is_of_repairs(key) else whole
                case.files[key.removeprefix(case.keys.folder)] = data
        for case in (whole, of_repairs):
            case.unreadable = self._unreadable_of(case.keys)

    def _unreadable_of(self, keys: CollectionKeys) -> dict[str, str]:
        """What belongs to no harvest and could not be read, and why."""
        found = self._unreadable.below(keys.folder)
        own = is_of_repairs(keys.folder)
        return {
            name: why
            for name, why in found.items()
            if not harvest_folder(keys.folder + name) and is_of_repairs(keys.folder + name) == own
        }

    def _of_collection(self) -> Network:
        """The network that the posts are from, which says what records look like."""
        try:
            return network_of(orjson.loads(self._bytes(self._keys.collection)))
        except (NotFound, StoreAway, AttributeError, orjson.JSONDecodeError):
            # What is wrong with it is reported with the collection's own files.
            return usual()

    def _awaited(self, keys: CollectionKeys) -> dict[str, frozenset[str]]:
        """The files that a harvest which has not ended is still to store, by its folder."""
        try:
            tree = orjson.loads(self._bytes(keys.checkpoint))
            state, closing = tree["state"], tree.get("closing") or {}
            files = [*state["finished"], *filter(None, [state.get("segment"), closing.get("file")])]
            names = {file["name"] for file in files}
            names |= {side_name(file["name"]) for file in files if with_side(file).get("side")}
            return {keys.harvest(moment(state["harvest"])).folder: frozenset(names)}
        except (NotFound, StoreAway, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            # None runs; or the checkpoint is damaged, which is reported with the collection's own files.
            return {}

    def _begun(self, folder: str, group: list[Entry], awaited: dict[str, frozenset[str]]) -> Case:
        """The claims of a harvest, the reading of whose files has begun."""
        sizes = {entry.key.removeprefix(folder): entry.size for entry in group}
        found = claims(set(sizes), lambda name: self._read(folder + name))
        for name in found.names:
            if name not in sizes:
                # Stored and named after the listing began?
                listed = self._reader.entries(folder + name)
                sizes.update((name, entry.size) for entry in listed if entry.key == folder + name)
        case = Case(folder, sizes, found, self._network, awaited.get(folder))
        case.events = (self._read(folder + EVENTS) if EVENTS in sizes else None) or b""
        for name in case.to_read:
            if not is_segment(name) or self._sample.holds(folder + name):
                case.contents[name] = self._pool.submit(self._content, folder + name, name)
        return case

    def _done(self, begun: Future[Case]) -> Case:
        case: Case = self._result(begun)
        for read in case.contents.values():
            self._result(read)
        case.unreadable = self._unreadable.below(case.folder)
        return case

    def _content(self, key: str, name: str) -> Content | None:
        if self._stop.requested:
            return None
        ids = self._ids if is_segment(name) else None
        found = self._unless_gone(
            key, lambda: content(name, self._pieces(key), self._network.records, ids=ids)
        )
        if found is None:
            return None
        with self._lock:
            self._report.files_read += 1
            self._report.bytes_read += found.size
            self._report.raw_bytes += found.raw_bytes
        return found

    def _pieces(self, key: str) -> Iterator[memoryview]:
        for piece in self._reader.pieces(key):
            if self._stop.requested:
                raise HarvesterError(f"Stopped: {self._stop.reason}.", exit_code=Exit.INTERRUPTED)
            yield piece

    def _read(self, key: str) -> bytes | None:
        """A small object; None if it is gone meanwhile, or cannot be read."""
        return self._unless_gone(key, lambda: self._bytes(key))

    def _bytes(self, key: str) -> bytes:
        return b"".join(self._reader.pieces(key))

    def _unless_gone(self, key: str, read: Callable[[], _T]) -> _T | None:
        try:
            found = read()
        except NotFound:
            return None
        except StoreAway as error:
            self._unreadable.add(key, error)
            return None
        self._unreadable.read()
        return found

    def _result(self, future: Future[Any]) -> Any:
        """What came of it, once it is there; a stop and the progress do not wait for it."""
        while not future.done():
            wait([future], timeout=_TICK)
            self._tick()
            if self._stop.requested:
                raise HarvesterError(f"Stopped: {self._stop.reason}.", exit_code=Exit.INTERRUPTED)
        return future.result()
