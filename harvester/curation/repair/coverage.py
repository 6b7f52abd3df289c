"""How many of the existing posts a stream has, by day, according to the network's counts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from harvester.clock import moment
from harvester.curation.repair.gaps import StreamGap, closed_by, gaps_of, repairs_of
from harvester.curation.repair.rules_in_force import rules_of, spans
from harvester.curation.repair.stored_ids import Interval, stored_posts
from harvester.documents import HarvestSummary, Tree
from harvester.harvest import catalog
from harvester.networks import Network
from harvester.networks.repair import OutOfReach, merged
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Count:
    """A query whose posts are to be counted, in the interval in which its rules were live."""

    query: str
    since: datetime
    until: datetime


@dataclass
class Asked:
    """What to count for a coverage, and which classes of posts are in no count."""

    since: datetime
    until: datetime
    counts: list[Count] = field(default_factory=list)
    out_of_reach: tuple[OutOfReach, ...] = ()
    gaps: list[StreamGap] = field(default_factory=list)

    @property
    def queries(self) -> int:
        """How many queries are counted: a post that several of them find is in each of their counts."""
        return len({count.query for count in self.counts})


@dataclass(frozen=True)
class Day:
    """A UTC day: the posts that were published on it and are stored, and as many as the network counts.

    Of those stored, `repaired` are of repairs, and `unseen` in no count; `open_seconds` lie in open gaps.
    """

    day: date
    collected: int
    repaired: int
    unseen: int
    counted: int
    open_seconds: float

    @property
    def share(self) -> float | None:
        """The part of what is counted that is stored; None if nothing is counted."""
        return round((self.collected - self.unseen) / self.counted, 4) if self.counted else None

    def to_tree(self) -> Tree:
        return {
            "day": self.day.isoformat(),
            "collected": self.collected,
            "repaired": self.repaired,
            "unseen": self.unseen,
            "counted": self.counted,
            "share": self.share,
            "open_seconds": round(self.open_seconds, 3),
        }


def asked(
    store: Store, keys: CollectionKeys, network: Network, *, since: datetime, until: datetime, archive: bool
) -> Asked:
    """What to count from one moment to another, but not before the first harvest."""
    harvests = catalog.all_of(store, keys)
    since = max(since, min(filter(None, map(_begun, harvests)), default=until))
    made = Asked(since, until)
    known = rules_of(store, keys, harvests, min((one["harvest_timestamp"] for one in harvests), default=""))
    missed: list[OutOfReach] = []
    for span in spans(since, until, known) if since < until else ():
        searches = network.searches(span.rules, archive=archive)
        missed += searches.out_of_reach
        made.counts += [Count(query.text, span.since, span.until) for query in searches.queries]
    made.out_of_reach = merged(missed)
    made.gaps = gaps_of(harvests, closed_by(repairs_of(store, keys)))
    return made


def _begun(summary: HarvestSummary) -> datetime | None:
    """None if its harvest.json is damaged."""
    try:
        return moment(summary["harvest_timestamp"])
    except ValueError:
        return None


def coverage(
    reader: Reader,
    keys: CollectionKeys,
    network: Network,
    asked: Asked,
    count: Callable[[Count], Mapping[date, int]],
) -> list[Day]:
    """Each day of the interval; `count` asks the network."""
    stored = stored_posts(reader, keys, network, Interval(asked.since, asked.until))
    collected, repaired = _by_day(network, stored.ids), _by_day(network, stored.repaired)
    # Rules that name no words are counted with their retweets.
    unseen = _by_day(network, stored.unseen if asked.out_of_reach else ())
    counted: Counter[date] = Counter()
    for each in asked.counts:
        counted.update(count(each))
    return [
        Day(day, collected[day], repaired[day], unseen[day], counted[day], _open(asked, day))
        for day in _days(asked.since, asked.until)
    ]


def _by_day(network: Network, ids: Iterable[str]) -> Counter[date]:
    times = map(network.published, ids)
    return Counter(time.astimezone(UTC).date() for time in times if time)


def _days(since: datetime, until: datetime) -> Iterator[date]:
    day = since.astimezone(UTC).date()
    while day <= until.astimezone(UTC).date():
        yield day
        day += _DAY


def _open(asked: Asked, day: date) -> float:
    """How many seconds of the day, within the interval, lie in open gaps."""
    begins = datetime.combine(day, time(), UTC)
    first, last = max(begins, asked.since), min(begins + _DAY, asked.until)
    total, covered = timedelta(), first
    for gap in asked.gaps:
        start, end = max(gap.since, covered), min(gap.until, last)
        if not gap.repaired and start < end:
            total, covered = total + (end - start), end
    return total.total_seconds()
