"""Reads the lines of stored files with their rows, even if some lines are damaged."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from harvester.errors import HarvesterError, NotFound, StoreAway
from harvester.errors.files import in_words
from harvester.networks import Network
from harvester.networks.records import BrokenLine
from harvester.networks.registry import network_of, usual
from harvester.networks.rows import Rows
from harvester.reading.files import RecordFile
from harvester.reading.splitting import Unreadable, split, unpacked
from harvester.store.reading import Reader

_PIECE = 1 << 20
STANDARD_INPUT = "-"
# Of files on this machine; not each command on them has --skip-bad.
REPAIRED = "`files repair FILE -o NEW` writes what can be read of it; `files show` has --skip-bad."


class BadRecord(HarvesterError):
    """A line that is not a record, or where the file is damaged (`is_file`); 0 is the whole file."""

    def __init__(self, file: str, line: int, why: str, *, is_file: bool = False, hint: str = "") -> None:
        usual = (
            "`collection verify` says which files are damaged." if is_file else "--skip-bad leaves it out."
        )
        place = f"{file}, line {line}" if line else file
        super().__init__(f"{place}: {why}.", hint=hint or usual)
        self.file, self.line, self.why, self.is_file = file, line, why, is_file


class RawLine(NamedTuple):
    """A line without its end."""

    number: int
    raw: bytes


class Line(NamedTuple):
    """A line without its end, and its content as rows."""

    number: int
    raw: bytes
    rows: Rows


# Called for a bad record, which is then skipped.
OnBad = Callable[[BadRecord], None]


def lines(reader: Reader, file: RecordFile, *, on_bad: OnBad | None = None) -> Iterator[Line]:
    """The records of a stored file; a bad one raises an error, or is passed to `on_bad` and skipped."""
    network = network_of({"network": file.network} if file.network else {})
    return with_rows(raw_lines(reader, file, on_bad=on_bad), file.key, network, on_bad=on_bad)


def raw_lines(reader: Reader, file: RecordFile, *, on_bad: OnBad | None = None) -> Iterator[RawLine]:
    """The unparsed lines of a file of records; one that is missing or empty is a damaged one.

    Raises StoreAway for one that was there when it was listed: its folder or bucket may be away.
    """
    pieces = reader.pieces(file.key)
    try:
        first, why = next(pieces, None), "it is empty"
    except NotFound as error:
        if file.size:
            raise StoreAway(
                f"{file.key} is gone since it was listed.",
                hint=f"Check that {reader.name} is there, then start again.",
            ) from error
        first, why = None, "it is missing"
    if first is None:
        hand_on(BadRecord(file.key, 0, why, is_file=True), on_bad)
        return iter(())
    return _numbered(chain((first,), pieces), file.key, on_bad)


def stored_lines(reader: Reader, key: str, *, on_bad: OnBad | None = None) -> Iterator[RawLine]:
    """The unparsed lines of any stored file, packed or not."""
    return _numbered(reader.pieces(key), key, on_bad)


def local_lines(path: str, *, network: Network | None = None, on_bad: OnBad | None = None) -> Iterator[Line]:
    """The records of a file of this machine, packed or not; `-` is standard input."""
    return with_rows(local_raw_lines(path, on_bad=on_bad), path, network or usual(), on_bad=on_bad)


def local_raw_lines(path: str, *, on_bad: OnBad | None = None) -> Iterator[RawLine]:
    """The unparsed lines of a file of this machine."""
    name = "standard input" if path == STANDARD_INPUT else path
    return _numbered(_local_pieces(path), name, on_bad)


def local_bytes(path: str) -> Iterator[bytes]:
    """The bytes of a file of this machine, unpacked."""
    try:
        yield from unpacked(_local_pieces(path))
    except Unreadable as error:
        raise BadRecord(path, 0, str(error), is_file=True, hint=REPAIRED) from None


def with_rows(
    found: Iterable[RawLine], name: str, network: Network, *, on_bad: OnBad | None
) -> Iterator[Line]:
    """The same lines with their content as rows; empty lines have none."""
    for line in found:
        rows = read_rows(line, name, network, on_bad=on_bad)
        if rows is not None:
            yield Line(line.number, line.raw, rows)


def read_rows(line: RawLine, name: str, network: Network, *, on_bad: OnBad | None) -> Rows | None:
    """The content of a line; None if it is bad and was passed to `on_bad`."""
    try:
        return network.rows(line.raw) if line.raw and not line.raw.isspace() else Rows()
    except BrokenLine as error:
        hand_on(BadRecord(name, line.number, error.why), on_bad)
        return None


def _numbered(pieces: Iterable[memoryview], name: str, on_bad: OnBad | None) -> Iterator[RawLine]:
    number = 0
    try:
        for number, raw in enumerate(split(unpacked(pieces)), 1):  # noqa: B007
            yield RawLine(number, raw)
    except Unreadable as error:
        hand_on(BadRecord(name, number + 1, str(error), is_file=True), on_bad)


def hand_on(bad: BadRecord, on_bad: OnBad | None) -> None:
    """Raise it, or pass it on if it is to be skipped."""
    if on_bad is None:
        raise bad
    on_bad(bad)


def _local_pieces(path: str) -> Iterator[memoryview]:
    try:
        with nullcontext(sys.stdin.buffer) if path == STANDARD_INPUT else Path(path).open("rb") as file:
            yield from _pieces(file)
    except OSError as error:
        raise in_words(error, path) from error


def _pieces(file: BinaryIO) -> Iterator[memoryview]:
    while piece := file.read(_PIECE):
        yield memoryview(piece)
