"""The harvests of each collection, read once: ended harvests are not read from the store again.

One listing tells which summaries are new or changed, and it is made only when `last_harvest.json` or the
holder of the lock has changed. A running harvest is read each time.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harvester.curation.repair.gaps import StreamGap, closed_by, gaps_of, repairs_of
from harvester.dashboard.summaries import Summaries
from harvester.errors import NotFound
from harvester.harvest import catalog
from harvester.store import Stored
from harvester.store.keys import HARVEST, HARVEST_2019, CollectionKeys, harvest_folder

if TYPE_CHECKING:
    from harvester.documents import HarvestSummary
    from harvester.store import Entry, Store


@dataclass(frozen=True)
class History:
    """The harvests of a collection and its repairs, newest first, and the gaps, earliest first."""

    harvests: list["HarvestSummary"]
    repairs: list["HarvestSummary"]
    gaps: list[StreamGap]

    @property
    def last(self) -> "HarvestSummary | None":
        return self.harvests[0] if self.harvests else None

    @property
    def open_gaps(self) -> list[StreamGap]:
        return [gap for gap in self.gaps if not gap.repaired]

    @property
    def posts(self) -> int:
        return sum(_whole(each.get("tweets")) for each in (*self.harvests, *self.repairs))

    @property
    def edges(self) -> int:
        """The edges that all harvests have read, each as often as it was read."""
        return sum(edges_in(each) for each in self.harvests)

    @property
    def file_bytes(self) -> int:
        return sum(_whole(each.get("file_bytes")) for each in (*self.harvests, *self.repairs))

    @property
    def files(self) -> int:
        return sum(_whole(each.get("files")) for each in (*self.harvests, *self.repairs))


class Histories:
    """The histories of all collections of a store, kept in a `file` if one is given; for many threads."""

    def __init__(self, store: "Store", file: Path | None = None) -> None:
        self._store = store
        self._summaries = Summaries(file)
        self._remembering = cast("Store", _Remembering(store, self._summaries))
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[str, ...], History]] = {}
        self._busy: dict[str, threading.Lock] = {}

    def of(self, keys: CollectionKeys, store: "Store | None" = None) -> History:
        """The current history; read through `store`, which may be one pass over several requests."""
        store = store or self._store
        with self._lock:
            one_at_a_time = self._busy.setdefault(keys.id, threading.Lock())
        with one_at_a_time:
            mark = _mark(store, keys)
            known = self._known.get(keys.id)
            if known is None or known[0] != mark:
                known = mark, self._read(keys)
                self._known[keys.id] = known
        return _with_running(store, keys, known[1])

    def save(self) -> None:
        """Keep what was read for the next run."""
        self._summaries.save()

    def _read(self, keys: CollectionKeys) -> History:
        harvests = catalog.all_of(self._remembering, keys)
        repairs = repairs_of(self._remembering, keys)
        return History(harvests, repairs, gaps_of(harvests, closed_by(repairs)))


def _mark(store: "Store", keys: CollectionKeys) -> tuple[str, ...]:
    """A value that changes when a harvest or a repair begins, ends or dies."""
    held = catalog.live_lock(store, keys)
    owner = str((held or {}).get("owner") or "")
    return owner, _version(store, keys.last_harvest), _version(store, keys.repairs.last_harvest)


def _version(store: "Store", key: str) -> str:
    try:
        return store.read(key).version
    except NotFound:
        return ""


def _with_running(store: "Store", keys: CollectionKeys, known: History) -> History:
    if not any(each["state"] == "running" for each in known.harvests):
        return known
    now = catalog.running(store, keys)
    if now is None:
        return known
    newer = [
        now if each["harvest_timestamp"] == now["harvest_timestamp"] else each for each in known.harvests
    ]
    return History(newer, known.repairs, gaps_of(newer, closed_by(known.repairs)))


class _Remembering:
    """A store that does not read the same version of a summary twice; the listing has the versions."""

    def __init__(self, store: "Store", summaries: Summaries) -> None:
        self._store, self._summaries = store, summaries
        self._listed: dict[str, Entry] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def entries(self, prefix: str) -> Iterator["Entry"]:
        for entry in self._store.entries(prefix):
            if _is_summary(entry.key):
                self._listed[entry.key] = entry
            yield entry

    def read(self, key: str) -> "Stored":
        entry = self._listed.get(key)
        if entry and (data := self._summaries.of(key, entry.version)):
            return Stored(data, entry.version, entry.modified)
        stored = self._store.read(key)
        # A running harvest is read again, because it may have ended.
        if entry and b'"running"' not in stored.data:
            self._summaries.keep(key, entry.version, stored.data)
        return stored


def _is_summary(key: str) -> bool:
    folder = harvest_folder(key)
    return bool(folder) and key in (folder + HARVEST, folder + HARVEST_2019)


def edges_in(summary: "HarvestSummary") -> int:
    """The edges that a harvest of a crawl has read."""
    return _whole((summary.get("counts") or {}).get("edges"))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
