"""One connection to a stream: each read returns records or events within a second."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harvester.clock import Clock, Stop
from harvester.networks import Stopped
from harvester.networks.gap import MissedInterval
from harvester.networks.x.http.gzip import Gzip
from harvester.networks.x.http.request import Reply
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.page import provenance_of
from harvester.networks.x.streaming.parser import BrokenStream, Chunks, Lines, LineSplitter, Plain, tell
from harvester.store.keys import timestamp

TICK = 0.5
# What was under way when a stop came is still read, for it is paid for.
LAST_SECONDS = 1.0
PIECE = 1 << 18


@dataclass(frozen=True)
class StreamRead:
    """What came since the last read. `lines` are ready to be stored; `closed` tells why there is no more.

    `unread` counts the bytes that may have been posts and could not be read; the events hold them.
    """

    lines: tuple[bytes, ...] | list[bytes] = ()
    ids: tuple[str, ...] | list[str] = ()
    events: tuple[dict[str, Any], ...] = ()
    closed: str = ""
    alive: bool = False
    unread: int = 0
    # X's time before the read began, rather too early than too late.
    since: datetime = datetime.min.replace(tzinfo=UTC)
    # What would be missing if nothing came after this read; None while that is not known.
    heard: MissedInterval | None = None

    @property
    def first_id(self) -> str | None:
        return self.ids[0] if self.ids else None

    @property
    def last_id(self) -> str | None:
        return self.ids[-1] if self.ids else None


class StreamConnection:
    """Made by `XClient.stream`. `read` until `closed`, then `close`."""

    def __init__(
        self,
        response: Reply,
        *,
        version: str,
        clock: Clock,
        stop: Stop,
        billed: Callable[[int], None] | None = None,
        time: NetworkTime | None = None,
    ) -> None:
        self._time = time or NetworkTime(clock)
        # X's time when the connection was open, rather too late than too early.
        self.opened = self._time.latest()
        self._response = response
        self._clock = clock
        self._stop = stop
        self._billed = billed
        self._version = version
        self._splitter = LineSplitter()
        # Without the parameters, which are alike for all records and would be a third of each.
        self._url = response.url.partition("?")[0]
        self._provenance = (0, b"")
        self._over = False
        raw = response.raw
        # Past urllib3, whose reads neither return what is there nor survive a timeout.
        reply = raw._fp
        self._chunks: Chunks | Plain = Chunks() if reply.chunked else Plain()
        self._codec: Gzip | Plain = (
            Gzip() if "gzip" in response.headers.get("content-encoding", "") else Plain()
        )
        self._socket = raw.connection.wire
        self._first = _read_ahead(self._socket, reply.fp)
        self._socket.settimeout(TICK)

    def read(self) -> StreamRead:
        """Wait for at most half a second; Stopped when a stop was asked for and all that came was read."""
        if self._stop.requested:
            return self._last()
        since = self._clock.elapsed()
        piece, closed = self._received()
        if piece is None and not closed:
            return StreamRead(since=self._time.earliest(since))
        if self._stop.requested and not piece:
            # The stop closed the connection, which is no interruption.
            return self._last()
        lines = Lines()
        if not closed:
            closed = self._take(piece or b"", lines)
        if closed:
            lines.add(self._splitter.finish(self._provenance_now()))
        return self._read(lines, closed, since)

    def _last(self) -> StreamRead:
        """What had arrived when the stop came, to its last byte, half a record as an event."""
        if self._over:
            raise Stopped
        self._over, since, lines = True, self._clock.elapsed(), Lines()
        while self._clock.elapsed() < since + LAST_SECONDS:
            piece, closed = self._received()
            if not piece or closed or self._take(piece, lines):
                break
        lines.add(self._splitter.finish(self._provenance_now()))
        if not lines.alive:
            raise Stopped
        return self._read(lines, "", since)

    def _read(self, lines: Lines, closed: str, since: float) -> StreamRead:
        if self._billed and lines.ids:
            self._billed(len(lines.ids))
        at = timestamp(self._clock.now())
        events = tuple({**event, "at": at} for event in lines.others)
        earliest = self._time.earliest(since)
        return StreamRead(lines.records, lines.ids, events, closed, lines.alive, lines.unread, earliest)

    def close(self) -> None:
        try:
            self._socket.close()
        finally:
            self._response.close()

    def _received(self) -> tuple[bytes | None, str]:
        """Some bytes, none at the end, None when nothing came in time; and why there will be no more."""
        if self._first:
            first, self._first = self._first, b""
            return first, ""
        try:
            return self._socket.recv(PIECE), ""
        except (TimeoutError, ssl.SSLWantReadError):
            return None, ""
        except OSError as error:
            return None, f"{type(error).__name__}: {error}"

    def _take(self, piece: bytes, lines: Lines) -> str:
        """Add what the piece holds; why nothing can come behind it."""
        if not piece:
            return "closed without a last chunk" if isinstance(self._chunks, Chunks) else "closed"
        broken = ""
        for step in (self._chunks.payload, self._codec.payload):
            try:
                piece = step(piece)
            except BrokenStream as error:
                piece, broken = error.came, f"{type(error).__name__}: {error}"
                tell(lines, "unparsable", error.rest)
        try:
            lines.add(self._splitter.split(piece, self._provenance_now()))
        except BrokenStream as error:
            broken = f"{type(error).__name__}: {error}"
        return broken or ("closed" if self._chunks.ended else "")

    def _provenance_now(self) -> bytes:
        now = self._clock.now()
        second = int(now.timestamp())
        if self._provenance[0] != second:
            at = now.astimezone(UTC).isoformat(timespec="seconds")
            self._provenance = second, provenance_of(self._url, self._version, at)
        return self._provenance[1]


def _read_ahead(sock: Any, reader: Any) -> bytes:
    """The bytes that came together with the headers, and are held by the reader of these."""
    sock.setblocking(False)
    try:
        ahead = reader.peek(1)
        return bytes(reader.read(len(ahead))) if ahead else b""
    except (ssl.SSLWantReadError, BlockingIOError):
        return b""
