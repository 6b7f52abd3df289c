"""Samples are read from a file: `stats.jsonl` of a harvest, or lines of Graphite, each compressed or not."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from harvester.documents import object_in
from harvester.errors import HarvesterError
from harvester.errors.files import in_words
from harvester.statistics.graphite import Sample, parsed, samples
from harvester.statistics.minute import Minute

_GZIP = b"\x1f\x8b"
_LONGEST = 1 << 20


class SampleFile:
    """The samples of one file. `unusable` counts other lines, `damage` says why the file ends early."""

    def __init__(self, path: Path, *, prefix: str) -> None:
        self._path, self._prefix = path, prefix
        self.unusable, self.first_unusable = 0, 0
        self.damage = ""

    def __iter__(self) -> Iterator[Sample]:
        try:
            with self._path.open("rb") as file:
                yield from self._of_lines(_unpacked(file))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.damage = f"{self._path} breaks off: {error}."
        except OSError as error:
            raise in_words(error, self._path) from error

    def _of_lines(self, file: BinaryIO) -> Iterator[Sample]:
        number = 0
        while line := file.readline(_LONGEST):
            number += 1
            try:
                yield from self._of_line(line)
            except ValueError:
                self.unusable += 1
                self.first_unusable = self.first_unusable or number

    def _of_line(self, line: bytes) -> list[Sample]:
        if not line.strip():
            return []
        if line.startswith(b"{"):
            return list(samples(Minute.of_line("", object_in(line)), prefix=self._prefix))
        found = parsed(line.decode("ascii"))
        return [Sample(f"{self._prefix}.{found.name}", found.value, found.at) if self._prefix else found]

    def require_usable(self, *, sent: int) -> None:
        """Raise the errors of the file, after all valid lines were used."""
        problems = [self.damage] if self.damage else []
        if self.unusable:
            problems.append(
                f"{self.unusable:,} lines of {self._path} are not `name value time`; "
                f"the first is line {self.first_unusable}."
            )
        if problems:
            raise HarvesterError(" ".join(problems), hint=f"All other lines were sent: {sent:,}.")


def _unpacked(file: BinaryIO) -> BinaryIO:
    is_packed = file.read(2) == _GZIP
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_packed else file  # type: ignore[return-value]
