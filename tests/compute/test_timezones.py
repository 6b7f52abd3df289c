"""Schedules in time zones: when they are due where the clock leaps in spring and goes back in autumn."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.compute.schedules.expression import coming, parsed
from harvester.errors import Exit, HarvesterError
from tests.compute.test_expression import matches
from tests.support.examples import examples

# Zones whose clocks do what most do not: by half an hour, at midnight, over a whole day, by odd minutes.
_ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"),
    *("America/St_Johns", "Pacific/Apia", "America/Sao_Paulo", "Atlantic/Azores", "Antarctica/Troll"),
)


def _due(expression: str, timezone: str, after: str, times: int) -> list[str]:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = coming(parsed(expression, timezone), moment, since=moment, times=times)
    return [f"{due:%Y-%m-%d %H:%M}" for due in found]


def test_a_time_of_day_is_that_of_the_zone_in_summer_and_in_winter() -> None:
    assert _due("cron(0 6 * * ? *)", "Europe/Berlin", "2026-10-23T12:00", 3) == [
        "2026-10-24 04:00",
        "2026-10-25 05:00",
        "2026-10-26 05:00",
    ]


def test_a_time_that_the_clock_leaps_over_is_skipped() -> None:
    assert _due("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-27T12:00", 3) == [
        "2026-03-28 01:30",
        "2026-03-30 00:30",
        "2026-03-31 00:30",
    ]


def test_a_time_that_the_clock_shows_twice_counts_once() -> None:
    expected = ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"]
    assert _due("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-23T12:00", 3) == expected
    # Neither does it from within the second showing of that hour.
    assert _due("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T01:10", 1) == expected[-1:]


def test_a_day_of_a_rate_has_24_hours_whatever_the_clock_does() -> None:
    assert _due("rate(1 day)", "Europe/Berlin", "2026-10-24T12:00", 2) == [
        "2026-10-25 12:00",
        "2026-10-26 12:00",
    ]


def test_once_is_at_the_time_of_the_zone_and_never_again() -> None:
    assert _due("at(2026-12-24T18:00:00)", "Asia/Kathmandu", "2026-11-23T08:00", 5) == ["2026-12-24 12:15"]
    assert _due("at(2026-12-24T18:00:00)", "Asia/Kathmandu", "2026-12-24T12:16", 5) == []


_REFUSED = {
    ("cron(0 6 * * ? *)", "Europe/Berln"): "Did you mean Europe/Berlin",
    ("cron(0 6 * * ? *)", "berlin"): "Did you mean Europe/Berlin",
    ("cron(0 6 * * ? *)", "europe/berlin"): "Did you mean Europe/Berlin",
    ("cron(0 6 * * ? *)", "CEST"): "not a time zone name",
    ("cron(0 6 * * ? *)", "+02:00"): "not a time zone name",
    ("cron(0 6 * * ? *)", ""): "not a time zone name",
    ("cron(0 6 * * ? *)", "../../etc/passwd"): "not a time zone name",
    ("at(2026-03-29T02:30:00)", "Europe/Berlin"): "skipped when clocks change",
    ("cron(30 2 29 3 ? 2026)", "Europe/Berlin"): "never be due",
}


@pytest.mark.parametrize(("wanted", "reason"), _REFUSED.items(), ids=map(str, _REFUSED))
def test_what_is_no_time_anywhere_is_refused_with_the_reason(wanted: tuple[str, str], reason: str) -> None:
    with pytest.raises(HarvesterError) as caught:
        parsed(*wanted)
    assert reason in str(caught.value)
    assert caught.value.exit_code == Exit.USAGE


def test_a_wrong_zone_and_a_wrong_expression_are_told_together() -> None:
    with pytest.raises(HarvesterError) as caught:
        parsed("cron(61 6 * * ? *)", "Mars")
    assert len(caught.value.problems) == 2


_expressions = st.builds(
    "cron({} {} {} *)".format,
    st.sampled_from(["0", "30", "5,35", "3/17", "*"]),
    st.sampled_from(["*", "0", "2", "1-3", "23", "0/5", "0,23"]),
    st.sampled_from(["* * ?", "1/2 * ?", "? * 1", "? * 2-6", "25-31 3,10 ?"]),
)


@st.composite
def _near_a_change(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a minute within a day and a half before one of its clock changes, or any minute."""
    timezone = draw(st.sampled_from(_ZONES))
    changes = list(_changes(timezone)) or [datetime(2026, 6, 1, tzinfo=UTC)]
    change = draw(st.sampled_from(changes))
    return timezone, change - timedelta(minutes=draw(st.integers(0, 2160)))


def _changes(timezone: str) -> Iterator[datetime]:
    zone = ZoneInfo(timezone)
    for year in (2011, 2018, 2026):
        days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(366)]
        for day, following in zip(days, days[1:], strict=False):
            if day.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset():
                yield following


@given(_near_a_change(), _expressions)
@settings(max_examples=examples(150))
def test_what_is_due_is_each_minute_that_matches_when_the_clock_first_shows_it(
    where: tuple[str, datetime], expression: str
) -> None:
    timezone, start = where
    zone = ZoneInfo(timezone)
    minutes = (start + timedelta(minutes=number) for number in range(1, 3 * 1440))
    walls = ((minute, minute.astimezone(zone)) for minute in minutes)
    expected = [minute for minute, wall in walls if wall.fold == 0 and matches(wall, expression)]
    schedule = parsed(expression, timezone)
    assert coming(schedule, start, since=start, times=len(expected)) == expected
    following = schedule.after(expected[-1] if expected else start, since=start)
    assert following is None or following >= start + timedelta(days=3)


@given(_near_a_change(), _expressions)
@settings(max_examples=examples(150))
def test_the_next_times_come_one_after_the_other(where: tuple[str, datetime], expression: str) -> None:
    timezone, start = where
    found = coming(parsed(expression, timezone), start, since=start, times=5)
    assert len(found) == 5
    assert start < found[0]
    assert found == sorted(set(found))
    assert all(matches(due.astimezone(ZoneInfo(timezone)), expression) for due in found)
