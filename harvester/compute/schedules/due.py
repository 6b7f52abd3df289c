"""Finds schedules whose last due time was not followed by a harvest.

A start for which AWS has no room is dropped without a word: RunTask answers 200 with `failures`, EventBridge
Scheduler takes that for a success and does not try again, and no event tells of a task that never was.
https://repost.aws/knowledge-center/ecs-fargate-runtask-capacity
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harvester.clock import moment
from harvester.compute import Scheduled
from harvester.compute.schedules.expression import Schedule
from harvester.documents import HarvestSummary
from harvester.harvest import catalog
from harvester.store import Store
from harvester.store.keys import CollectionKeys

# A schedule starts within a minute of its time, and a task takes half a minute to five to begin.
PATIENCE = timedelta(minutes=15)
# Harvests are named for whole seconds, and two machines' clocks differ.
_GRAIN = timedelta(minutes=1)
# How far back is looked for the time before, in steps: most schedules are found in the first.
_BACK = (timedelta(hours=1), timedelta(days=2), timedelta(days=40), timedelta(days=400))


@dataclass(frozen=True)
class Missed:
    """A collection was due then, and nothing has been harvested since."""

    collection_id: str
    due: datetime

    @property
    def text(self) -> str:
        return f"was due at {self.due:%Y-%m-%d %H:%M:%S} UTC, but no harvest ran"


def due_before(schedule: Schedule, until: datetime, *, since: datetime) -> datetime | None:
    """The last time at or before `until`, of a schedule in force `since` then; None if there was none."""
    for back in (*_BACK, until - since):
        begin = max(since, until - back) - timedelta(microseconds=1)
        found, due = None, schedule.after(begin, since=since)
        while due is not None and due <= until:
            found, due = due, schedule.after(due, since=since)
        if found or begin < since:
            return found
    return None


def missed(store: Store, found: list[Scheduled], now: datetime) -> list[Missed]:
    """Of which schedules the last time brought no harvest; what was due a moment ago may still begin."""
    found_missed = []
    for each in found:
        due = None if each.paused else due_before(each.schedule, now - PATIENCE, since=each.since)
        if due and not _came(store, CollectionKeys(each.collection_id), due):
            found_missed.append(Missed(each.collection_id, due))
    return found_missed


def _came(store: Store, keys: CollectionKeys, due: datetime) -> bool:
    """Whether one harvests now, began since, or ran at that time, so that another was turned away."""
    if catalog.live_lock(store, keys):
        return True
    found = [catalog.last(store, keys), *catalog.all_of(store, keys, newest=1)]
    return any(
        _at(summary, "harvest_timestamp") >= due - _GRAIN or _at(summary, "harvest_end_timestamp") >= due
        for summary in found
        if summary
    )


def _at(summary: HarvestSummary, name: str) -> datetime:
    try:
        return moment(str(summary.get(name)))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
