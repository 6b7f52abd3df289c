"""What arrives on a stream's socket is taken together, as a read costs as much as several posts.

So the read after one that took all there was is put off for `PAUSE_SECONDS`, and takes what came meanwhile. A
stop is heard at once, as it shuts the socket.
"""

import select
import ssl
from typing import Any

from harvester.errors.connections import cause_of
from harvester.networks.x.http.interruptible import shut

# How long a read waits for the first byte.
TICK = 0.5
# The delay of a post that this may cause.
PAUSE_SECONDS = 0.09
# The maximum number of bytes of one read.
PIECE = 1 << 18
_NOTHING_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Arrivals:
    """Of one connection, whose headers came through `reader`; nothing else reads its socket."""

    def __init__(self, sock: Any, reader: Any, *, pause: float = PAUSE_SECONDS, room: int = PIECE) -> None:
        self._socket, self._pause = sock, pause
        sock.settimeout(0.0)
        self._first = _read_ahead(reader)
        self._room = memoryview(bytearray(room))
        self._some, self._hang_up = select.poll(), select.poll()
        self._some.register(sock, select.POLLIN)
        # Of a connection that is shut or broken every poll tells.
        self._hang_up.register(sock, 0)
        # There may be more that is decrypted already, where no poll sees it.
        self._is_more = True
        self._has_time = False
        # Why nothing more will come; None while it may.
        self._end: str | None = None

    def pause(self) -> None:
        """Let more arrive, unless it arrives faster than it is read."""
        if self._has_time:
            self._hang_up.poll(self._pause * 1000)

    def take(self) -> tuple[bytes | None, str]:
        """All that came, none at the end, None when nothing came in time; and why there will be no more."""
        if self._first:
            first, self._first = self._first, b""
            return first, ""
        if self._end is None and not self._is_more and not self._some.poll(TICK * 1000):
            self._has_time = False
            return None, ""
        count = self._fill() if self._end is None else 0
        if self._is_more and not count and self._end is None:
            # There was no more, so that now it is waited for.
            self._is_more = False
            return self.take()
        self._is_more, self._has_time = count == len(self._room), 0 < count < len(self._room)
        if count:
            return bytes(self._room[:count]), ""
        return (b"" if self._end == "" else None), self._end or ""

    def cut(self) -> None:
        """Let nothing more come; what has come is still taken."""
        shut(self._socket)

    def close(self) -> None:
        self._socket.close()

    def _fill(self) -> int:
        """How many bytes came, a TLS record at a time, into the room."""
        count = 0
        try:
            while count < len(self._room):
                more = self._socket.recv_into(self._room[count:])
                if not more:
                    self._end = ""
                    break
                count += more
        except _NOTHING_NOW:
            pass
        except OSError as error:
            self._end = cause_of(error).said
        return count


def _read_ahead(reader: Any) -> bytes:
    """The bytes that came together with the headers, and are held by the reader of these."""
    try:
        ahead = reader.peek(1)
        return bytes(reader.read(len(ahead))) if ahead else b""
    except _NOTHING_NOW:
        return b""
