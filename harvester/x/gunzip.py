"""Compressed answers are opened with the codec that takes half of zlib's time, whole or as they come."""

from typing import Any

from isal import igzip, isal_zlib
from urllib3.exceptions import DecodeError

from harvester.x.lines import BrokenStream

_GZIP = 31
# Its type stub calls it an instance.
_NOT_GZIP: Any = isal_zlib.error


def opened(body: bytes, encoding: str) -> bytes:
    """What a whole body holds; DecodeError where it is not what `encoding`, a header's value, says."""
    if encoding.lower() not in ("gzip", "x-gzip"):
        return body
    try:
        return igzip.decompress(body)
    except (EOFError, OSError, _NOT_GZIP) as error:
        raise DecodeError(f"the answer's gzip is broken: {error}") from error


class Gzip:
    """The content of a gzip body, as far as it came."""

    ended = False

    def __init__(self) -> None:
        self._gunzip = isal_zlib.decompressobj(_GZIP)

    def payload(self, piece: bytes) -> bytes:
        try:
            return self._gunzip.decompress(piece)
        except _NOT_GZIP as error:
            raise BrokenStream(f"the compressed bytes are broken: {error}") from None
