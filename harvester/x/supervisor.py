"""A stream goes on for ever: each interruption is mended with patience and told as a gap."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from harvester.clock import Clock, Stop
from harvester.x.problems import Outcome, Stopped, XError
from harvester.x.stream import StreamConnection, StreamRead

SILENCE_SECONDS = 25.0
REMEMBERED_IDS = 50_000

# What another connection would be refused for as well.
_FATAL = {
    Outcome.UNAUTHORIZED,
    Outcome.FORBIDDEN,
    Outcome.MONTHLY_CAP,
    Outcome.CREDITS_DEPLETED,
    Outcome.RULES_PROBLEM,
    Outcome.BAD_REQUEST,
}


class Backoffs:
    """Three waits that grow apart from each other, and start anew when data came."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._network, self._http, self._limited = 0.0, 2.5, 30.0

    def network(self) -> float:
        self._network = min(16.0, self._network + 0.25)
        return self._network

    def http(self) -> float:
        self._http = min(320.0, self._http * 2)
        return self._http

    def limited(self) -> float:
        self._limited = min(900.0, self._limited * 2)
        return self._limited

    def after(self, error: XError) -> float:
        if error.outcome in (Outcome.RATE_LIMITED, Outcome.TOO_MANY_CONNECTIONS):
            return max(self.limited(), error.retry_after)
        return self.http() if error.problem.status else self.network()


class SeenIds:
    """The last ids, at least `REMEMBERED_IDS` and at most twice as many."""

    def __init__(self) -> None:
        self._recent: set[str] = set()
        self._older: set[str] = set()

    def fresh(self, read: StreamRead) -> tuple[StreamRead, int]:
        """The read without records that came before, and how many those are."""
        ids = set(read.ids)
        doubled = 0
        if len(ids) < len(read.ids) or not (ids.isdisjoint(self._recent) and ids.isdisjoint(self._older)):
            kept: dict[str, bytes] = {}
            for post_id, line in zip(read.ids, read.lines, strict=True):
                if post_id not in self._recent and post_id not in self._older:
                    kept.setdefault(post_id, line)
            doubled = len(read.ids) - len(kept)
            read = replace(read, ids=list(kept), lines=list(kept.values()))
        self._recent |= ids
        if len(self._recent) > REMEMBERED_IDS:
            self._recent, self._older = set(), self._recent
        return read, doubled


class _Gap:
    """One interruption, from the last sign of life to the connection after which records came again."""

    def __init__(self, start: datetime, reason: str, last_id: str | None) -> None:
        self.start = start
        self.end = start
        self.reason = reason
        self.last_id = last_id

    def event(self, *, first_id: str | None) -> dict[str, Any]:
        return {
            "event": "gap",
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "reason": self.reason,
            "last_id_before": self.last_id,
            "first_id_after": first_id,
            "seconds": round((self.end - self.start).total_seconds(), 3),
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
        self._alive_at: datetime | None = None
        self._last_id: str | None = None
        self._gap: _Gap | None = None
        self._cleared = False
        self.duplicates = 0
        self.gaps = 0

    def __iter__(self) -> Iterator[StreamRead]:
        try:
            while not self._stop.requested:
                yield from self._one_connection()
        except Stopped:
            pass
        except XError:
            yield from self._unfinished()
            raise
        yield from self._unfinished()

    def _unfinished(self) -> Iterator[StreamRead]:
        """The gap that nothing came after, and what was dropped as a duplicate."""
        events: list[dict[str, Any]] = []
        if self._gap:
            self._gap.end = self._clock.now()
            events.append(self._told(self._gap, None))
        if self.duplicates:
            at = self._clock.now().isoformat()
            events.append({"event": "duplicates", "dropped": self.duplicates, "at": at})
        if events:
            yield StreamRead(events=tuple(events), since=self._clock.now())

    def _told(self, gap: _Gap, first_id: str | None) -> dict[str, Any]:
        self._gap = None
        self.gaps += 1
        return gap.event(first_id=first_id)

    def _one_connection(self) -> Iterator[StreamRead]:
        try:
            connection = self._connect()
        except XError as error:
            yield from self._refused(error)
            return
        try:
            if self._gap:
                self._gap.end = connection.opened
            self._alive_at = self._alive_at or connection.opened
            reason = yield from self._reads(connection)
        finally:
            connection.close()
        yield from self._interrupted(reason)

    def _reads(self, connection: StreamConnection) -> Generator[StreamRead, None, str]:
        heard = self._clock.elapsed()
        reason = ""
        while True:
            read = connection.read()
            if read.alive:
                heard = self._clock.elapsed()
                self._alive_at = max(read.since, connection.opened)
            reason = next((e["disconnect_type"] for e in read.events if e["event"] == "disconnect"), reason)
            if read.ids:
                read = self._with_records(read)
            yield read
            if read.closed:
                return reason or read.closed
            if self._clock.elapsed() - heard >= self._silence:
                return f"nothing came for {self._silence:.0f} s"

    def _with_records(self, read: StreamRead) -> StreamRead:
        self._backoffs.reset()
        self._cleared = False
        events = read.events
        if self._gap:
            events = (self._told(self._gap, read.first_id), *events)
        self._last_id = read.last_id
        read, doubled = self._seen.fresh(read)
        self.duplicates += doubled
        return replace(read, events=events)

    def _interrupted(self, reason: str) -> Iterator[StreamRead]:
        self._open_gap(reason)
        yield from self._wait(self._backoffs.network(), reason)

    def _open_gap(self, reason: str) -> None:
        # Connections that brought nothing belong to the interruption before them.
        if self._gap is None and self._alive_at:
            self._gap = _Gap(self._alive_at, reason, self._last_id)

    def _refused(self, error: XError) -> Iterator[StreamRead]:
        if error.outcome in _FATAL:
            raise error
        told = {
            "event": "refused",
            "outcome": str(error.outcome),
            "detail": error.problem.detail,
            "at": self._clock.now().isoformat(),
        }
        yield StreamRead(events=(told,), since=self._clock.now())
        if error.outcome == Outcome.TOO_MANY_CONNECTIONS and not self._cleared:
            self._cleared = True
            self._clear()
        yield from self._wait(self._backoffs.after(error), f"stream ({error.outcome})")

    def _wait(self, seconds: float, why: str) -> Iterator[StreamRead]:
        if self._on_wait and seconds > 1.0:
            self._on_wait(why, seconds)
        until = self._clock.elapsed() + seconds
        while (left := until - self._clock.elapsed()) > 0:
            if self._clock.wait(self._stop, min(left, 0.9)):
                raise Stopped
            yield StreamRead(since=self._clock.now())
        if self._on_wait and seconds > 1.0:
            self._on_wait("", 0.0)
