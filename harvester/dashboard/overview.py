"""A row for each collection: state, posts, last and next harvest, gaps, cost of the month."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from harvester.clock import Clock, moment, timestamp
from harvester.collection import history
from harvester.collection.kinds import is_crawl
from harvester.compute import Scheduled, Task, cost
from harvester.compute.listing import missed_rows, row_of
from harvester.dashboard.charts.bars import Day
from harvester.dashboard.days import days_of, last_days
from harvester.dashboard.histories import Histories, History
from harvester.dashboard.one_pass import one_pass
from harvester.documents import Tree, text_in, unambiguous
from harvester.errors import HarvesterError, NotFound
from harvester.store.keys import ROOT, CollectionKeys, id_problem

if TYPE_CHECKING:
    from harvester.dashboard.place import Place

_AT_ONCE = 16
_SPARK_DAYS = 30
# The maximum age in seconds of data about tasks and schedules: AWS limits requests, this machine does not.
_FRESH_HERE, _FRESH_CLOUD = 1.0, 15.0
# The same for missed schedules, which are known after a quarter of an hour at the earliest.
_MISSED_HERE, _MISSED_BILLED = 60.0, 900.0
_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True)
class Figures:
    """The sums over the harvests of a collection."""

    days: list[Day]
    spark: list[int]
    month_x: float
    month_aws: float
    x: float
    aws: float


class Overview:
    """The overview of all collections of a place; data that was read is kept."""

    def __init__(self, place: "Place") -> None:
        self.place = place
        # A folder is read as fast as the file would be.
        file = place.cache.folder / "summaries.json" if place.store.is_billed else None
        self.histories = Histories(place.store, file)
        fresh = _FRESH_CLOUD if place.settings.cluster else _FRESH_HERE
        self._tasks = Fresh(place.compute.tasks, place.clock, seconds=fresh)
        self._schedules = Fresh(place.compute.schedules, place.clock, seconds=fresh)
        missed = _MISSED_BILLED if place.store.is_billed else _MISSED_HERE
        self._missed = Fresh(self._missed_now, place.clock, seconds=missed)
        self._problems: dict[str, str] = {}
        self._figures: dict[str, tuple[History, str, Figures]] = {}

    def ids(self) -> list[str]:
        """The folders that may hold a collection."""
        return [name for name in self.place.store.folders(ROOT) if not id_problem(name)]

    def rows(self) -> list[Tree]:
        """A row for each collection, in the order of ids; if one cannot be read, its row says why."""
        tasks, schedules = self.tasks(), self.schedules()
        missed = {row["id"]: row for row in self._missed()}

        def row(collection_id: str) -> Tree | None:
            try:
                return self._row(collection_id, tasks, schedules, missed)
            except HarvesterError as error:
                return unreadable(collection_id, error)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            rows = [found for found in pool.map(row, self.ids()) if found]
        self.histories.save()
        return rows

    def tasks(self) -> Mapping[str, Task]:
        found = self._or_none("tasks", self._tasks)
        return {task.collection_id: task for task in found}

    def schedules(self) -> Mapping[str, Scheduled]:
        if self.place.settings.cluster and not self.place.settings.schedule_group:
            return {}
        found = self._or_none("schedules", self._schedules)
        return {each.collection_id: each for each in found}

    @property
    def problems(self) -> list[str]:
        """Messages about data that could not be read for all collections."""
        return [*self._problems.values()]

    def _or_none(self, what: str, ask: Callable[[], list[_U]]) -> list[_U]:
        """Tasks or schedules; without the permission to list them, the collections are still shown."""
        try:
            found = ask()
        except HarvesterError as error:
            self._problems[what] = f"Cannot list {what}: {error.message} {error.hint}".strip()
            return []
        self._problems.pop(what, None)
        return found

    def _missed_now(self) -> list[Tree]:
        return missed_rows(self.place.store, list(self.schedules().values()), self.place.clock.now())

    def _row(
        self,
        collection_id: str,
        tasks: Mapping[str, Task],
        schedules: Mapping[str, Scheduled],
        missed: Mapping[str, Tree],
    ) -> Tree | None:
        keys, store = CollectionKeys(collection_id), one_pass(self.place.store)
        try:
            described = store.read(keys.collection).data
        except NotFound:
            # A folder without a collection, or one that is being removed.
            return None
        tree = unambiguous(described, keys.collection, hint=history.REPAIR)
        found = self.histories.of(keys, store)
        figures = self.figures(keys, found)
        standing = row_of(store, keys, tasks.get(collection_id)) or missed.get(collection_id)
        last = found.last
        scheduled = schedules.get(collection_id)
        return {
            "id": collection_id,
            "title": text_in(tree, "title"),
            "kind": text_in(tree, "type"),
            "state": state_word(standing, last),
            "detail": str((standing or {}).get("detail") or (last or {}).get("reason") or ""),
            "posts": None if is_crawl(tree) else found.posts,
            "edges": found.edges if is_crawl(tree) else None,
            "file_bytes": found.file_bytes,
            "last_30_days": figures.spark,
            "last_harvest": (last or {}).get("harvest_timestamp") or None,
            "next_harvest": next_time(scheduled, self.place.clock.now()),
            "paused": bool(scheduled and scheduled.paused),
            "gaps": len(found.open_gaps),
            "month_x": figures.month_x,
            "month_aws": figures.month_aws,
            "problem": "",
        }

    def figures(self, keys: CollectionKeys, found: History) -> Figures:
        today = self.place.clock.now().date()
        known = self._figures.get(keys.id)
        if known and known[0] is found and known[1] == today.isoformat():
            return known[2]
        days = days_of(found.harvests, found.gaps, until=today)
        spark = last_days(days, number=_SPARK_DAYS, until=today)
        month = f"{today:%Y-%m}"
        sums = {"x": 0.0, "aws": 0.0, "month_x": 0.0, "month_aws": 0.0}
        for summary in (*found.harvests, *found.repairs):
            spent = cost.of_harvest(summary, self.place.settings)
            # Storage is paid for each month, not only in the month of the harvest.
            sums["x"] += spent.x
            sums["aws"] += spent.task + spent.requests
            sums["month_aws"] += spent.stored_month
            if text_in(summary, "harvest_timestamp").startswith(month):
                sums["month_x"] += spent.x
                sums["month_aws"] += spent.task + spent.requests
        made = Figures(days=days, spark=spark, **sums)
        self._figures[keys.id] = found, today.isoformat(), made
        return made


class Fresh(Generic[_T]):
    """A cached answer, refreshed once it is older than the given seconds."""

    def __init__(self, ask: Callable[[], _T], clock: Clock, *, seconds: float) -> None:
        self._ask, self._clock, self._seconds = ask, clock, seconds
        self._lock = threading.Lock()
        self._answer: tuple[float, _T] | None = None

    def __call__(self) -> _T:
        with self._lock:
            if self._answer is None or self._clock.elapsed() - self._answer[0] > self._seconds:
                self._answer = self._clock.elapsed(), self._ask()
            return self._answer[1]


def state_word(standing: Tree | None, last: Mapping[str, Any] | None) -> str:
    """The state in `harvest list` if something runs, died or was missed; else that of the last harvest."""
    if standing:
        return str(standing["status"]).lower()
    return str(last.get("state") or "complete") if last else "never harvested"


def next_time(scheduled: Scheduled | None, now: datetime) -> str | None:
    """When a harvest is due next; what came due without a scheduler is due since then."""
    if scheduled is None or scheduled.paused:
        return None
    begin = now
    if not scheduled.scheduler_running:
        begin = moment(scheduled.last) if scheduled.last else scheduled.since - timedelta(microseconds=1)
    due = scheduled.schedule.after(begin, since=scheduled.since)
    return timestamp(due) if due else None


def unreadable(collection_id: str, error: HarvesterError) -> Tree:
    """The row of a collection that cannot be read completely."""
    return {
        "id": collection_id,
        "title": "",
        "kind": "",
        "state": "unreadable",
        "detail": "",
        "posts": None,
        "edges": None,
        "file_bytes": None,
        "last_30_days": [],
        "last_harvest": None,
        "next_harvest": None,
        "paused": False,
        "gaps": None,
        "month_x": None,
        "month_aws": None,
        "problem": " ".join([error.message, *error.problems, error.hint]).strip(),
    }
