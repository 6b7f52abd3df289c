"""Requests wait for X's rate limits, as earlier response headers show them."""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harvester.clock import Clock, Stop, http_date, waiting
from harvester.networks import Stopped
from harvester.text import whole_number

WINDOW = 900.0
# Never wait longer for one window than it can last, whatever a header says.
LONGEST = WINDOW + 60.0
SHORTEST_BLIND = 15.0


@dataclass
class _Window:
    remaining: int | None = None
    # On `Clock.elapsed`, so that a wrong wall clock on this machine does not matter.
    resets: float = 0.0
    blind: float = 0.0
    in_flight: int = 0
    next_slot: float = 0.0


class Windows:
    """The windows of all endpoints of one set of keys; many threads ask it before each request."""

    def __init__(
        self, *, clock: Clock, stop: Stop, on_wait: Callable[[str, float], None] | None = None
    ) -> None:
        self._clock = clock
        self._stop = stop
        self._on_wait = on_wait
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def reserve(self, endpoint: str, *, spacing: float = 0.0) -> None:
        """Return when one request to `endpoint` may be sent; raise Stopped when a stop came first."""
        with waiting(self._on_wait) as report:
            while (seconds := self._try(endpoint, spacing)) > 0:
                report(f"rate limit {endpoint}", seconds)
                if self._clock.wait(self._stop, seconds):
                    raise Stopped
        if self._stop.requested:
            raise Stopped

    def _try(self, endpoint: str, spacing: float) -> float:
        """Take one request of the window, or tell the seconds until that is worth trying again."""
        with self._lock:
            window = self._windows.setdefault(endpoint, _Window())
            now = self._clock.elapsed()
            if window.remaining is not None and now >= window.resets:
                window.remaining = None
            if window.remaining is not None and window.remaining <= 0:
                # Otherwise all waiting requests would start at the same instant.
                return min(LONGEST, window.resets - now + random.uniform(0.05, 0.5))
            if spacing and now < window.next_slot:
                return window.next_slot - now
            window.next_slot = now + spacing
            if window.remaining is not None:
                window.remaining -= 1
            window.in_flight += 1
            return 0.0

    def done(self, endpoint: str) -> None:
        """The request that was reserved has been answered, or never will be; called before `learn`."""
        with self._lock:
            self._windows[endpoint].in_flight -= 1

    def closed_for(self, endpoint: str) -> float:
        """Seconds until the window opens again; 0 while it is open, or nothing is known of it."""
        with self._lock:
            window = self._windows.get(endpoint, _Window())
            shut = window.remaining is not None and window.remaining <= 0
            return max(0.0, window.resets - self._clock.elapsed()) if shut else 0.0

    def learn(self, endpoint: str, headers: Mapping[str, str], *, limited: bool = False) -> None:
        """Take in the headers of an answer of the endpoint itself; `limited` when it was "rate limited".

        What came of another kind may be from a layer in front of it, whose windows are others.
        """
        remaining = whole_number(headers.get("x-rate-limit-remaining", ""))
        left = self._seconds_left(headers)
        with self._lock:
            window = self._windows.setdefault(endpoint, _Window())
            now = self._clock.elapsed()
            if limited:
                self._close(window, now, left)
            elif remaining is not None and left is not None:
                window.blind = 0.0
                _open(window, remaining, now + left)

    def _close(self, window: _Window, now: float, left: float | None) -> None:
        if left is None:
            # Many threads may be refused at once; only the first of them doubles the wait.
            if window.remaining is not None and window.remaining <= 0 and window.resets > now:
                return
            window.blind = min(WINDOW, max(SHORTEST_BLIND, window.blind * 2))
            left = window.blind
        window.remaining, window.resets = 0, now + min(LONGEST, left)

    def _seconds_left(self, headers: Mapping[str, str]) -> float | None:
        """Seconds to the reset, by the server's own clock or else by ours; None if neither can be right."""
        reset = whole_number(headers.get("x-rate-limit-reset", ""))
        if reset is None:
            return None
        for now in (http_date(headers.get("date")), self._clock.now()):
            if now is not None and -5.0 <= (left := reset - now.timestamp()) <= LONGEST:
                # One second more, as both are in whole seconds.
                return max(0.0, left) + 1.0
        return None


def _open(window: _Window, remaining: int, resets: float) -> None:
    same = window.remaining is not None and abs(resets - window.resets) < 5.0
    if same and window.remaining is not None:
        # Answers overtake each other: what is left of one window only shrinks. Ours were taken off when they
        # were reserved, so that less than that means others who use the same keys.
        if remaining < window.remaining:
            window.remaining = max(0, remaining - window.in_flight)
        window.resets = max(window.resets, resets)
    elif window.remaining is None or resets > window.resets:
        # Those under way were sent before anything was known, and are not all in the number told.
        window.remaining, window.resets = max(0, remaining - window.in_flight), resets
