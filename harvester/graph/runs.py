"""More lines than fit in memory are sorted: sorted files are merged a block at a time.

Lines are compared as bytes and are without their ends. Of each file one block is in memory.
"""

import gzip
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

# Ids hardly get smaller with more.
_LEVEL = 1
# What is packed is handed on in pieces of this size, whatever the blocks are.
_PIECE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What is in memory at once: lines that are sorted, bytes of each file that is merged, open files."""

    # Of 40 bytes each these are some 30 MB, with what Python adds.
    lines: int = 250_000
    block: int = 64 << 10
    files: int = 64


USUAL = Limits()


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        _write(file, lines)


def _write(file: BinaryIO, lines: Iterable[bytes]) -> None:
    rest = iter(lines)
    while some := list(islice(rest, 10_000)):
        file.write(b"\n".join(some) + b"\n")


def write_packed(path: Path, blocks: Iterable[list[bytes]]) -> None:
    """The lines of all blocks, packed so that equal lines are equal bytes."""
    waiting = bytearray()
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed,
    ):
        for block in blocks:
            waiting += b"\n".join(block) + b"\n" if block else b""
            while len(waiting) >= _PIECE:
                packed.write(waiting[:_PIECE])
                del waiting[:_PIECE]
        packed.write(waiting)


def in_order(lines: Iterable[bytes], folder: Path, *, limits: Limits = USUAL) -> Iterator[list[bytes]]:
    """The lines sorted, in blocks; `folder` is there, empty, and is left with files in it."""
    files: list[Path] = []
    rest = iter(lines)
    while some := list(islice(rest, limits.lines)):
        some.sort()
        if not files and len(some) < limits.lines:
            yield some
            return
        files.append(folder / f"run-{len(files)}")
        write_lines(files[-1], some)
    yield from merged(files, folder, limits=limits)


def merged(files: list[Path], folder: Path, *, limits: Limits = USUAL) -> Iterator[list[bytes]]:
    """The lines of sorted files in order, in blocks."""
    number = 0
    while len(files) > limits.files:
        together = folder / f"merged-{number}"
        number += 1
        blocks = _merged(files[: limits.files], limits.block)
        write_lines(together, (line for block in blocks for line in block))
        files = [*files[limits.files :], together]
    yield from _merged(files, limits.block)


def _merged(files: list[Path], size: int) -> Iterator[list[bytes]]:
    with ExitStack() as stack:
        readers = [_Blocks(stack.enter_context(path.open("rb")), size) for path in files]
        while readers := [reader for reader in readers if reader.read()]:
            # Up to the smallest of their last lines, no file has a line that is not read yet.
            last = [reader.lines[-1] for reader in readers if not reader.is_over]
            limit = min(last) if last else None
            block = [line for reader in readers for line in reader.taken(limit)]
            # Sorts pieces that are sorted by merging them.
            block.sort()
            yield block


class _Blocks:
    """The next lines of one file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._rest = file, size, b""
        self.lines: list[bytes] = []
        self.is_over = False

    def read(self) -> bool:
        """Read the next block if there is none; whether there is one."""
        while not self.is_over and not self.lines:
            piece = self._file.read(self._size)
            self.is_over = not piece
            whole, _, self._rest = (self._rest + piece).rpartition(b"\n")
            self.lines = whole.split(b"\n") if whole else []
        return bool(self.lines)

    def taken(self, limit: bytes | None) -> list[bytes]:
        """Remove and return the lines up to a limit."""
        end = len(self.lines) if limit is None else bisect_right(self.lines, limit)
        taken, self.lines = self.lines[:end], self.lines[end:]
        return taken
