"""The names of files of records, and of the side files beside them."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

# How the names of files of records begin, of posts and of pages of accounts, and end.
SEGMENTS, USER_SEGMENTS, _SEGMENTS_END = "tweets-", "users-", ".jsonl.gz"
# The key of its side file, with the rules that its posts matched or the ids on its pages, begins like this
# and continues the same.
_SIDES = {SEGMENTS: "matches-", USER_SEGMENTS: "edges-"}
EDGES = _SIDES[USER_SEGMENTS]
# The prefixes of all of these.
OF_RECORDS = (*_SIDES, *_SIDES.values())


def segment_name(opened: datetime, number: int, *, begin: str = SEGMENTS) -> str:
    """`number` counts the segments of one harvest, so that two in one second are two files."""
    return f"{begin}{opened.astimezone(UTC):%Y%m%d%H%M%S}-{number:06d}{_SEGMENTS_END}"


def is_segment(name: str) -> bool:
    """Whether a file has the name of records."""
    return name.startswith(tuple(_SIDES)) and name.endswith(_SEGMENTS_END)


def holds_accounts(name: str) -> bool:
    """Whether the records of a file with this name are pages of accounts, in which there are no posts."""
    return name.startswith(USER_SEGMENTS)


def is_segment_2019(name: str) -> bool:
    """Whether it has the name that the harvester of 2019 gave, which had no number."""
    return bool(re.fullmatch(re.escape(SEGMENTS) + r"\d{14}" + re.escape(_SEGMENTS_END), name))


def segment_order(name: str) -> tuple[int, str]:
    """Files of records in the order in which they were written."""
    found = re.fullmatch(rf"(?:{'|'.join(_SIDES)})\d{{14}}-(\d{{6,}})" + re.escape(_SEGMENTS_END), name)
    return int(found[1]) if found else 0, name


def side_name(segment: str) -> str:
    """The side file of a file of records: the rules that its posts matched, or the ids on its pages."""
    begin = _begin(segment, _SIDES)
    return _SIDES[begin] + segment.removeprefix(begin)


def is_side(name: str) -> bool:
    return name.startswith(tuple(_SIDES.values())) and name.endswith(_SEGMENTS_END)


def segment_of(side: str) -> str:
    """The file of records whose side file has this name."""
    begin = _begin(side, _SIDES.values())
    return next(segment for segment, its in _SIDES.items() if its == begin) + side.removeprefix(begin)


def _begin(name: str, begins: Iterable[str]) -> str:
    return next(begin for begin in begins if name.startswith(begin))
