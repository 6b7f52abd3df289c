"""Rows wait in files of a folder until they are read in order; memory does not grow with their number."""

import heapq
from collections.abc import Iterator
from pathlib import Path

from harvester.errors.files import in_words

# Rows that are sorted at once, and their bytes.
_ROWS, _BYTES = 25_000, 24 << 20

_Row = tuple[int, int, bytes]


class Spool:
    """Lines under keys, each line with its end. Those of one key come out as they came in."""

    def __init__(self, folder: Path, name: str, *, rows: int = _ROWS) -> None:
        self._folder, self._name, self._most = folder, name, rows
        self._held: list[_Row] = []
        self._bytes = 0
        self._runs: list[tuple[Path, list[int]]] = []
        self.count = 0

    def add(self, key: int, line: bytes) -> None:
        self._held.append((key, self.count, line))
        self.count += 1
        self._bytes += len(line)
        if len(self._held) >= self._most or self._bytes >= _BYTES:
            self._put_away()

    def write(self) -> Path:
        """The file of all lines in order; called once."""
        if self._held or not self._runs:
            self._put_away()
        path = self._runs[0][0]
        if len(self._runs) > 1:
            path = self._folder / f"{self._name}.ndjson"
            self._write(path, (line for _, _, line in heapq.merge(*self._read())))
            for run, _ in self._runs:
                run.unlink()
        return path

    def _put_away(self) -> None:
        self._held.sort()
        path = self._folder / f"{self._name}-{len(self._runs)}.ndjson"
        self._write(path, (line for _, _, line in self._held))
        self._runs.append((path, [key for key, _, _ in self._held]))
        self._held, self._bytes = [], 0

    def _read(self) -> Iterator[Iterator[_Row]]:
        for number, (path, keys) in enumerate(self._runs):
            yield self._of_run(number, path, keys)

    def _of_run(self, number: int, path: Path, keys: list[int]) -> Iterator[_Row]:
        with path.open("rb") as file:
            for key, line in zip(keys, file, strict=True):
                yield key, number, line

    def _write(self, path: Path, lines: Iterator[bytes]) -> None:
        try:
            with path.open("wb") as file:
                file.writelines(lines)
        except OSError as error:
            raise in_words(error, path) from error
