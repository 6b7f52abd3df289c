"""One connection to a stream: what came is a record or an event, and a read returns within a second."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harvester.clock import Clock, Stop
from harvester.layout import timestamp
from harvester.x.gunzip import Gzip
from harvester.x.lines import BrokenStream, Chunks, Lines, LineSplitter, Plain
from harvester.x.outcomes import Stopped
from harvester.x.page import provenance_of
from harvester.x.sending import Reply

TICK = 0.5
PIECE = 1 << 18


@dataclass(frozen=True)
class StreamRead:
    """What came since the last read. `lines` are ready to be stored; `closed` tells why there is no more."""

    lines: tuple[bytes, ...] | list[bytes] = ()
    ids: tuple[str, ...] | list[str] = ()
    events: tuple[dict[str, Any], ...] = ()
    closed: str = ""
    alive: bool = False
    # Before the read began, so that what is dated by it is dated too early rather than too late.
    since: datetime = datetime.min.replace(tzinfo=UTC)

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
    ) -> None:
        self.opened = clock.now()
        self._response = response
        self._clock = clock
        self._stop = stop
        self._billed = billed
        self._version = version
        self._splitter = LineSplitter()
        # Without the parameters, which are alike for all records and would be a third of each.
        self._url = response.url.partition("?")[0]
        self._provenance = (0, b"")
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
        """Wait for at most half a second; Stopped when a stop was asked for."""
        if self._stop.requested:
            raise Stopped
        since = self._clock.now()
        try:
            piece = self._piece()
            if piece is None:
                return StreamRead(since=since)
            lines, closed = self._lines(piece)
        except (OSError, BrokenStream) as error:
            if self._stop.requested:
                raise Stopped from None
            lines, closed = Lines(), f"{type(error).__name__}: {error}"
        if self._stop.requested:
            # The stop closed the connection, which is no interruption; the next read says so.
            closed = ""
        if closed:
            self._tell_partial(lines)
        if self._billed and lines.ids:
            self._billed(len(lines.ids))
        at = timestamp(since)
        events = tuple({**event, "at": at} for event in lines.others)
        return StreamRead(lines.records, lines.ids, events, closed, lines.alive, since)

    def close(self) -> None:
        try:
            self._socket.close()
        finally:
            self._response.close()

    def _piece(self) -> bytes | None:
        """Some bytes; none at the end; None when nothing came in time."""
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            return self._socket.recv(PIECE)
        except (TimeoutError, ssl.SSLWantReadError):
            return None

    def _lines(self, piece: bytes) -> tuple[Lines, str]:
        if not piece:
            return Lines(), "closed without a last chunk" if isinstance(self._chunks, Chunks) else "closed"
        text = self._codec.payload(self._chunks.payload(piece))
        return self._splitter.split(text, self._provenance_now()), "closed" if self._chunks.ended else ""

    def _tell_partial(self, lines: Lines) -> None:
        if partial := self._splitter.partial.strip():
            shown = partial[:300].decode(errors="replace")
            lines.others.append({"event": "partial", "bytes": len(partial), "text": shown})

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
