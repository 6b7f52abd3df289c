"""`rate(...)` and `cron(...)` mean what they mean to EventBridge; what it refuses is refused with the reason.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from harvester.compute.cron import cron
from harvester.errors import Exit, HarvesterError

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_CENTURY = 36_525 * 86_400
_LONGEST = 256
_HINT = 'Examples: "rate(7 days)", "cron(0 6 * * ? *)" for 6:00 UTC every day, "cron(30 20 ? * MON-FRI *)".'


class Schedule(Protocol):
    """When something is due."""

    @property
    def expression(self) -> str: ...

    def after(self, moment: datetime, *, since: datetime) -> datetime | None:
        """The first time later than `moment`, of a schedule in force `since` then; None if there is none."""
        ...


@dataclass(frozen=True)
class Rate:
    """Due when it comes into force, and then every so many seconds."""

    expression: str
    seconds: int

    def after(self, moment: datetime, *, since: datetime) -> datetime | None:
        if moment < since:
            return since
        passed = int((moment - since).total_seconds() // self.seconds)
        return since + timedelta(seconds=self.seconds * (passed + 1))


def parsed(expression: str) -> Schedule:
    """The schedule that the expression stands for; every problem of it in one HarvesterError otherwise."""
    problems: list[str] = []
    text = expression.strip()
    found = re.fullmatch(r"(rate|cron)\((.*)\)", text)
    if len(text) > _LONGEST:
        problems.append(f"It has {len(text)} characters; at most {_LONGEST} are allowed.")
    elif not found:
        problems.append(
            "It is neither rate(value unit) nor cron(minutes hours day-of-month month day-of-week year)."
        )
    elif found[1] == "rate":
        seconds = _rate(found[2], problems)
        if not problems:
            return Rate(text, seconds)
    else:
        fields = cron(text, found[2].split(), problems)
        if fields and not problems:
            return fields
    raise HarvesterError(f"The schedule {expression!r} is not valid.", problems, _HINT, exit_code=Exit.USAGE)


def coming(schedule: Schedule, moment: datetime, *, since: datetime, times: int) -> list[datetime]:
    """The next so many times, fewer when there are no more."""
    found: list[datetime] = []
    while len(found) < times:
        due = schedule.after(moment, since=since)
        if due is None:
            break
        found.append(due)
        moment = due
    return found


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
        problems.append(f"A rate of 1 has its unit in the singular: rate(1 {single}).")
    elif value > 1 and unit == single:
        problems.append(f"A rate above 1 has its unit in the plural: rate({value} {single}s).")
    elif value * _UNITS[single] > _CENTURY:
        problems.append(f"A rate of {value} {unit} is not due again within a hundred years.")
    elif value * _UNITS[single] > 3_652_058 * 86_400 // 100:
        problems.append(f"A rate of {value} {unit} never comes due again.")
    return value * _UNITS.get(single, 0)
