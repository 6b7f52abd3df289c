"""A whole answer, bounded in bytes and seconds, with little work for each one.

urllib3 opens connections, also through proxies and TLS, and takes the first request of each. For each further
one it took twice as long as it takes to check a page of ten posts, most of it for headers that nothing reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from urllib3.exceptions import DecodeError, ProtocolError

from harvester.clock import Clock
from harvester.networks.x.decoding import readable
from harvester.networks.x.http.gzip import ANSWER_BYTES, opened
from harvester.networks.x.page import NotAPage

# One answer that comes in drops would hold its thread for hours without this.
ANSWER_SECONDS = 120.0
PIECE, _FIRST = 1 << 18, 1 << 16
# As http.client allows for all headers and for one line.
_LONGEST_HEAD, _LONGEST_LINE = 1 << 18, 1 << 16
_HEAD_ENDS, _LINE_ENDS = b"\r\n\r\n", b"\r\n"
# What has no body: RFC 9112, 6.3.
_BARE = (204, 304)


@dataclass(frozen=True)
class Answer:
    """The names of its `headers` are in small letters; `body` is opened. `keeps`: the connection is good."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    keeps: bool = False

    def json(self) -> Any:
        """The body as an object; NotAPage if it is not one."""
        try:
            found = readable(self.body)
        except ValueError as error:
            raise NotAPage(str(error)) from error
        if not isinstance(found, dict):
            raise NotAPage("the answer is not a JSON object")
        return found


def whole(raw: Any, clock: Clock) -> bytes:
    """The body of an answer of urllib3's, opened; TimeoutError or DecodeError if it holds too much."""
    bounds, pieces = _Bounds(clock), list[bytes]()
    while piece := raw.read1(PIECE, decode_content=False):
        pieces.append(piece)
        bounds.require(len(piece))
    raw.release_conn()
    return opened(b"".join(pieces), raw.headers.get("content-encoding", ""))


def asked(sock: Any, request: bytes, *, url: str, clock: Clock) -> Answer:
    """Send a GET `request` on a connection that is open and quiet; raises what urllib3 and sockets do.

    After an error the connection is good for nothing.
    """
    sock.sendall(request)
    came = _Received(sock, _Bounds(clock))
    version, status, headers = _head(came.head())
    while 100 <= status < 200:
        version, status, headers = _head(came.head())
    length, ends_it = headers.get("content-length", ""), "close" in headers.get("connection", "").lower()
    if status in _BARE:
        body = b""
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        body = came.chunks()
    elif length:
        body = came.exactly(_number(length, 10))
    else:
        body, ends_it = came.to_its_end(), True
    keeps = version == "HTTP/1.1" and not ends_it and came.is_taken
    return Answer(status, headers, opened(body, headers.get("content-encoding", "")), url, keeps)


class _Bounds:
    """The limits of one answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deadline = clock.elapsed() + ANSWER_SECONDS
        self._left = ANSWER_BYTES

    def require(self, more: int) -> None:
        self._left -= more
        if self._left < 0:
            raise DecodeError(f"the answer is longer than {ANSWER_BYTES >> 20} MiB")
        if self._clock.elapsed() > self._deadline:
            raise TimeoutError(f"the answer was not complete after {ANSWER_SECONDS:.0f} s")


class _Received:
    """The bytes of one answer as they come, taken in their order."""

    def __init__(self, sock: Any, bounds: _Bounds) -> None:
        self._sock, self._bounds = sock, bounds
        # What came and is taken up to there.
        self._held, self._at = b"", 0

    @property
    def is_taken(self) -> bool:
        return self._at == len(self._held)

    def head(self) -> bytes:
        return self._up_to(_HEAD_ENDS, _LONGEST_HEAD)

    def exactly(self, size: int) -> bytes:
        if size > ANSWER_BYTES:
            raise DecodeError(f"the answer is longer than {ANSWER_BYTES >> 20} MiB")
        pieces = [self._held[self._at : self._at + size]]
        self._at += len(pieces[0])
        left = size - len(pieces[0])
        while left:
            pieces.append(self._piece(min(left, PIECE)))
            left -= len(pieces[-1])
        return b"".join(pieces)

    def chunks(self) -> bytes:
        """The chunks up to the last one, and past the trailers: RFC 9112, 7.1."""
        pieces: list[bytes] = []
        while size := _number(self._line().partition(b";")[0].decode("latin-1").strip(), 16):
            pieces.append(self.exactly(size))
            if self._line():
                raise ProtocolError("a chunk is longer than it says")
        while self._line():
            pass
        return b"".join(pieces)

    def to_its_end(self) -> bytes:
        pieces = [self._held[self._at :]]
        while piece := self._sock.recv(PIECE):
            self._bounds.require(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    def _line(self) -> bytes:
        return self._up_to(_LINE_ENDS, _LONGEST_LINE)

    def _up_to(self, end: bytes, longest: int) -> bytes:
        while (at := self._held.find(end, self._at)) < 0:
            if len(self._held) - self._at > longest:
                raise ProtocolError(f"no line ended in {longest} bytes")
            self._held, self._at = self._held[self._at :] + self._piece(_FIRST), 0
        found, self._at = self._held[self._at : at], at + len(end)
        return found

    def _piece(self, most: int) -> bytes:
        piece: bytes = self._sock.recv(most)
        if not piece:
            raise ProtocolError("the connection was closed before the end of the answer")
        self._bounds.require(len(piece))
        return piece


def _head(text: bytes) -> tuple[str, int, dict[str, str]]:
    """Version, status and headers, of which those of one name are joined as RFC 9110, 5.2 has it."""
    first, *lines = text.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ProtocolError(f"{first[:40]!r} is not an answer of HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ProtocolError(f"{line[:40]!r} is not a header")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return version, _number(rest[:3], 10), headers


def _number(text: str, base: int) -> int:
    if not (text.isascii() and text.isalnum()):
        raise ProtocolError(f"{text[:40]!r} is not a number")
    try:
        return int(text, base)
    except ValueError:
        raise ProtocolError(f"{text[:40]!r} is not a number") from None
