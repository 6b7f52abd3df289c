"""A line read from the archive, with the position at which reading continues."""

from typing import Literal

import msgspec

from harvester.sinks import Position


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A line of a side file: `rules` is the JSON list of the rules that the post `id` of a `line` matched."""

    line: int = 0
    id: str = ""
    rules: msgspec.Raw = msgspec.Raw()


class Line(msgspec.Struct, frozen=True, gc=False):
    """A stored line without its end; `position` is the one after it.

    `matched` has the lines of the side file for a record.
    """

    kind: Literal["record", "event"]
    data: bytes
    position: Position
    matched: tuple[Entry, ...] = ()

    def __repr__(self) -> str:
        """A text without the record, which does not belong in logs."""
        return f"Line({self.kind!r}, {self.position})"
