"""Decompresses answers, whole or as they arrive, in half of zlib's time."""

from typing import Any

from isal import isal_zlib
from urllib3.exceptions import DecodeError

from harvester.networks.x.streaming.chunks import BrokenStream

_GZIP = 31
# 500 posts of 25,000 characters, four bytes each, are 50 MB; a few hundred KB of gzip can hold gigabytes.
ANSWER_BYTES = 64 << 20
# Its type stub calls it an instance.
_NOT_GZIP: Any = isal_zlib.error


def opened(body: bytes, encoding: str) -> bytes:
    """What a whole body holds; DecodeError if it is not what `encoding`, a header's value, says.

    So is one that holds more than `ANSWER_BYTES`.
    """
    if encoding.lower() not in ("gzip", "x-gzip"):
        return body
    found: list[bytes] = []
    try:
        while body:
            text, body = _member(body)
            found.append(text)
            if sum(map(len, found)) > ANSWER_BYTES:
                raise DecodeError(f"the answer holds more than {ANSWER_BYTES >> 20} MiB")
    except (EOFError, _NOT_GZIP) as error:
        raise DecodeError(f"the answer's gzip is broken: {error}") from error
    return b"".join(found)


def _member(body: bytes) -> tuple[bytes, bytes]:
    """The text of the first member, of one that holds too much only a byte too many; and what follows it."""
    gunzip = isal_zlib.decompressobj(_GZIP)
    text = gunzip.decompress(body, ANSWER_BYTES + 1)
    if not gunzip.eof and len(text) <= ANSWER_BYTES:
        raise EOFError("it ends too early")
    return text, gunzip.unused_data


class Gzip:
    """The content of a gzip body, as far as it was received."""

    ended = False

    def __init__(self) -> None:
        self._gunzip = isal_zlib.decompressobj(_GZIP)

    def payload(self, piece: bytes) -> bytes:
        found: list[bytes] = []
        while piece:
            if self._gunzip.eof:
                # One member after another is one stream.
                self._gunzip = isal_zlib.decompressobj(_GZIP)
            try:
                found.append(self._gunzip.decompress(piece, ANSWER_BYTES))
            except _NOT_GZIP as error:
                why = f"the compressed bytes are broken: {error}"
                raise BrokenStream(why, came=b"".join(found), rest=piece) from None
            if rest := self._gunzip.unconsumed_tail:
                why = f"a piece of it holds more than {ANSWER_BYTES >> 20} MiB"
                raise BrokenStream(why, came=b"".join(found), rest=rest)
            piece = self._gunzip.unused_data
        return b"".join(found)
