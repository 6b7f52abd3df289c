"""Pieces of a file, packed or not, become whole lines in memory that does not grow with the file."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from isal import isal_zlib

_GZIP, _MAGIC = 31, b"\x1f\x8b"
# Of what it is given, the decompressor copies again and again what it does not need yet.
_GIVEN, _UNPACKED = 128 << 10, 256 << 10
# Longer than any page; a file without a line end is not read into memory as a whole.
LONGEST_LINE = 256 << 20
_NOT_GZIP: Any = isal_zlib.error


class Unreadable(Exception):
    """The file is damaged from here on; its words end a sentence."""


def unpacked(pieces: Iterable[memoryview]) -> Iterator[bytes]:
    """The bytes of a file that may be packed: gzip of one or more members. All before the damage come."""
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
    member: Any = isal_zlib.decompressobj(_GZIP)
    for data in _parts(first, rest):
        given: Any = data
        while given:
            if member.eof:
                if not bytes(given[:1]) == _MAGIC[:1]:
                    raise Unreadable("it has other bytes behind its gzip")
                member = isal_zlib.decompressobj(_GZIP)
            try:
                yield member.decompress(given, _UNPACKED)
            except _NOT_GZIP as error:
                raise Unreadable(f"its gzip is damaged: {error}") from None
            given = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise Unreadable("its gzip has no end")


def _parts(first: memoryview, rest: Iterator[memoryview]) -> Iterator[memoryview]:
    for piece in chain((first,), rest):
        yield from (piece[start : start + _GIVEN] for start in range(0, len(piece), _GIVEN))


def split(blocks: Iterable[bytes], *, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    """Whole lines without their ends; what was there before a damage comes before it is raised."""
    tail: list[bytes] = []
    held = 0
    for block in blocks:
        if b"\n" not in block:
            tail.append(block)
            held += len(block)
            if held > longest:
                raise Unreadable(f"it has a line of more than {longest >> 20} MB")
            continue
        *lines, rest = block.split(b"\n")
        if tail:
            lines[0] = b"".join((*tail, lines[0]))
        yield from lines
        tail, held = ([rest], len(rest)) if rest else ([], 0)
    if tail:
        yield b"".join(tail)
