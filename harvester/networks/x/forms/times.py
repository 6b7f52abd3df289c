"""The two ways in which X writes a time are read without regard to the language of the machine."""

import re
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OF_V1 = re.compile(r"\w{3} (\w{3}) (\d\d?) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{4})")
_LENGTH = len("2026-11-01T12:00:00.000Z")


def moment_in(text: str) -> datetime | None:
    """`2016-02-22T01:34:53.000Z`, or `Mon Feb 22 01:34:53 +0000 2016`; None if it is neither."""
    found = _OF_V1.fullmatch(text) if text[3:4] == " " else None
    try:
        if found is None:
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        month, day, hour, minute, second, sign, hours, minutes, year = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        month_day = f"{_MONTHS.index(month) + 1:02d}-{int(day):02d}"
        moment = datetime.fromisoformat(f"{year}-{month_day}T{hour}:{minute}:{second}")
        return moment.replace(tzinfo=timezone(offset))
    except ValueError:
        return None


def iso(text: str | None) -> str:
    """The same like 2026-11-01T12:00:00.000Z; empty if it is no time."""
    if not text:
        return ""
    if len(text) == _LENGTH and text[-1] == "Z" and text[19] == ".":
        return text
    found = moment_in(text)
    try:
        return written(found) if found else ""
    except OverflowError:
        return ""


def written(moment: datetime) -> str:
    """A moment like 2026-11-01T12:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
