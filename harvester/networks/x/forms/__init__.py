"""Converts every form of X's records to the same rows: pages, stream objects, flattened posts, API 1.1."""

from collections.abc import Callable
from typing import TypeVar

from harvester.networks.records import BrokenLine, readable
from harvester.networks.rows import Rows
from harvester.networks.x.forms import flattened, pages, v1

_T = TypeVar("_T")


def rows(line: bytes) -> Rows:
    """What a stored line holds; raises BrokenLine if it is no record."""
    return _judged(line, _rows)


def require_record(line: bytes) -> None:
    """Raises BrokenLine where `rows` does, in a third of its time for a page."""
    _judged(line, _require)


def _judged(line: bytes, read: Callable[[bytes], _T]) -> _T:
    try:
        # What msgspec passes over it does not prove to be text.
        line.decode()
        return read(line)
    except (ValueError, RecursionError):
        # Half of a surrogate pair is JSON to others.
        text = readable(line)
    try:
        return read(text)
    except (ValueError, RecursionError) as error:
        raise BrokenLine(1, f"is not a record: {error}") from None


def _rows(line: bytes) -> Rows:
    record = pages.read(line)
    if record.is_answer:
        return pages.rows(record, line)
    if record.is_v1:
        return v1.rows(line)
    return flattened.rows(line) if record.id else Rows()


def _require(line: bytes) -> None:
    record = pages.read(line)
    if record.is_answer:
        pages.require(record, line)
    else:
        _rows(line)
