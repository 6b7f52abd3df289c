"""`rate`, `cron` and `at` expressions with the meaning that EventBridge gives them.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from harvester.compute.schedules.cron import cron
from harvester.compute.schedules.timezones import from_wall, zone_problem
from harvester.errors import Exit, HarvesterError

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_CENTURY = 36_525 * 86_400
_LONGEST = 256
_HINT = (
    'Examples: "rate(7 days)", "cron(0 6 * * ? *)" for 6:00 every day, "cron(30 20 ? * MON-FRI *)", '
    '"at(2027-03-01T06:00:00)" for once.'
)


class Schedule(Protocol):
    """When something is due."""

    @property
    def expression(self) -> str: ...

    @property
    def timezone(self) -> str:
        """In which the expression is read, e.g. `Europe/Berlin`."""
        ...

    def after(self, moment: datetime, *, since: datetime) -> datetime | None:
        """The first time later than `moment`, of a schedule in force `since` then; None if there is none."""
        ...


@dataclass(frozen=True)
class Rate:
    """Due when it comes into force, and then at this interval; a day is 24 hours, also in spring."""

    expression: str
    seconds: int
    timezone: str = "UTC"

    def after(self, moment: datetime, *, since: datetime) -> datetime | None:
        if moment < since:
            return since
        passed = int((moment - since).total_seconds() // self.seconds)
        return since + timedelta(seconds=self.seconds * (passed + 1))


@dataclass(frozen=True)
class At:
    """Due once."""

    expression: str
    due: datetime
    timezone: str = "UTC"

    def after(self, moment: datetime, *, since: datetime) -> datetime | None:
        return self.due if self.due > moment and self.due >= since else None


@dataclass(frozen=True)
class Unread:
    """A schedule that another program put in force, and that cannot be read here."""

    expression: str
    timezone: str

    def after(self, moment: datetime, *, since: datetime) -> datetime | None:
        del moment, since
        return None


def parsed(expression: str, timezone: str = "UTC") -> Schedule:
    """The schedule that the expression stands for; every problem of it in one HarvesterError otherwise."""
    text = expression.strip()
    problem = zone_problem(timezone)
    problems = [problem] if problem else []
    # A wrong zone does not hide what is wrong with the expression.
    found = _parsed(text, "UTC" if problem else timezone, problems)
    if found and not problems:
        return found
    raise HarvesterError(f"The schedule {expression!r} is not valid.", problems, _HINT, exit_code=Exit.USAGE)


def read(expression: str, timezone: str) -> Schedule:
    """The schedule that is in force somewhere, even if another program wrote it."""
    try:
        return parsed(expression, timezone)
    except HarvesterError:
        return Unread(expression, timezone)


def _parsed(text: str, timezone: str, problems: list[str]) -> Schedule | None:
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", text)
    if len(text) > _LONGEST:
        problems.append(f"It has {len(text)} characters; the limit is {_LONGEST}.")
    elif not found:
        problems.append(
            "Use rate(value unit), cron(minutes hours day-of-month month day-of-week year) "
            "or at(yyyy-mm-ddThh:mm:ss)."
        )
    elif found[1] == "rate":
        return Rate(text, _rate(found[2], problems), timezone)
    elif found[1] == "cron":
        return cron(text, found[2].split(), timezone, problems)
    elif due := _at(found[2], timezone, problems):
        return At(text, due, timezone)
    return None


def coming(schedule: Schedule, moment: datetime, *, since: datetime, times: int) -> list[datetime]:
    """The next times, at most this many."""
    found: list[datetime] = []
    while len(found) < times:
        due = schedule.after(moment, since=since)
        if due is None:
            break
        found.append(due)
        moment = due
    return found


def _at(text: str, timezone: str, problems: list[str]) -> datetime | None:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text, re.ASCII):
            raise ValueError
        wall = datetime.fromisoformat(text)
        due = from_wall(wall, timezone)
    except (ValueError, OverflowError):
        problems.append("at(...) has one date and time, e.g. at(2027-03-01T06:00:00).")
        return None
    if due is None:
        problems.append(
            f"There is no {wall:%H:%M:%S} on {wall:%Y-%m-%d} in {timezone}: it is skipped when clocks change."
        )
    return due


def _rate(text: str, problems: list[str]) -> int:
    found = re.fullmatch(r"(\d+)\s+([a-z]+)", text.strip())
    if not found:
        problems.append("A rate is a whole number and a unit, e.g. rate(12 hours).")
        return 0
    value, unit = int(found[1]), found[2]
    single = unit.removesuffix("s")
    if value < 1:
        problems.append("The value of a rate is at least 1.")
    if single not in _UNITS:
        problems.append(f"The unit of a rate is minute(s), hour(s) or day(s), not {unit!r}.")
    elif value == 1 and unit != single:
        problems.append(f"With 1 the unit is singular: rate(1 {single}).")
    elif value > 1 and unit == single:
        problems.append(f"The unit is plural: rate({value} {single}s).")
    elif value * _UNITS[single] > _CENTURY:
        problems.append(f"A rate of {value} {unit} is not due again within a hundred years.")
    elif value * _UNITS[single] > 3_652_058 * 86_400 // 100:
        problems.append(f"A rate of {value} {unit} never comes due again.")
    return value * _UNITS.get(single, 0)
