"""One connection to a stream: each read returns records or events within a second."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from harvester.clock import Clock, Stop, timestamp
from harvester.networks import Stopped
from harvester.networks.x.http.gzip import Gzip
from harvester.networks.x.http.request import Reply
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.page import provenance_of
from harvester.networks.x.streaming.arrivals import Arrivals
from harvester.networks.x.streaming.chunks import BrokenStream, Chunks, Plain
from harvester.networks.x.streaming.parser import LineSplitter, tell
from harvester.networks.x.streaming.read import StreamRead

# What was under way when a stop came is still read, for it is paid for.
LAST_SECONDS = 1.0


class StreamConnection:
    """Made by `XClient.stream`. `read` until `closed`, then `close`; if that is before, `rest` first."""

    def __init__(
        self,
        response: Reply,
        *,
        version: str,
        clock: Clock,
        stop: Stop,
        time: NetworkTime | None = None,
        asked: Sequence[tuple[str, str, datetime | timedelta]] = (),
    ) -> None:
        self._time = time or NetworkTime(clock)
        # X's time when the connection was open, rather too late than too early.
        self.opened = self._time.latest()
        # The parameter of the recovery, by which X delivered posts again or could not, and its extent.
        self.asked, self.back = "", timedelta()
        for name, _, since in asked:
            self.asked, self.back = name, since if isinstance(since, timedelta) else self.opened - since
        self._response = response
        self._clock = clock
        self._stop = stop
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
        self._arrivals = Arrivals(raw.connection.wire, reply.fp)

    def read(self) -> StreamRead:
        """Wait for little more than half a second; Stopped at a stop once all that came was read."""
        if self._stop.requested:
            return self._last()
        since = self._clock.elapsed()
        self._arrivals.pause()
        piece, closed = self._arrivals.take()
        if piece is None and not closed:
            return StreamRead(since=self._time.earliest(since))
        if self._stop.requested and not piece:
            # The stop closed the connection, which is no interruption.
            return self._last()
        read = StreamRead()
        if not closed:
            closed = self._take(piece or b"", read)
        if closed:
            read.add(self._splitter.finish(self._provenance_now()))
        return self._dated(read, closed, since)

    def rest(self) -> StreamRead:
        """End the connection; what had arrived over it and was not read, to be counted."""
        self._arrivals.cut()
        try:
            return self._last()
        except Stopped:
            return StreamRead()

    def _last(self) -> StreamRead:
        """What had arrived when the connection was cut, to its last byte, half a record as an event."""
        if self._over:
            raise Stopped
        self._over, since, read = True, self._clock.elapsed(), StreamRead()
        while self._clock.elapsed() < since + LAST_SECONDS:
            piece, closed = self._arrivals.take()
            if not piece or closed or self._take(piece, read):
                break
        read.add(self._splitter.finish(self._provenance_now()))
        if read.is_empty:
            raise Stopped
        return self._dated(read, "", since)

    def _dated(self, read: StreamRead, closed: str, since: float) -> StreamRead:
        """The read as it is handed on."""
        if read.events:
            at = timestamp(self._clock.now())
            for event in read.events:
                event["at"] = at
        read.closed, read.alive, read.since = closed, not read.is_empty, self._time.earliest(since)
        return read

    def close(self) -> None:
        try:
            self._arrivals.close()
        finally:
            self._response.close()

    def _take(self, piece: bytes, read: StreamRead) -> str:
        """Add what the piece holds; why nothing can come behind it."""
        if not piece:
            return "closed without a last chunk" if isinstance(self._chunks, Chunks) else "closed"
        if isinstance(self._chunks, Chunks) and isinstance(self._codec, Plain):
            head, lines, piece = self._chunks.apart(piece)
            if lines:
                if broken := self._take_bytes(head, read):
                    return broken
                read.add(self._splitter.take(lines, self._provenance_now()))
            else:
                piece = head + piece
        return self._take_bytes(piece, read) or ("closed" if self._chunks.ended else "")

    def _take_bytes(self, piece: bytes, read: StreamRead) -> str:
        """Add what any bytes hold; why nothing can come behind them."""
        broken = ""
        for step in (self._chunks.payload, self._codec.payload):
            try:
                piece = step(piece)
            except BrokenStream as error:
                piece, broken = error.came, f"{type(error).__name__}: {error}"
                tell(read, "unparsable", error.rest)
        try:
            read.add(self._splitter.split(piece, self._provenance_now()))
        except BrokenStream as error:
            broken = f"{type(error).__name__}: {error}"
        return broken

    def _provenance_now(self) -> bytes:
        now = self._clock.now()
        second = int(now.timestamp())
        if self._provenance[0] != second:
            at = now.astimezone(UTC).isoformat(timespec="seconds")
            self._provenance = second, provenance_of(self._url, self._version, at)
        return self._provenance[1]
