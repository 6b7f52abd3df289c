"""The posts and the states of harvests by day (UTC)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from harvester.clock import moment
from harvester.curation.repair.gaps import StreamGap
from harvester.dashboard.charts.bars import Day, bars
from harvester.dashboard.states import gravest
from harvester.documents import HarvestSummary, Tree, text_in

# The maximum number of days of a chart; earlier ones are left out, and the page says so.
MOST_DAYS = 400
_LEAST_DAYS = 30


def days_of(harvests: Iterable[HarvestSummary], gaps: Iterable[StreamGap] = (), *, until: date) -> list[Day]:
    """A day for each from the first harvest to `until`, from 30 to `MOST_DAYS`; none without harvests.

    The posts of a harvest that ran over several days are spread over them by its hours.
    """
    posts: dict[date, float] = defaultdict(float)
    states: dict[date, list[str]] = defaultdict(list)
    for summary in harvests:
        if span := span_of(summary):
            for day, share in _shares(*span):
                posts[day] += _count(summary) * share
                states[day].append(text_in(summary, "state"))
    if not states:
        return []
    holed = {day for gap in gaps if not gap.repaired for day, _ in _shares(gap.since, gap.until)}
    # With fewer days the bars would be too wide.
    first = min(*states, until - timedelta(days=_LEAST_DAYS - 1))
    first = max(first, until - timedelta(days=MOST_DAYS - 1))
    return [
        Day(day.isoformat(), round(posts.get(day, 0)), gravest(*states.get(day, ())), day in holed)
        for day in _from_to(first, max(until, *states))
    ]


def chart_of(days: Sequence[Day], collection_id: str, *, brush: bool = False) -> Tree:
    """A collection's days as a chart, and to how many days it is cut (0: to none)."""
    label = f"Posts of {collection_id} by day, with the states of its harvests and its gaps"
    return {
        "chart": bars(days, label=label, brush=brush),
        "cut": MOST_DAYS if len(days) == MOST_DAYS else 0,
    }


def last_days(days: Sequence[Day], *, number: int, until: date) -> list[int]:
    """The posts of the last days, for a small line."""
    by_name = {day.name: day.value for day in days}
    begin = until - timedelta(days=number - 1)
    return [by_name.get(day.isoformat(), 0) for day in _from_to(begin, until)]


def span_of(summary: HarvestSummary) -> tuple[datetime, datetime] | None:
    """The begin and end of a harvest, as far as known; None if its begin is not known."""
    try:
        begun = moment(str(summary.get("harvest_timestamp"))).astimezone(UTC)
    except ValueError:
        return None
    for name in ("harvest_end_timestamp", "updated"):
        try:
            return begun, max(begun, moment(str(summary.get(name))).astimezone(UTC))
        except ValueError:
            continue
    return begun, begun


def _count(summary: HarvestSummary) -> int:
    posts = summary.get("tweets")
    return posts if isinstance(posts, int) and posts > 0 else 0


def _shares(since: datetime, until: datetime) -> Iterator[tuple[date, float]]:
    """Each day between two moments, and its share of the time."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    if since.date() == until.date():
        yield since.date(), 1.0
        return
    # A summary that was edited by hand may cover centuries.
    whole, most = (until - since).total_seconds(), since.date() + timedelta(days=10 * MOST_DAYS)
    for day in _from_to(since.date(), min(until.date(), most)):
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = min(until, begin + timedelta(days=1))
        yield day, (end - max(since, begin)).total_seconds() / whole


def _from_to(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
