"""The gaps of a stream, each open until a repair is through with it.

A repair says so in its own harvest.json at once; that of the stream's harvest says so once that is over.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from harvester.clock import moment
from harvester.documents import HarvestSummary, Tree, text_in
from harvester.harvest import catalog
from harvester.networks.repair import PARTIAL
from harvester.store import Store
from harvester.store.keys import CollectionKeys

# The harvest that recorded a gap, its beginning and its end, as they are written.
GapKey = tuple[str, str, str]
Interval = tuple[datetime, datetime]
_T = TypeVar("_T")


@dataclass(frozen=True)
class StreamGap:
    """A gap as a harvest recorded it; `repaired` is empty while it is open."""

    harvest: str
    event: Tree
    repaired: Tree = field(default_factory=dict)

    @property
    def key(self) -> GapKey:
        return self.harvest, str(self.event["from"]), str(self.event["to"])

    @property
    def since(self) -> datetime:
        return moment(self.event["from"])

    @property
    def until(self) -> datetime:
        return moment(self.event["to"])

    @property
    def interval(self) -> Interval:
        return self.since, self.until

    @property
    def is_partial(self) -> bool:
        """Whether a repair closed the gap without finding all posts that were published in it."""
        return self.repaired.get("state") == PARTIAL

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()


def gaps_of(
    harvests: Iterable[HarvestSummary], closed: Mapping[GapKey, Tree] | None = None
) -> list[StreamGap]:
    """All gaps that these harvests recorded, the earliest first; those without a valid time are left out."""
    found = []
    for summary in harvests:
        for event in summary.get("gaps") or ():
            gap = StreamGap(text_in(summary, "harvest_timestamp"), event)
            if _is_dated(gap):
                noted = event.get("repaired")
                # A gap that was searched for again has the result of the last repair.
                repaired = (closed or {}).get(gap.key) or (noted if isinstance(noted, dict) else {})
                found.append(StreamGap(gap.harvest, event, repaired))
    return sorted(found, key=lambda gap: (gap.since, gap.until))


def overlapping(gaps: Iterable[_T], interval: Callable[[_T], Interval]) -> list[list[_T]]:
    """The gaps in order, those together that overlap: two harvests may have recorded the same crash.

    `interval` is when one begins and ends.
    """
    found: list[list[_T]] = []
    until: datetime | None = None
    for gap in sorted(gaps, key=interval):
        since, end = interval(gap)
        if until is not None and since <= until:
            found[-1].append(gap)
            until = max(until, end)
        else:
            found.append([gap])
            until = end
    return found


def _is_dated(gap: StreamGap) -> bool:
    try:
        return gap.since <= gap.until
    except (KeyError, TypeError, ValueError):
        return False


def repairs_of(store: Store, keys: CollectionKeys, *, newest: int | None = None) -> list[HarvestSummary]:
    """The repairs of a collection, newest first; none where it never was repaired.

    One that is not finished closes no gap yet: until then posts that it found may not be stored.
    """
    described = keys.repairs.collection
    if not any(entry.key == described for entry in store.entries(described)):
        return []
    found, unfinished = (
        catalog.all_of(store, keys.repairs, newest=newest),
        catalog.unfinished(store, keys.repairs),
    )
    for summary in found:
        if summary["harvest_timestamp"] == unfinished:
            summary.pop("repairs", None)
    return found


def open_gaps(store: Store, keys: CollectionKeys, harvests: list[HarvestSummary]) -> dict[str, int]:
    """How many gaps of each of these harvests are open, by their timestamps."""
    count = {one["harvest_timestamp"]: len(one.get("gaps") or ()) for one in harvests}
    if any(count.values()):
        for gap in gaps_of(harvests, closed_by(repairs_of(store, keys))):
            count[gap.harvest] -= bool(gap.repaired)
    return count


def closed_by(repairs: Iterable[HarvestSummary]) -> dict[GapKey, Tree]:
    """How each gap was closed, as harvest.json of the stream's harvest holds it under `repaired`."""
    found: dict[GapKey, Tree] = {}
    for summary in sorted(repairs, key=lambda one: one["harvest_timestamp"]):
        for event in summary.get("repairs") or ():
            key = tuple(str(event.get(name)) for name in ("harvest", "from", "to"))
            found[key[0], key[1], key[2]] = _closing(summary["harvest_timestamp"], event)
    return found


def _closing(repair: str, event: Mapping[str, Any]) -> Tree:
    classes = [str(each.get("class")) for each in event.get("out_of_reach") or ()]
    return {
        "by": repair,
        "state": event.get("state"),
        "stored": event.get("stored"),
        "out_of_reach": list(dict.fromkeys(classes)),
    }
