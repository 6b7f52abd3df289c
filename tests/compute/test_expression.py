"""rate() and cron() as EventBridge defines them: when they are due, and what is refused, with the reason."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from harvester.compute.schedules.expression import coming, parsed
from harvester.errors import Exit, HarvesterError

# A Monday.
_NOW = datetime(2026, 11, 23, 8, 0, 30, tzinfo=UTC)

_DUE = {
    "rate(1 minute)": ["2026-11-23T08:01:30", "2026-11-23T08:02:30"],
    "rate(12 hours)": ["2026-11-23T20:00:30", "2026-11-24T08:00:30"],
    "rate(7 days)": ["2026-11-30T08:00:30", "2026-12-07T08:00:30"],
    "cron(0 10 * * ? *)": ["2026-11-23T10:00", "2026-11-24T10:00"],
    "cron(15 12 * * ? *)": ["2026-11-23T12:15", "2026-11-24T12:15"],
    "cron(0 18 ? * MON-FRI *)": ["2026-11-23T18:00", "2026-11-24T18:00"],
    "cron(0 8 1 * ? *)": ["2026-12-01T08:00", "2027-01-01T08:00"],
    "cron(0/15 * * * ? *)": ["2026-11-23T08:15", "2026-11-23T08:30"],
    "cron(1/10 8 * * ? *)": ["2026-11-23T08:01", "2026-11-23T08:11"],
    "cron(*/20 * * * ? *)": ["2026-11-23T08:20", "2026-11-23T08:40"],
    "cron(0/10 * ? * MON-FRI *)": ["2026-11-23T08:10", "2026-11-23T08:20"],
    "cron(0/5 8-17 ? * 2-6 *)": ["2026-11-23T08:05", "2026-11-23T08:10"],
    "cron(10-20/10,59 9 * * ? *)": ["2026-11-23T09:10", "2026-11-23T09:20", "2026-11-23T09:59"],
    "cron(0 0 L * ? *)": ["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-31T00:00", "2027-02-28T00:00"],
    "cron(0 0 L 2 ? 2028)": ["2028-02-29T00:00"],
    # 15 November 2026 is a Sunday, 15 August 2026 a Saturday; the 1st of May 2027 is a Saturday.
    "cron(0 0 15W 11 ? 2026-2027)": ["2027-11-15T00:00"],
    "cron(0 9 1W 5 ? *)": ["2027-05-03T09:00", "2028-05-01T09:00"],
    "cron(0 9 31W 1 ? *)": ["2027-01-29T09:00", "2028-01-31T09:00"],
    "cron(0 9 31W 2-3 ? 2027)": ["2027-03-31T09:00"],
    "cron(0 0 ? * L *)": ["2026-11-28T00:00", "2026-12-05T00:00"],
    "cron(15 10 ? * 6L 2026-2027)": ["2026-11-27T10:15", "2026-12-25T10:15"],
    "cron(15 10 ? * FRIL *)": ["2026-11-27T10:15"],
    "cron(0 9 ? * 3#2 *)": ["2026-12-08T09:00", "2027-01-12T09:00"],
    "cron(0 9 ? * SUN#5 *)": ["2026-11-29T09:00", "2027-01-31T09:00"],
    "cron(0 9 ? * 1,7 *)": ["2026-11-28T09:00", "2026-11-29T09:00"],
    "cron(0 9 29 2 ? *)": ["2028-02-29T09:00", "2032-02-29T09:00"],
    "cron(0 9 1 JAN,jul ? *)": ["2027-01-01T09:00", "2027-07-01T09:00"],
    "at(2026-12-24T18:00:00)": ["2026-12-24T18:00:00"],
    "cron(0 9 1 1/3 ? 2030/2)": ["2030-01-01T09:00", "2030-04-01T09:00"],
}  # fmt: skip

_REFUSED = {
    "": "Use rate(",
    "7 days": "Use rate(",
    "rate 7 days": "Use rate(",
    "at(2026-11-23)": "one date and time",
    "at(2026-11-23T08:00)": "one date and time",
    "at(2026-1-3T8:00:00)": "one date and time",
    "at(2026-02-30T08:00:00)": "one date and time",
    "at(2026-11-23T08:00:00Z)": "one date and time",
    "rate(7)": "a whole number and a unit",
    "rate(1.5 hours)": "a whole number and a unit",
    "rate(0 days)": "at least 1",
    "rate(-1 days)": "a whole number and a unit",
    "rate(1 days)": "rate(1 day)",
    "rate(5 minute)": "rate(5 minutes)",
    "rate(2 weeks)": "minute(s), hour(s) or day(s)",
    "rate(30 seconds)": "minute(s), hour(s) or day(s)",
    "rate(99999999999999 days)": "hundred years",
    "cron(0 10 * * *)": "not 5.",
    "cron(0 0 10 * * ? *)": "not 7.",
    "cron(0 10 * * * *)": "both given",
    "cron(0 10 ? * ? *)": "both ?",
    "cron(0 10 1 * MON *)": "both given",
    "cron(60 10 * * ? *)": "minutes: '60'",
    "cron(0 24 * * ? *)": "hours: '24'",
    "cron(0 10 0 * ? *)": "day-of-month: '0'",
    "cron(0 10 32 * ? *)": "day-of-month: '32'",
    "cron(0 10 1 13 ? *)": "month: '13'",
    "cron(0 10 1 JANUARY ? *)": "month: 'JANUARY'",
    "cron(0 10 ? * 0 *)": "day-of-week: '0'",
    "cron(0 10 ? * 8 *)": "day-of-week: '8'",
    "cron(0 10 1 * ? 1969)": "year: '1969'",
    "cron(0 10 1 * ? 2200)": "year: '2200'",
    "cron(0/0 10 * * ? *)": "the step",
    "cron(0/ 10 * * ? *)": "the step",
    "cron(30-10 10 * * ? *)": "ends before it begins",
    "cron(0 10 ? * FRI-MON *)": "ends before it begins",
    "cron(0 10 ? * 2/2 *)": "/ is not allowed",
    "cron(0 10 ? * 3#1,6#3 *)": "only one day",
    "cron(0 10 ? * 3#6 *)": "1 to 5",
    "cron(0 10 ? * 9L *)": "L follows a single day",
    "cron(0 10 1-3W * ? *)": "W follows a single day",
    "cron(0 10 L,1 * ? *)": "L must stand alone",
    "cron(0 10 1,? * ? *)": "? must stand alone",
    "cron(0 10 30 2 ? *)": "never be due",
    "cron(? 10 1 * ? *)": "minutes: '?'",
    "cron(0 10 1 ? ? *)": "month: '?'",
    "cron(L 10 1 * ? *)": "minutes: 'L'",
}  # fmt: skip


@pytest.mark.parametrize(("expression", "due"), _DUE.items(), ids=_DUE)
def test_a_schedule_is_due_when_eventbridge_says(expression: str, due: list[str]) -> None:
    schedule = parsed(expression)
    found = coming(schedule, _NOW, since=_NOW, times=len(due))
    assert found == [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in due]


@pytest.mark.parametrize(("expression", "reason"), _REFUSED.items(), ids=_REFUSED)
def test_what_eventbridge_refuses_is_refused_with_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(HarvesterError) as caught:
        parsed(expression)
    assert reason in str(caught.value)
    assert caught.value.exit_code == Exit.USAGE


def test_all_problems_of_an_expression_are_told_at_once() -> None:
    with pytest.raises(HarvesterError) as caught:
        parsed("cron(61 25 * 13 * 1)")
    assert len(caught.value.problems) == 5


def test_a_rate_is_due_at_once_when_it_comes_into_force() -> None:
    assert parsed("rate(7 days)").after(_NOW - timedelta(seconds=1), since=_NOW) == _NOW


def test_a_schedule_that_is_over_is_never_due_again() -> None:
    assert coming(parsed("cron(0 0 1 1 ? 2026-2027)"), _NOW, since=_NOW, times=5) == [
        datetime(2027, 1, 1, tzinfo=UTC)
    ]


def test_what_was_due_before_it_came_into_force_is_not_due() -> None:
    once = parsed("at(2026-11-01T06:00:00)")
    due = datetime(2026, 11, 1, 6, tzinfo=UTC)
    before = due - timedelta(days=1)
    assert once.after(before, since=due) == due
    assert once.after(before, since=due + timedelta(seconds=1)) is None


def matches(moment: datetime, expression: str) -> bool:
    """The plainest reading of numbers, lists and steps, of one minute."""
    minute, hour, day, month, week, year = expression[5:-1].split()
    of_week = moment.isoweekday() % 7 + 1
    values = (moment.minute, moment.hour, moment.day, moment.month, of_week, moment.year)
    fields = zip((minute, hour, day, month, week, year), values, strict=True)
    return all(_field(text, value) for text, value in fields)


def _field(text: str, value: int) -> bool:
    if text in "*?":
        return True
    if "/" in text:
        start, step = map(int, text.split("/"))
        return value >= start and (value - start) % step == 0
    if "-" in text:
        first, last = map(int, text.split("-"))
        return first <= value <= last
    return any(value == int(each) for each in text.split(","))


def test_the_minutes_found_are_those_that_match_one_by_one() -> None:
    rng = random.Random(7)
    for _ in range(20):
        minute = rng.choice(["*", "0", "5,35", "3/7"])
        hour = rng.choice(["*", "6", "1,13", "2/5"])
        day, week = rng.choice([("*", "?"), ("?", "2,4"), ("1,24", "?"), ("?", "7")])
        expression = f"cron({minute} {hour} {day} {rng.choice(['*', '11', '12'])} {week} 2026)"
        minutes = (_NOW.replace(second=0) + timedelta(minutes=n) for n in range(1, 2 * 1440))
        expected = [moment for moment in minutes if matches(moment, expression)]
        found = coming(parsed(expression), _NOW, since=_NOW, times=len(expected))
        assert found == expected, expression
