"""What a date that a person types means: a year, month, day, minute or second, in UTC or with a zone."""

import calendar
import re
from datetime import UTC, datetime, timedelta

_FORMS = (
    ("%Y", "year"),
    ("%Y-%m", "month"),
    ("%Y-%m-%d", "day"),
    ("%Y-%m-%dT%H:%M", "minute"),
    ("%Y-%m-%dT%H:%M:%S", "second"),
)
_LENGTHS = {"day": timedelta(days=1), "minute": timedelta(minutes=1), "second": timedelta(seconds=1)}
_ZONE = re.compile(r"(.*T.*?)(?:Z|([+-])(\d\d):?(\d\d))", re.DOTALL)


def interval(text: str) -> tuple[int, int] | None:
    """Its begin and its end, in seconds since 1970; None if it is not a date."""
    local, shift = _apart(text.upper())
    for form, unit in _FORMS:
        try:
            begin = datetime.strptime(local, form).replace(tzinfo=UTC)
            end = _end(begin, unit)
        except (ValueError, OverflowError):
            continue
        first, last = (calendar.timegm(each.timetuple()) - shift for each in (begin, end))
        return first, last
    return None


def _apart(value: str) -> tuple[str, int]:
    """A time without its zone, and the seconds that the zone is ahead of UTC."""
    found = _ZONE.fullmatch(value)
    if not found:
        return value, 0
    seconds = int(found[3] or 0) * 3600 + int(found[4] or 0) * 60
    return found[1], -seconds if found[2] == "-" else seconds


def _end(begin: datetime, unit: str) -> datetime:
    if unit == "year":
        return begin.replace(year=begin.year + 1)
    if unit == "month":
        return (begin + timedelta(days=31)).replace(day=1)
    return begin + _LENGTHS[unit]
