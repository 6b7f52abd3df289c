"""Local times of a time zone as UTC; daylight saving time as EventBridge Scheduler treats it.

A time that the clock leaps over in spring is skipped; one that it shows twice in autumn counts once, and that
is the first time here: which of the two AWS takes, it does not say.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
"""

from datetime import UTC, datetime, tzinfo
from functools import cache

from harvester.text import similar

# UTC needs no database of time zones, which a small machine may not have.
_UTC = "UTC"
# Entries of such a database that name no place.
_NO_ZONES = {"Factory", "localtime"}


def zone_problem(name: str) -> str:
    """Why this is no time zone; empty when it is one."""
    if name == _UTC or name in (known := _known()):
        return ""
    if not known:
        return (
            f"This machine has no time zone database, so {name!r} cannot be used: install tzdata, or use UTC."
        )
    known_as = {each.lower(): each for each in known}
    wanted = name.lower()
    near = [each for each in sorted(known_as) if f"/{each}".endswith(f"/{wanted}")]
    near = near or similar(wanted, known_as, cutoff=0.7)
    meant = [known_as[each] for each in near]
    hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
    return f"{name!r} is not a time zone name, such as Europe/Berlin.{hint}"


def to_wall(moment: datetime, timezone: str) -> datetime:
    """What the clock on the wall shows at that moment; without a zone."""
    return moment.astimezone(_zone(timezone)).replace(tzinfo=None)


def from_wall(wall: datetime, timezone: str) -> datetime | None:
    """The moment, in UTC, at which the clock first shows this; None when it never does."""
    moment = wall.replace(tzinfo=_zone(timezone), fold=0).astimezone(UTC)
    return moment if to_wall(moment, timezone) == wall.replace(fold=0) else None


@cache
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    return UTC if name == _UTC else ZoneInfo(name)


@cache
def _known() -> set[str]:
    from zoneinfo import available_timezones

    return available_timezones() - _NO_ZONES
