"""Rate-limit windows per endpoint and kind of credential, counted on the emulator's clock."""

import time
from dataclasses import dataclass

from emulator.api.auth import APP, USER
from emulator.clock import Clock

# requests per window: (app, user), by the name of the endpoint
TABLE: dict[str, tuple[int, int]] = {
    "tweets": (3500, 5000),
    "search/recent": (450, 300),
    "search/all": (300, 300),
    "users/:id/tweets": (10_000, 900),
    "users/:id/mentions": (450, 300),
    "users": (300, 900),
    "users/by": (300, 900),
    "users/:id": (300, 900),
    "users/by/username": (300, 900),
    "followers": (300, 300),
    "following": (300, 300),
    "stream": (50, 50),
    "rules:get": (450, 450),
    "rules:post": (100, 100),
    "rules/counts": (72, 72),
    "counts/recent": (300, 300),
    "counts/all": (300, 300),
    "usage": (50, 50),
    "connections": (25, 25),
}
KINDS = (APP, USER)
ONE_A_SECOND = "search/all"
UNLIMITED = 1_000_000_000


@dataclass
class Window:
    reset: float
    used: int = 0


class Limits:
    """`spend` answers the headers that go with a request and whether it is over its limit."""

    def __init__(self, clock: Clock, *, seconds: float, enforced: bool) -> None:
        self.clock = clock
        self.seconds = seconds
        self.enforced = enforced
        self._windows: dict[tuple[str, str], Window] = {}
        self._last_archive_search = float("-inf")

    def allowance(self, group: str, kind: str) -> int:
        return TABLE[group][KINDS.index(kind)]

    def window(self, group: str, kind: str) -> Window:
        """The running window; it starts with the first request after the last one ended."""
        now = self.clock.now()
        window = self._windows.get((group, kind))
        if window is None or now >= window.reset:
            window = self._windows[group, kind] = Window(reset=now + self.seconds)
        return window

    def spend(self, group: str, kind: str) -> tuple[dict[str, str], bool]:
        window = self.window(group, kind)
        allowance = self.allowance(group, kind)
        if not self.enforced:
            # A client that heeds the headers, or counts, must not wait for a limit that is not there.
            return headers(UNLIMITED, UNLIMITED, window.reset), False
        if group == ONE_A_SECOND and self._too_soon():
            return headers(1, 0, self.clock.now() + 1), True
        if window.used >= allowance:
            return headers(allowance, 0, window.reset), True
        window.used += 1
        return headers(allowance, max(0, allowance - window.used), window.reset), False

    def _too_soon(self) -> bool:
        # By real time: on a clock that stands, the second search of a test would never be allowed.
        now = time.monotonic()
        if now - self._last_archive_search < 1:
            return True
        self._last_archive_search = now
        return False

    def exhausted(self, group: str, kind: str, *, seconds: float | None = None) -> dict[str, str]:
        """Headers of a spent window, for a scripted rate limit; it stays spent until it resets."""
        window = self.window(group, kind)
        if seconds is not None:
            window.reset = self.clock.now() + seconds
        window.used = self.allowance(group, kind)
        return headers(window.used, 0, window.reset)


def headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(remaining),
        # Rounded up: a client that waits until then must find the window open.
        "x-rate-limit-reset": str(int(-(-reset // 1))),
    }
