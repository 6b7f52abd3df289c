"""How many posts a repair may find: by what is stored from around its gaps, and what was found already.

A stream's average over days says little of an hour, and retweets that a stream brings are found by no search
for words.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from harvester.clock import moment
from harvester.collection.kinds.kind import count
from harvester.curation.repair.plan import Plan, Planned
from harvester.curation.repair.stored_ids import Interval, stored_posts
from harvester.documents import HarvestSummary
from harvester.networks import Network
from harvester.networks.repair import span_key
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader

# The posts around these gaps are read, as it takes reading files; the others are taken to be like them.
_READ_AROUND = 5
# Before a gap and after it; as long as the gap, within these bounds.
_LEAST, _MOST = timedelta(minutes=5), timedelta(hours=1)
# What is shorter says nothing.
_HEARD = 30.0


@dataclass(frozen=True)
class Estimate:
    """How many posts the network may return, and a range: by the times before and after, and by chance."""

    posts: float
    low: float
    high: float

    def without(self, found: int, *, share: float) -> "Estimate":
        """What is left of this share of it after this many were found."""
        return Estimate(*(max(0.0, each * share - found) for each in (self.posts, self.low, self.high)))


def estimate(
    reader: Reader, keys: CollectionKeys, network: Network, plan: Plan, progress: Mapping[str, Any]
) -> Estimate:
    """Of all gaps that are planned; `progress` is what earlier repairs note of their searches."""
    ordered = sorted(plan.planned, key=lambda each: each.posts, reverse=True)
    read = [_around(reader, keys, network, plan, each) for each in ordered[:_READ_AROUND]]
    average = sum(each.posts for each in ordered[:_READ_AROUND])
    share = sum(found.posts for found in read) / average if average else 1.0
    others = [_wide(each.posts * share) for each in ordered[_READ_AROUND:]]
    left = [_left(each, found, progress) for each, found in zip(ordered, [*read, *others], strict=True)]
    return Estimate(*(sum(getattr(each, name) for each in left) for name in ("posts", "low", "high")))


def _around(reader: Reader, keys: CollectionKeys, network: Network, plan: Plan, each: Planned) -> Estimate:
    """By the posts published before the gap and after it, as far as the stream heard then."""
    gap = each.gap
    width = min(max(gap.until - gap.since, _LEAST), _MOST)
    before, after = Interval(gap.since - width, gap.since), Interval(gap.until, gap.until + width)
    stored = stored_posts(reader, keys, network, Interval(before.since, after.until))
    # Rules that name no words find retweets, too.
    found = stored.ids - (stored.unseen if each.out_of_reach else frozenset())
    times = sorted(time for time in map(network.published, found) if time)
    rates = []
    for side in (before, after):
        heard = _heard(plan, side)
        seconds = sum((part.until - part.since).total_seconds() for part in heard)
        if seconds >= _HEARD:
            # Not those that a repair found in another gap.
            posts = sum(bisect_left(times, part.until) - bisect_left(times, part.since) for part in heard)
            rates.append(posts / seconds)
    if not rates:
        reachable = len(found) / len(stored.ids) if stored.ids else 1.0
        return _wide(each.posts * reachable)
    low, high = min(rates) * each.seconds, max(rates) * each.seconds
    return Estimate((low + high) / 2, _less(low), _more(high))


def _heard(plan: Plan, interval: Interval) -> list[Interval]:
    """The parts of the interval in which a harvest ran, and no gap was."""
    runs = _within(interval, (_run(summary) for summary in plan.harvests))
    gaps = _within(interval, (gap.interval for gap in plan.gaps))
    moments = sorted({moment for each in (*runs, *gaps) for moment in (each.since, each.until)})
    return [
        Interval(since, until)
        for since, until in pairwise(moments)
        if _holds(runs, since, until) and not _holds(gaps, since, until)
    ]


def _within(interval: Interval, others: Iterable[tuple[datetime, datetime] | None]) -> list[Interval]:
    clipped = (
        Interval(max(each[0], interval.since), min(each[1], interval.until)) for each in others if each
    )
    return [each for each in clipped if each.since < each.until]


def _holds(intervals: Iterable[Interval], since: datetime, until: datetime) -> bool:
    return any(each.since <= since and until <= each.until for each in intervals)


def _run(summary: HarvestSummary) -> tuple[datetime, datetime] | None:
    with suppress(KeyError, TypeError, ValueError):
        ended = summary.get("harvest_end_timestamp") or summary["updated"]
        return moment(summary["harvest_timestamp"]), moment(ended)
    return None


def _left(each: Planned, whole: Estimate, progress: Mapping[str, Any]) -> Estimate:
    """What the gap's searches have not found yet; of one that was closed before, all of it."""
    searches = sum(len(span["queries"]) for span in each.spans)
    if each.gap.repaired or not searches:
        return whole
    begins = {span_key(span["from"], span["to"]) for span in each.spans}
    noted = [
        value
        for name, value in progress.items()
        if " ".join(name.split(" ")[:2]) in begins and isinstance(value, dict)
    ]
    begun = [value for value in noted if not value.get("done")]
    share = max(0.0, 1 - (len(noted) - len(begun)) / searches)
    return whole.without(sum(count(value, "found") for value in begun), share=share)


def _wide(posts: float) -> Estimate:
    """Where nothing near it is known."""
    return Estimate(posts, 0.0, 2 * _more(posts))


def _less(posts: float) -> float:
    return max(0.0, posts - 2 * math.sqrt(posts))


def _more(posts: float) -> float:
    """As chance has it: two standard deviations."""
    return posts + 2 * math.sqrt(posts) + 1
