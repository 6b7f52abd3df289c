"""The emulator's clock: the machine's time, or a fixed time until it is moved."""

import re
import time
from datetime import UTC, datetime

SNOWFLAKE_EPOCH_MS = 1288834974657
HALF_HOUR_MS = 1_800_000
ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$")


class Clock:
    """Seconds since 1970; a frozen clock moves only by `advance` and `set`, a real one also by itself."""

    def __init__(self, frozen_at: float | None = None) -> None:
        self.frozen = frozen_at is not None
        self._offset = frozen_at or 0.0

    def now(self) -> float:
        return self._offset if self.frozen else time.time() + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += seconds

    def set(self, moment: float) -> None:
        self._offset = moment if self.frozen else moment - time.time()


def clock_named(name: str) -> Clock:
    """`real`, or an ISO moment at which the clock stands."""
    return Clock() if name == "real" else Clock(parsed_iso(name))


def parsed_iso(text: str) -> float:
    """Seconds of an ISO 8601 moment with a zone; ValueError for anything else."""
    if not ISO.match(text):
        raise ValueError(f"not an ISO 8601 moment with a zone: {text}")
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def iso(moment: float) -> str:
    """2026-01-31T12:00:00.000Z, as the X API writes moments."""
    return iso_of_ms(int(moment * 1000))


_minutes: dict[int, str] = {}
_SECONDS = [f"{second:02d}." for second in range(60)]
_MILLISECONDS = [f"{ms:03d}Z" for ms in range(1000)]


def iso_of_ms(ms: int) -> str:
    """The same from milliseconds; the texts of its parts are kept, because every post has two of these."""
    minute, rest = divmod(ms, 60_000)
    prefix = _minutes.get(minute)
    if prefix is None:
        if len(_minutes) > 50_000:
            _minutes.clear()
        prefix = _minutes[minute] = datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:")
    return prefix + _SECONDS[rest // 1000] + _MILLISECONDS[rest % 1000]


def ms_of_id(post_id: int) -> int:
    """Creation time a snowflake id carries, in milliseconds since 1970."""
    return (post_id >> 22) + SNOWFLAKE_EPOCH_MS


def first_id_at(moment: float) -> int:
    """The smallest id a post created at this moment or later can have."""
    return max(0, int(moment * 1000) - SNOWFLAKE_EPOCH_MS) << 22
