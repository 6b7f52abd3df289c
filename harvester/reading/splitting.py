"""Pieces of a file, packed or not, become whole lines in memory that does not grow with the file."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from isal import isal_zlib

from harvester.documents.lines import split_lines

_GZIP, _MAGIC = 31, b"\x1f\x8b"
# Larger blocks are slower: the system has to allocate memory for each, and of its input
# the decompressor repeatedly copies the part that it does not need yet.
_GIVEN, _UNPACKED = 128 << 10, 256 << 10
# Of more members than a few, none is a harvest's; one that was continued after a crash has two.
_ENDS = 8
# Longer than any page; a file without a line end is not read into memory as a whole.
LONGEST_LINE = 256 << 20
_NOT_GZIP: Any = isal_zlib.error


class Unreadable(Exception):
    """The file is damaged from here on; the message is the end of a sentence."""


class Gunzip:
    """Unpacks gzip of one or more members, each proven by its checksum and length.

    `ends` says after how many packed bytes the first members ended.
    """

    def __init__(self) -> None:
        self.ends: list[int] = []
        self._member: Any = None
        self._taken = 0

    @property
    def is_complete(self) -> bool:
        """Whether the last member that began has its end."""
        return self._member is None and bool(self.ends)

    def unpack(self, piece: memoryview) -> Iterator[bytes]:
        """The unpacked next bytes; after all data before a damage, raises Unreadable with isal's message."""
        for start in range(0, len(piece), _GIVEN):
            data: Any = piece[start : start + _GIVEN]
            self._taken += len(data)
            while data:
                if self._member is None:
                    self._member = isal_zlib.decompressobj(_GZIP)
                try:
                    yield self._member.decompress(data, _UNPACKED)
                except _NOT_GZIP as error:
                    raise Unreadable(str(error)) from None
                data = self._member.unconsumed_tail
                if self._member.eof:
                    data, self._member = self._member.unused_data, None
                    self.ends = [*self.ends[:_ENDS], self._taken - len(data)]


def unpacked(pieces: Iterable[memoryview]) -> Iterator[bytes]:
    """The bytes of a file that may be gzip of one or more members, including all before a damage."""
    found = iter(pieces)
    first = bytearray()
    for piece in found:
        first += piece
        if len(first) >= len(_MAGIC):
            break
    if bytes(first[:2]) == _MAGIC:
        yield from _gunzipped(memoryview(first), found)
        return
    if first:
        yield bytes(first)
    for piece in found:
        yield bytes(piece)


def _gunzipped(first: memoryview, rest: Iterator[memoryview]) -> Iterator[bytes]:
    gunzip = Gunzip()
    for piece in chain((first,), rest):
        try:
            yield from gunzip.unpack(piece)
        except Unreadable as error:
            raise Unreadable(_behind(gunzip) or f"its gzip is damaged: {error}") from None
    if not gunzip.is_complete:
        raise Unreadable(_behind(gunzip) or "its gzip has no end")


def _behind(gunzip: Gunzip) -> str:
    return f"what follows byte {gunzip.ends[-1]:,} is not a whole gzip" if gunzip.ends else ""


def split(blocks: Iterable[bytes], *, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    """Complete lines without their ends; lines before a damage are returned before it is raised."""
    tail: list[bytes] = []
    held = 0
    for block in blocks:
        if b"\n" not in block:
            tail.append(block)
            held += len(block)
            if held > longest:
                raise Unreadable(f"it has a line of more than {longest >> 20} MB")
            continue
        lines, rest = split_lines(block)
        if tail:
            lines[0] = b"".join((*tail, lines[0]))
        for line in lines:
            yield line[:-1]
        tail, held = ([rest], len(rest)) if rest else ([], 0)
    if tail:
        yield b"".join(tail)
