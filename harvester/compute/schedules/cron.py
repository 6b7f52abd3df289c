"""cron(...) as EventBridge reads it: six fields, of which day-of-month or day-of-week is `?`."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harvester.compute.schedules.timezones import from_wall, to_wall

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class Days:
    """Which days of a month: listed ones, or those on listed days `of_week`, or one to be counted out."""

    listed: frozenset[int] = frozenset()
    of_week: bool = False
    last: bool = False
    nearest_weekday: int = 0
    occurrence: int = 0

    def of(self, year: int, month: int) -> list[int]:
        length = calendar.monthrange(year, month)[1]
        if self.of_week:
            return self._of_week(year, month, length)
        if self.last:
            return [length]
        if self.nearest_weekday:
            return _nearest_weekday(year, month, self.nearest_weekday, length)
        return [day for day in sorted(self.listed) if day <= length]

    def _of_week(self, year: int, month: int, length: int) -> list[int]:
        found = [day for day in range(1, length + 1) if _day_of_week(year, month, day) in self.listed]
        if self.last:
            return found[-1:]
        if self.occurrence:
            return found[self.occurrence - 1 : self.occurrence]
        return found


@dataclass(frozen=True)
class Cron:
    """Due at the minutes of its time zone that all fields allow."""

    expression: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: Days
    months: frozenset[int]
    years: frozenset[int]
    timezone: str = "UTC"

    def after(self, moment: datetime, *, since: datetime) -> datetime | None:
        start = max(moment.astimezone(UTC), since - timedelta(microseconds=1))
        walls = self._from(to_wall(start, self.timezone))
        dues = (from_wall(wall, self.timezone) for wall in walls)
        return next((due for due in dues if due is not None and due > start), None)

    def _from(self, start: datetime) -> Iterator[datetime]:
        """What the clock on the wall shows when it is due, from the hour of `start` on."""
        for year in sorted(year for year in self.years if year >= start.year):
            for month in sorted(self.months):
                if (year, month) < (start.year, start.month):
                    continue
                for day in self.days.of(year, month):
                    if (year, month, day) >= (start.year, start.month, start.day):
                        yield from self._times(datetime(year, month, day), start)

    def _times(self, day: datetime, start: datetime) -> Iterator[datetime]:
        earliest = start.hour if day.date() == start.date() else 0
        for hour in sorted(hour for hour in self.hours if hour >= earliest):
            for minute in sorted(self.minutes):
                yield day.replace(hour=hour, minute=minute)


def cron(text: str, fields: list[str], timezone: str, problems: list[str]) -> Cron | None:
    """What the fields mean; what is wrong with them is added to `problems`."""
    if len(fields) != 6:
        problems.append(
            f"cron(...) has 6 fields (minutes hours day-of-month month day-of-week year), not {len(fields)}."
        )
        return None
    minutes, hours, of_month, months, of_week, years = (field.upper() for field in fields)
    if (of_month == "?") == (of_week == "?"):
        given = "are both ?" if of_month == "?" else "are both given"
        problems.append(f"Day-of-month and day-of-week {given}; exactly one of them must be ?.")
    found = Cron(
        text,
        _values(minutes, "minutes", 0, 59, problems),
        _values(hours, "hours", 0, 23, problems),
        _days_of_week(of_week, problems) if of_month == "?" else _days_of_month(of_month, problems),
        _values(months, "month", 1, 12, problems, names=_MONTHS),
        _values(years, "year", 1970, 2199, problems),
        timezone,
    )
    if of_month != "?" and of_week != "?":
        _days_of_week(of_week, problems)
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    if not problems and found.after(beginning, since=beginning) is None:
        problems.append("No such day exists in these months and years, so it would never be due.")
    return found


def _values(
    text: str, name: str, low: int, high: int, problems: list[str], *, names: tuple[str, ...] = ()
) -> frozenset[int]:
    """What `, - * /` make of the values from `low` to `high`."""
    found: set[int] = set()
    for term in text.split(","):
        values = _term(term, low, high, names)
        if isinstance(values, str):
            problems.append(f"{name}: {values}")
        else:
            found.update(values)
    return frozenset(found)


def _term(term: str, low: int, high: int, names: tuple[str, ...]) -> range | str:
    """The values of `3`, `3-5`, `*/2` or `3-5/2`, or what is wrong with it."""
    body, slash, step_text = term.partition("/")
    step = _number(step_text, ()) if slash else 1
    if step is None or not 1 <= step <= high:
        return f"the step of {term!r} is not a number from 1 to {high}."
    first, last = (low, high) if body == "*" else _range(body, low, high if slash else None, names)
    if first is None or last is None or not (low <= first <= high and low <= last <= high):
        return f"{term!r} is not {_allowed(low, high, names)}."
    if first > last:
        return f"the range {term!r} ends before it begins."
    return range(first, last + 1, step)


def _range(
    text: str, low: int, open_end: int | None, names: tuple[str, ...]
) -> tuple[int | None, int | None]:
    """The ends of `3-5`; of `3` alone 3 and 3, or to `open_end` where a step follows."""
    start, dash, end = text.partition("-")
    first = _number(start, names, low=low)
    if dash:
        return first, _number(end, names, low=low)
    return first, first if open_end is None else open_end


def _number(text: str, names: tuple[str, ...], *, low: int = 0) -> int | None:
    if text in names:
        return names.index(text) + low
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def _allowed(low: int, high: int, names: tuple[str, ...]) -> str:
    words = f" or {names[0]}-{names[-1]}" if names else ""
    return f"within {low}-{high}{words}, with the wildcards , - * /"


def _days_of_month(text: str, problems: list[str]) -> Days:
    if text == "L":
        return Days(last=True)
    if text.endswith("W"):
        day = _number(text[:-1], ())
        if day is None or not 1 <= day <= 31:
            problems.append(f"day-of-month: {text!r}: W follows a single day from 1 to 31.")
            return Days()
        return Days(nearest_weekday=day)
    if "L" in text:
        problems.append(f"day-of-month: {text!r}: L must stand alone.")
        return Days()
    if "?" in text:
        problems.append(f"day-of-month: {text!r}: ? must stand alone.")
        return Days()
    return Days(_values(text, "day-of-month", 1, 31, problems))


def _days_of_week(text: str, problems: list[str]) -> Days:
    if text == "L":
        return Days(frozenset({7}), of_week=True)
    if "#" in text:
        return _occurrence(text, problems)
    if text.endswith("L"):
        day = _number(text[:-1], _DAYS, low=1)
        if day is None or not 1 <= day <= 7:
            problems.append(
                f"day-of-week: {text!r}: L follows a single day, 1-7 or SUN-SAT, or stands alone."
            )
            return Days(of_week=True)
        return Days(frozenset({day}), of_week=True, last=True)
    if "/" in text:
        problems.append(f"day-of-week: {text!r}: / is not allowed here; list the days.")
        return Days(of_week=True)
    if "?" in text and text != "?":
        problems.append(f"day-of-week: {text!r}: ? must stand alone.")
        return Days(of_week=True)
    if text == "?":
        return Days(of_week=True)
    return Days(_values(text, "day-of-week", 1, 7, problems, names=_DAYS), of_week=True)


def _occurrence(text: str, problems: list[str]) -> Days:
    day_text, _, which_text = text.partition("#")
    day, which = _number(day_text, _DAYS, low=1), _number(which_text, ())
    if "," in text:
        problems.append(f"day-of-week: {text!r}: # allows only one day.")
    elif day is None or not 1 <= day <= 7 or which is None or not 1 <= which <= 5:
        problems.append(
            f"day-of-week: {text!r}: a day (1-7 or SUN-SAT), # and 1 to 5 are allowed, e.g. TUE#2."
        )
    else:
        return Days(frozenset({day}), of_week=True, occurrence=which)
    return Days(of_week=True)


def _day_of_week(year: int, month: int, day: int) -> int:
    """1 is Sunday."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _nearest_weekday(year: int, month: int, day: int, length: int) -> list[int]:
    """The weekday nearest to the day within its month."""
    if day > length:
        return []
    of_week = _day_of_week(year, month, day)
    if of_week == 7:
        return [day - 1 if day > 1 else day + 2]
    if of_week == 1:
        return [day + 1 if day < length else day - 2]
    return [day]
