"""A stream goes on for ever: each interruption is mended with patience and told as a gap."""

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from harvester.clock import Clock, Stop
from harvester.layout import timestamp
from harvester.wording import counted
from harvester.x.interruptions import Backoffs, Gap, SeenIds, undelivered_from
from harvester.x.outcomes import Outcome, Stopped, XError
from harvester.x.stream import StreamConnection, StreamRead

T = TypeVar("T")

SILENCE_SECONDS = 25.0
# X allows 50 connections in 15 minutes, so one that ends sooner does not start the waits anew.
SETTLED_SECONDS = 15.0
# A gap waits for the id of the record behind it, but no longer than this: it must outlive a killed process.
HELD_SECONDS = 30.0
TICK = 0.5

# What another connection would be refused for as well.
_FATAL = {
    Outcome.UNAUTHORIZED,
    Outcome.FORBIDDEN,
    Outcome.MONTHLY_CAP,
    Outcome.CREDITS_DEPLETED,
    Outcome.RULES_PROBLEM,
    Outcome.BAD_REQUEST,
}


class StreamSupervisor:
    """Iterate over it: reads with records or events, and an empty one at least each second.

    The iteration ends after a stop; it raises XError for what no further connection would mend.
    """

    def __init__(
        self,
        connect: Callable[[], StreamConnection],
        clear_connections: Callable[[], None],
        *,
        clock: Clock,
        stop: Stop,
        silence: float = SILENCE_SECONDS,
        on_wait: Callable[[str, float], None] | None = None,
    ) -> None:
        self._connect = connect
        self._clear = clear_connections
        self._clock = clock
        self._stop = stop
        self._silence = silence
        self._on_wait = on_wait
        self._backoffs = Backoffs()
        self._seen = SeenIds()
        self._begun: datetime | None = None
        self._alive_at: datetime | None = None
        self._last_id: str | None = None
        self._gap: Gap | None = None
        self._cleared = False
        self.duplicates = 0

    def __iter__(self) -> Iterator[StreamRead]:
        try:
            while not self._stop.requested:
                yield from self._one_connection()
        except Stopped:
            pass
        except XError:
            yield from self._ending()
            raise
        yield from self._ending()

    def _ending(self) -> Iterator[StreamRead]:
        """The gap that nothing came after, and how much came twice."""
        now = self._clock.now()
        events: list[dict[str, Any]] = []
        if self._gap:
            self._gap.end = now
            events.append(self._gap.event())
        if self.duplicates:
            events.append({"event": "duplicates", "dropped": self.duplicates, "at": timestamp(now)})
        if events:
            yield StreamRead(events=tuple(events), since=now)

    def _one_connection(self) -> Iterator[StreamRead]:
        try:
            connection = yield from self._beside(self._connect, late=lambda opened: opened.close())
        except XError as error:
            yield from self._refused(error)
            return
        try:
            reason = yield from self._reads(connection)
        finally:
            connection.close()
        yield from self._wait(self._backoffs.network(), f"stream to come back ({reason})")

    def _reads(self, connection: StreamConnection) -> Generator[StreamRead, None, str]:
        """All that comes over one connection; the reason of its end."""
        opened = heard = self._clock.elapsed()
        self._begun = self._begun or connection.opened
        reason, alive = "", False
        if self._gap:
            self._gap.end = connection.opened
        else:
            self._alive_at = connection.opened
        while True:
            read = connection.read()
            now = self._clock.elapsed()
            if read.alive:
                heard, alive = now, True
                self._alive_at = max(read.since, connection.opened)
            read = self._with_unread(read)
            if read.ids:
                self._backoffs.answered()
                self._cleared = False
                read = self._with_records(read)
            if alive and now - opened >= SETTLED_SECONDS:
                self._backoffs.settled()
            reason = next((e["disconnect_type"] for e in read.events if e["event"] == "disconnect"), reason)
            ended = reason if read.closed and reason else read.closed
            if not ended and now - heard >= self._silence:
                ended = f"nothing came for {self._silence:.0f} s"
            if self._gap and alive and (ended or now - opened >= HELD_SECONDS):
                read = self._with_gap(read, first_id=None)
            if ended:
                self._open_gap(ended)
            yield read
            if ended:
                return ended

    def _with_records(self, read: StreamRead) -> StreamRead:
        read = self._with_gap(read, first_id=read.first_id)
        self._last_id = read.last_id
        read, doubled = self._seen.fresh(read)
        self.duplicates += doubled
        return read

    def _with_gap(self, read: StreamRead, *, first_id: str | None) -> StreamRead:
        if not self._gap:
            return read
        event = self._gap.event(first_id=first_id)
        self._gap = None
        return replace(read, events=(event, *read.events))

    def _open_gap(self, reason: str) -> None:
        # A connection that brought nothing belongs to the interruption before it.
        if self._gap is None and self._alive_at and self._begun:
            start = max(self._begun, undelivered_from(self._alive_at, self._last_id))
            self._gap = Gap(start, reason, self._last_id, self._alive_at)

    def _with_unread(self, read: StreamRead) -> StreamRead:
        """What could not be read may have been posts: a gap from the last record before this read."""
        if not read.unread or read.closed:
            # The end of a connection is a gap in any case.
            return read
        start = self._begun or read.since
        if self._alive_at:
            start = max(start, undelivered_from(self._alive_at, self._last_id))
        reason = f"{counted(read.unread, 'byte')} could not be read"
        gap = Gap(start, reason, self._last_id, self._clock.now())
        return replace(read, events=(*read.events, gap.event()))

    def _refused(self, error: XError) -> Iterator[StreamRead]:
        if error.outcome in _FATAL:
            raise error
        yield self._event("refused", outcome=str(error.outcome), detail=error.problem.detail)
        if error.outcome == Outcome.TOO_MANY_CONNECTIONS and not self._cleared:
            self._cleared = True
            try:
                yield from self._beside(self._clear)
                yield self._event("connections cleared")
            except XError as failed:
                yield self._event("connections not cleared", detail=str(failed))
        yield from self._wait(self._backoffs.after(error), f"stream ({error.outcome})")

    def _event(self, name: str, **more: str) -> StreamRead:
        now = self._clock.now()
        return StreamRead(events=({"event": name, "at": timestamp(now), **more},), since=now)

    def _beside(
        self, ask: Callable[[], T], *, late: Callable[[T], None] = lambda _: None
    ) -> Generator[StreamRead, None, T]:
        """`ask` in a thread, as connecting may take longer than a writer may be left without a tick."""
        beside = _Beside(ask, late)
        try:
            while not beside.done.wait(TICK):
                if self._stop.requested:
                    raise Stopped
                yield StreamRead(since=self._clock.now())
        except (Stopped, GeneratorExit):
            beside.abandon()
            raise
        return beside.outcome()

    def _wait(self, seconds: float, why: str) -> Iterator[StreamRead]:
        told = self._on_wait if seconds > 1.0 else None
        if told:
            told(why, seconds)
        until = self._clock.elapsed() + seconds
        while (left := until - self._clock.elapsed()) > 0:
            if self._clock.wait(self._stop, min(left, TICK)):
                raise Stopped
            yield StreamRead(since=self._clock.now())
        if told:
            told("", 0.0)


class _Beside(Generic[T]):
    """One call in a thread of its own; what it gives after nobody waits any more goes to `late`."""

    def __init__(self, ask: Callable[[], T], late: Callable[[T], None]) -> None:
        self.done = threading.Event()
        self._late = late
        self._lock = threading.Lock()
        self._abandoned = False
        self._found: list[T] = []
        self._failed: list[BaseException] = []
        threading.Thread(target=self._run, args=(ask,), daemon=True, name="stream connecting").start()

    def _run(self, ask: Callable[[], T]) -> None:
        try:
            found = ask()
            with self._lock:
                self._found.append(found)
                if self._abandoned:
                    self._late(found)
        except BaseException as error:  # noqa: BLE001 - `outcome` raises it in the thread that asked
            self._failed.append(error)
        finally:
            self.done.set()

    def outcome(self) -> T:
        if self._failed:
            raise self._failed[0]
        return self._found[0]

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            if self._found:
                self._late(self._found[0])
