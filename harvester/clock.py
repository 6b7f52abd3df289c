"""Time and stop requests: every wait ends at a stop, and tests can set the clock."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol, TypeVar

_T = TypeVar("_T")

# Counts time asleep too (a laptop lid, a SIGSTOP), which CLOCK_MONOTONIC does not on Linux.
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# Seconds that a wait in the main thread takes at most before it hears signals.
HEARD_WITHIN = 0.2


class Stopped(Exception):
    """A stop was asked for while waiting or reading; nothing is wrong."""


class Stop:
    """A request to end, heard by every wait; the first reason given is the one kept."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.reason = ""

    def request(self, reason: str) -> None:
        with self._lock:
            if self._event.is_set():
                return
            self.reason = reason
            self._event.set()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def on_request(self, listener: Callable[[], None]) -> None:
        """Call `listener` once, from the thread that asks, when a stop is asked for (at once if it was)."""
        with self._lock:
            if not self._event.is_set():
                self._listeners.append(listener)
                return
        listener()

    def forget(self, listener: Callable[[], None]) -> None:
        """Call `listener` no more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    @contextmanager
    def part(self) -> Iterator["Stop"]:
        """A stop of one part of the work: this one ends it, too, and it does not end this one."""
        part = Stop()

        def end() -> None:
            part.request(self.reason)

        self.on_request(end)
        try:
            yield part
        finally:
            self.forget(end)

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; True when a stop was requested."""
        return self._event.wait(seconds)


class Clock(Protocol):
    """The hands of one clock. `wait` ends early, with True, when `stop` is requested."""

    def now(self) -> datetime: ...
    def elapsed(self) -> float: ...
    def wait(self, stop: Stop, seconds: float) -> bool: ...


class SystemClock:
    """This machine's clock: `now` may be wrong by hours, `elapsed` only ever counts seconds."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return time.clock_gettime(_SINCE_BOOT)

    def wait(self, stop: Stop, seconds: float) -> bool:
        return stop.wait(max(0.0, seconds))


def in_background(work: Callable[[], _T], *, name: str) -> Future[_T]:
    """What `work` returns or raises, in a thread of its own that no end of the process waits for."""
    call: Future[_T] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            call.set_exception(error)
        else:
            call.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return call


def interruptible(work: Callable[[], _T], *, name: str) -> _T:
    """What `work` returns or raises. Ctrl-C and signals end the wait for it, also where it runs no Python."""
    if threading.current_thread() is not threading.main_thread():
        # No other thread hears them.
        return work()
    return result_of(in_background(work, name=name))


def result_of(call: Future[_T]) -> _T:
    """What a call returns or raises. Ctrl-C and signals are heard in 0.2 s at most, and may end the wait."""
    # A wait without an end does not hear a signal that came just before it, or to another thread.
    while not wait([call], timeout=HEARD_WITHIN).done:
        pass
    return call.result()


class Backoff:
    """Pauses between tries: from `first` on each is twice the last, or longer by `step`, up to `longest`.

    With `jitter` each is shortened by up to half, so that many who failed together do not return together.
    """

    def __init__(self, first: float, longest: float, *, step: float = 0.0, jitter: bool = False) -> None:
        self._first, self._longest, self._step, self._jitter = first, longest, step, jitter
        self.upcoming = first

    def reset(self) -> None:
        """What is tried has worked: the next failure is a new one."""
        self.upcoming = self._first

    def pause(self) -> float:
        """The seconds to wait before the next try."""
        pause = self.upcoming
        self.upcoming = min(self._longest, pause + self._step if self._step else 2 * pause)
        return pause * random.uniform(0.5, 1.0) if self._jitter else pause


@contextmanager
def waiting(on_wait: Callable[[str, float], None] | None) -> Iterator[Callable[[str, float], None]]:
    """Around waits for one thing: the first of more than a second is reported, and that it is over.

    One that a stop ended is not reported as over.
    """
    reported = False

    def report(why: str, seconds: float) -> None:
        nonlocal reported
        if on_wait and seconds > 1.0 and not reported:
            on_wait(why, seconds)
            reported = True

    yield report
    if on_wait and reported:
        on_wait("", 0.0)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC as stored everywhere, to the microsecond, e.g. 2026-11-23T07:00:00.000000+00:00."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """The reverse of `timestamp`; the naive timestamps of 2019 were UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed


@lru_cache(maxsize=8)
def http_date(text: str | None) -> datetime | None:
    """The moment that a server's header names (RFC 9110, 5.6.7), in UTC; None if it names none.

    A zone that is missing or unknown ("-0000") is UTC, as the RFC has no other.
    """
    if not text:
        return None
    # It imports modules for mail, which reading a folder does not need.
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
