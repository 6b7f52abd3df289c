"""Sorts more data than fits in memory: sorted runs on disk are merged while they are read."""

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from isal import igzip

from harvester.errors.files import naming

Pair = tuple[bytes, bytes]

# Bytes of keys and values; Python needs about the same amount in addition.
MEMORY = 64 << 20
_OF_A_PAIR = 160
# Of each run, one block is in memory.
_BLOCK = 256 << 10
# Each run is an open file.
_MOST_RUNS = 64
_decoder = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]])
_encoder = msgspec.msgpack.Encoder()


class Sorter:
    """Pairs of a key and a value, in the order of both; with `unique`, the greatest value of each key.

    Used within `with`: its temporary files are removed at the end.
    """

    def __init__(self, *, unique: bool = False, memory: int = MEMORY) -> None:
        self._unique, self._memory = unique, memory
        self._pairs: list[Pair] = []
        self._by_key: dict[bytes, bytes] = {}
        self._size = 0
        self._runs: list[Path] = []
        self._number = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> "Sorter":
        self._folder = tempfile.TemporaryDirectory(prefix="twarc-cloud-")
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder:
            self._folder.cleanup()

    def add(self, key: bytes, value: bytes = b"") -> None:
        """Add a pair; all pairs are added before the first is read."""
        if self._unique:
            self._size += 0 if key in self._by_key else len(key) + len(value) + _OF_A_PAIR
            self._by_key[key] = max(value, self._by_key.get(key, value))
        else:
            self._pairs.append((key, value))
            self._size += len(key) + len(value) + _OF_A_PAIR
        if self._size > self._memory:
            self._spill()

    def __iter__(self) -> Iterator[Pair]:
        merged: Iterable[Pair] = heapq.merge(*map(_read, self._runs), self._sorted())
        if not self._unique:
            yield from merged
            return
        last: Pair | None = None
        for pair in merged:
            if last and last[0] != pair[0]:
                yield last
            last = pair
        if last:
            yield last

    def _sorted(self) -> list[Pair]:
        pairs = list(self._by_key.items()) if self._unique else self._pairs
        pairs.sort()
        return pairs

    def _spill(self) -> None:
        self._write(self._sorted())
        self._pairs, self._by_key, self._size = [], {}, 0
        if len(self._runs) >= _MOST_RUNS:
            runs, self._runs = self._runs, []
            self._write(heapq.merge(*map(_read, runs)))
            for run in runs:
                run.unlink()

    def _write(self, pairs: Iterable[Pair]) -> None:
        if self._folder is None:
            raise ValueError("A sorter is used within `with`.")
        path = Path(self._folder.name) / f"{self._number}"
        self._number += 1
        packed: Any = igzip.open
        with naming(path), packed(path, "wb", compresslevel=0) as file:
            for block in _blocks(pairs):
                data = _encoder.encode(block)
                file.write(len(data).to_bytes(4))
                file.write(data)
        self._runs.append(path)


def _blocks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    block: list[Pair] = []
    size = 0
    for pair in pairs:
        block.append(pair)
        size += len(pair[0]) + len(pair[1]) + _OF_A_PAIR
        if size >= _BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _read(run: Path) -> Iterator[Pair]:
    packed: Any = igzip.open
    with packed(run, "rb") as file:
        while size := file.read(4):
            yield from _decoder.decode(file.read(int.from_bytes(size)))
