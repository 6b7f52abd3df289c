"""The body of an answer as it arrives: all of it and unchanged, or an error."""

import hashlib
import http.client
import io
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from harvester.aws.errors import Unanswered
from harvester.errors.connections import cause_of
from harvester.store.answers import BrokenAnswer

_PIECE = 1 << 17


class Arriving:
    """Read once, to its end, by one thread; `free` is called then, `drop` where it is left unread.

    `headers` of an object tell its checksum.
    """

    def __init__(
        self,
        response: http.client.HTTPResponse,
        headers: Mapping[str, str],
        *,
        free: Callable[[], None],
        drop: Callable[[], None],
    ) -> None:
        self._response, self._free, self._drop = response, free, drop
        # Without a length, as for pages of listings, the pieces have theirs.
        self._length = response.length
        self._digest = _digest(headers)

    def read(self) -> bytes:
        # It gives away what was written to it without a copy: a million users are 100 MB.
        body = io.BytesIO()
        for piece in self.iter_chunks(_PIECE):
            body.write(piece)
        return body.getvalue()

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        arrived = 0
        while piece := self._piece(size):
            arrived += len(piece)
            if self._digest:
                self._digest.update(piece)
            yield piece
        if self._length is not None and arrived != self._length:
            self._drop()
            raise BrokenAnswer(f"{arrived} of {self._length} bytes arrived")
        if self._digest:
            self._digest.check()
        if self._response.will_close:
            self._drop()
        else:
            self._free()

    def close(self) -> None:
        """Give up what has not arrived."""
        self._response.close()
        self._drop()

    def _piece(self, size: int) -> bytes:
        try:
            return self._response.read(size)
        except TimeoutError as error:
            self._drop()
            raise Unanswered("The answer stopped arriving", "HTTPClientError", again=True) from error
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise BrokenAnswer(cause_of(error).said) from error


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class _Digest:
    """A checksum that the server sent with an object."""

    def __init__(self, sent: str, digest: _Hash) -> None:
        self._sent, self._digest = sent, digest
        self.update = digest.update

    def check(self) -> None:
        found = b64encode(self._digest.digest()).decode()
        if found != self._sent:
            raise BrokenAnswer(f"its checksum is {found} and not {self._sent}")


def _digest(headers: Mapping[str, str]) -> _Digest | None:
    """This project writes with SHA-256, other programs mostly with CRC32; one with a '-' is of parts."""
    for name, digest in (("sha256", hashlib.sha256), ("crc32", _Crc32)):
        sent = headers.get(f"x-amz-checksum-{name}", "")
        if sent and "-" not in sent:
            return _Digest(sent, digest())
    return None
