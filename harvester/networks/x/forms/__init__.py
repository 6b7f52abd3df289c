"""Converts every form of X's records to the same rows: pages, stream objects, flattened posts, API 1.1."""

from harvester.networks.records import BrokenLine, readable
from harvester.networks.rows import Rows
from harvester.networks.x.forms import flattened, pages, v1


def rows(line: bytes) -> Rows:
    """What a stored line holds; raises BrokenLine if it is no record."""
    try:
        return _of(line)
    except (ValueError, RecursionError) as error:
        return _unusual(line, str(error))


def _unusual(line: bytes, why: str) -> Rows:
    """Of a line that msgspec does not read: half of a surrogate pair is JSON to others."""
    text = readable(line)
    try:
        return _of(text)
    except (ValueError, RecursionError):
        raise BrokenLine(1, f"is no record: {why}") from None


def _of(line: bytes) -> Rows:
    record = pages.read(line)
    if record.is_answer:
        return pages.rows(record, line)
    if record.is_v1:
        return v1.rows(line)
    return flattened.rows(line) if record.id else Rows()
