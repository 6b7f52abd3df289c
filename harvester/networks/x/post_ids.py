"""The ids of X's posts: numbers that rise, and that tell when a post was published."""

from datetime import UTC, datetime, timedelta
from typing import Any

# X delivers a post within about 7 s (p99), so that what came last does not tell what was still on its way.
DELIVERY = timedelta(seconds=10)
FIRST_DAY = datetime(2006, 3, 21, tzinfo=UTC)
_EPOCH_MS = 1_288_834_974_657
_EPOCH = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=_EPOCH_MS)
# Ids of before November 2010 are numbers in a row and tell no time.
_FIRST_TIMED_ID = 1 << 36
GREATEST_ID = (1 << 63) - 1
_MOST_DIGITS = len(str(GREATEST_ID))


def published(post_id: str | None) -> datetime | None:
    """When a post was published, to the millisecond; None if its id tells no time."""
    try:
        number = int(post_id or "")
        time = datetime.fromtimestamp(((number >> 22) + _EPOCH_MS) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return time if number >= _FIRST_TIMED_ID else None


def created(post_id: str) -> datetime:
    """When a post was published; of one older than ids that tell it, the first day there was."""
    return published(post_id) or FIRST_DAY


def first_id_at(time: datetime) -> int:
    """The smallest id of a post that was published at this moment or later."""
    return max(0, (time - _EPOCH) // timedelta(milliseconds=1)) << 22


def is_id(value: Any) -> bool:
    """Ids of users and posts are numbers of 63 bits from 1 on, as text, written in one way only."""
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and value[0] != "0"):
        return False
    return len(value) < _MOST_DIGITS or (len(value) == _MOST_DIGITS and int(value) <= GREATEST_ID)
