"""A minute of a harvest as a value, and the increase of its figures."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harvester.harvest.summary import users_left

# Momentary values: of an interval the greatest counts, or the last. All others are sums since the harvest
# began.
GREATEST, LAST = ("rss_mb",), ("depth", "users_left")
# In the order in which a person looks for them; the counts of a kind of collection follow.
NAMES = ("tweets", "files", "file_bytes", "gaps", "requests", "usd", "waiting_s", "rss_mb")

BY = {
    "minute": "%Y-%m-%dT%H:%M:00Z",
    "hour": "%Y-%m-%dT%H:00:00Z",
    "day": "%Y-%m-%dT00:00:00Z",
}


@dataclass(frozen=True)
class Minute:
    """The figures of the harvest of that timestamp, as they were at a moment."""

    harvest: str
    at: datetime
    figures: Mapping[str, int | float]

    @classmethod
    def of_line(cls, harvest: str, line: Mapping[str, Any]) -> "Minute":
        """Of a line of stats.jsonl; ValueError if it is not one."""
        at = line.get("at")
        if not isinstance(at, str):
            raise ValueError("it has no time")
        moment = datetime.fromisoformat(at)
        figures = {name: value for name, value in line.items() if _is_number(value)}
        return cls(harvest, moment if moment.tzinfo else moment.replace(tzinfo=UTC), figures)

    @classmethod
    def of_summary(cls, harvest: str, summary: Mapping[str, Any]) -> "Minute":
        """Of harvest.json, where a harvest has no lines; ValueError if it does not say when it was."""
        billed, gaps, counts = (summary.get(name) or {} for name in ("billed", "gaps", "counts"))
        at = summary.get("harvest_end_timestamp") or summary.get("updated") or harvest
        line = {name: value for name, value in summary.items() if name in NAMES}
        line |= dict(counts) if isinstance(counts, Mapping) else {}
        line |= (
            {name: billed.get(name, 0) for name in ("requests", "usd")} if isinstance(billed, Mapping) else {}
        )
        if isinstance(crawl := summary.get("crawl"), Mapping):
            line |= {"depth": crawl.get("depth", 0), "users_left": users_left(crawl, line)}
        return cls.of_line(harvest, {**line, "gaps": len(gaps), "at": at})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def increases(
    minutes: Iterable[Minute], *, by: str, since: datetime | None = None
) -> Iterator[tuple[str, dict[str, int | float]]]:
    """The increase in each interval that has lines, in order; momentary values as they are.

    Minutes before `since` are in no interval; they say how much there was already.
    """
    form, before, harvest = BY[by], dict[str, int | float](), ""
    interval, sums = "", dict[str, int | float]()
    for minute in minutes:
        if minute.harvest != harvest:
            before, harvest = {}, minute.harvest
        if since and minute.at < since:
            before = dict(minute.figures)
            continue
        begin = minute.at.astimezone(UTC).strftime(form)
        if begin != interval:
            if interval:
                yield interval, sums
            interval, sums = begin, {}
        for name, value in minute.figures.items():
            if name in GREATEST:
                sums[name] = max(sums.get(name, value), value)
            elif name in LAST:
                sums[name] = value
            else:
                sums[name] = round(sums.get(name, 0) + value - before.get(name, 0), 6)
        before = dict(minute.figures)
    if interval:
        yield interval, sums


def columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names that rows have, the usual ones first."""
    found = {name: None for row in rows for name in row}
    return [*(name for name in NAMES if name in found), *sorted(set(found) - set(NAMES))]
