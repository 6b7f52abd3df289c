"""Reconnects a stream after each interruption, with back-off, and records the gap."""

import math
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from harvester.clock import Clock, Stop, in_background, timestamp, waiting
from harvester.networks import Stopped
from harvester.networks.gap import Gap, MissedInterval
from harvester.networks.x.errors import ApiCode, XError
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.streaming.connection import StreamConnection
from harvester.networks.x.streaming.interruptions import Backoffs, Order, SeenIds
from harvester.networks.x.streaming.read import StreamRead
from harvester.networks.x.streaming.recovery import Recovery
from harvester.text import counted

T = TypeVar("T")

SILENCE_SECONDS = 25.0
# X allows 50 connections in 15 minutes, so one that ends sooner does not start the waits anew.
SETTLED_SECONDS = 15.0
# A gap waits for the id of the record behind it, but no longer than this after X opened the connection, or
# delivered anything older: it must outlive a killed process.
HELD_SECONDS = 30.0
# While no records come, how often the moment is noted up to which nothing is missing.
HEARD_SECONDS = 1.0
TICK = 0.5


class StreamSupervisor:
    """Iterate over it: reads with records or events, and an empty one at least each second.

    `gap` is one that was open before, and ends as one of this stream's own would. `time` dates gaps, and
    `charged` hears how many posts of each read X charges for. `recover` connects in place of `connect` while
    a gap is open, and has X deliver again what it can of that. `patience` is how many seconds refused keys
    are tried again, at most.
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
        time: NetworkTime | None = None,
        gap: Gap | None = None,
        charged: Callable[[int], None] = lambda _: None,
        recover: Callable[[Gap], StreamConnection] | None = None,
        patience: float = math.inf,
    ) -> None:
        self._connect, self._charged, self._recover = connect, charged, recover
        self._recovery: Recovery | None = None
        self._clear = clear_connections
        self._clock = clock
        self._stop = stop
        self._silence = silence
        self._on_wait = on_wait
        self._backoffs = Backoffs(patience=patience)
        self._time = time or NetworkTime(clock)
        self._seen = SeenIds()
        self._order = Order()
        self._begun: datetime | None = None
        self._alive_at: datetime | None = None
        self._heard_at = 0.0
        self._gap, self._is_inherited = gap, gap is not None
        self._cleared = False
        self.duplicates = 0

    def __iter__(self) -> Iterator[StreamRead]:
        try:
            while not self._stop.requested:
                yield from self._one_connection()
        except Stopped:
            pass
        except XError:
            if self._is_inherited:
                # Still open, and known to the next harvest as it was to this one.
                self._gap = None
            yield from self._ending()
            raise
        yield from self._ending()

    def _ending(self) -> Iterator[StreamRead]:
        """The gap that nothing came after, and how much came twice."""
        events: list[dict[str, Any]] = []
        heard = None
        if self._gap:
            events.append(replace(self._gap, until=self._time.latest()).event())
            heard = MissedInterval(self._time.earliest(), self._gap.before)
        if self.duplicates:
            at = timestamp(self._clock.now())
            events.append({"event": "duplicates", "dropped": self.duplicates, "at": at})
        if events:
            yield StreamRead(events=events, since=self._time.earliest(), heard=heard)

    def _one_connection(self) -> Iterator[StreamRead]:
        asked = self._clock.elapsed()
        try:
            connect = self._connect
            if self._gap and self._recover:
                connect = partial(self._recover, self._gap)
            connection = yield from self._beside(connect, on_late_result=lambda opened: opened.close())
        except XError as error:
            yield from self._refused(error)
            return
        self._backoffs.opened()
        with closing(connection):
            try:
                reason = yield from self._reads(connection, self._time.earliest(asked))
            finally:
                # Not kept, and paid for.
                self._charge(connection.rest())
        yield from self._wait(self._backoffs.network.pause(), f"the stream was interrupted: {reason}")

    def _reads(self, connection: StreamConnection, asked: datetime) -> Generator[StreamRead, None, str]:
        """All that comes over one connection, which was asked for then; the reason of its end."""
        opened = heard = recovered = self._clock.elapsed()
        yield from self._opened(connection, asked)
        reason, alive = "", False
        while True:
            read = connection.read()
            now = self._clock.elapsed()
            if read.alive:
                heard, alive = now, True
            self._take_in(read, asked)
            if self._recovery and self._recovery.brings_old:
                recovered = now
            if alive and now - opened >= SETTLED_SECONDS:
                self._backoffs.settled()
            reason = read.reason or reason
            ended = self._why_over(read, reason, silent=now - heard)
            if self._gap and alive and (ended or now - recovered >= HELD_SECONDS):
                self._end_gap(read)
            if ended:
                self._open_gap(ended)
            self._note_heard(read)
            yield read
            if ended:
                return ended

    def _opened(self, connection: StreamConnection, asked: datetime) -> Iterator[StreamRead]:
        """An open gap lasts until here; without one, nothing is missed since X was asked."""
        self._begun = self._begun or asked
        if self._gap:
            self._gap = replace(self._gap, until=connection.opened)
            self._recovery = None
            if self._recover and connection.back:
                self._recovery = Recovery(
                    self._gap,
                    back=connection.back,
                    opened=connection.opened,
                    inherited=self._is_inherited,
                    asked=connection.asked,
                )
        else:
            self._alive_at = asked
            yield StreamRead(since=asked, heard=self._missed())

    def _take_in(self, read: StreamRead, asked: datetime) -> None:
        """Add the gaps that it ends or tells of, and take out the records that came before."""
        if read.alive:
            self._note_unread(read)
            self._alive_at = max(read.since, asked)
        if read.ids:
            self._backoffs.answered()
            self._cleared = False
            self._note_records(read)

    def _why_over(self, read: StreamRead, reason: str, *, silent: float) -> str:
        """Why nothing more will come over this connection; empty while more may. X's `reason` goes first."""
        if read.closed:
            return reason or read.closed
        return f"nothing came for {self._silence:.0f} s" if silent >= self._silence else ""

    def _note_records(self, read: StreamRead) -> None:
        before = self._seen.charged
        if self._recovery:
            old = self._recovery.drop_old(read)
            self._seen.charge(old, read.since.date())
            self.duplicates += len(old)
        self.duplicates += self._seen.drop_seen(read)
        self._charged(self._seen.charged - before)
        if read.ids:
            self._time.saw(read.ids[-1])
            self._order.add(read.ids)
            self._close_gap(read)

    def _charge(self, rest: StreamRead) -> None:
        if not rest.ids:
            return
        before = self._seen.charged
        self._seen.charge_unread(rest.ids, rest.since.date())
        self._charged(self._seen.charged - before)

    def _close_gap(self, read: StreamRead) -> None:
        """End the gap with the first records behind it, unless X may yet deliver all of it."""
        if not (self._gap and self._recovery and self._recovery.may_be_whole):
            self._end_gap(read)
        elif self._recovery.is_whole:
            gap = self._gap.event()
            told = {name: gap[name] for name in ("from", "to", "reason", "seconds")}
            told["by"] = self._recovery.asked
            at = timestamp(self._clock.now())
            read.events.insert(0, {"event": "gap recovered", "at": at, **told})
            self._gap, self._is_inherited, self._recovery = None, False, None
        else:
            self._gap = replace(self._gap, after=self._gap.after or read.first_id)

    def _end_gap(self, read: StreamRead) -> None:
        """Add the gap that ends with this read, if one is open."""
        if self._gap:
            read.events.insert(0, replace(self._gap, after=self._gap.after or read.first_id).event())
            self._gap, self._is_inherited, self._recovery = None, False, None

    def _note_unread(self, read: StreamRead) -> None:
        """What could not be read may have been posts: a gap from the last record before this read."""
        # The end of a connection is a gap in any case.
        if read.unread and not read.closed:
            reason = f"{counted(read.unread, 'byte')} could not be read"
            read.events.append(self._missed().gap(reason, until=self._time.latest()).event())

    def _note_heard(self, read: StreamRead) -> None:
        """Say what would be missing after this read: with each record, and else once a second."""
        now = self._clock.elapsed()
        # While a gap is open, what was known before it counts.
        if not self._gap and (read.ids or (read.alive and now - self._heard_at >= HEARD_SECONDS)):
            self._heard_at = now
            read.heard = self._missed()

    def _missed(self) -> MissedInterval:
        begun = self._begun or self._time.earliest()
        missed = self._order.missed(self._alive_at or begun)
        return missed if missed.since >= begun else replace(missed, since=begun)

    def _open_gap(self, reason: str) -> None:
        # A connection that brought nothing belongs to the interruption before it.
        if self._gap is None:
            missed = self._missed()
            self._gap = missed.gap(reason, until=missed.since)

    def _refused(self, error: XError) -> Iterator[StreamRead]:
        if self._backoffs.is_final(error):
            raise error
        yield self._event("refused", outcome=str(error.outcome), detail=error.problem.detail)
        if error.outcome == ApiCode.TOO_MANY_CONNECTIONS and not self._cleared:
            self._cleared = True
            try:
                yield from self._beside(self._clear)
                yield self._event("connections cleared")
            except XError as failed:
                yield self._event("connections not cleared", detail=str(failed))
        yield from self._wait(
            self._backoffs.after(error), f"no stream: {error.problem.detail or error.outcome}"
        )

    def _event(self, name: str, **more: str) -> StreamRead:
        at = timestamp(self._clock.now())
        return StreamRead(events=[{"event": name, "at": at, **more}], since=self._time.earliest())

    def _beside(
        self, ask: Callable[[], T], *, on_late_result: Callable[[T], None] = lambda _: None
    ) -> Generator[StreamRead, None, T]:
        """`ask` in a thread, as connecting may take longer than a writer may be left without a tick.

        What it gives after a stop goes to `on_late_result`.
        """

        def hand_over(late: Future[T]) -> None:
            if not late.exception():
                on_late_result(late.result())

        call = in_background(ask, name="stream connecting")
        try:
            while not wait((call,), TICK).done:
                if self._stop.requested:
                    raise Stopped
                yield StreamRead(since=self._time.earliest())
        except (Stopped, GeneratorExit):
            call.add_done_callback(hand_over)
            raise
        return call.result()

    def _wait(self, seconds: float, why: str) -> Iterator[StreamRead]:
        with waiting(self._on_wait) as report:
            report(why, seconds)
            until = self._clock.elapsed() + seconds
            while (left := until - self._clock.elapsed()) > 0:
                if self._clock.wait(self._stop, min(left, TICK)):
                    raise Stopped
                yield StreamRead(since=self._time.earliest())
