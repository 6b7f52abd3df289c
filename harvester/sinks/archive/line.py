"""A line read from the archive, with the position at which reading continues."""

from typing import Literal

import msgspec

from harvester.documents import Tree
from harvester.sinks import Position


class Line(msgspec.Struct, frozen=True, gc=False):
    """A stored line without its end; `position` is the one after it.

    `matched` has the lines of the side file for a record, with the rules that its posts matched.
    """

    kind: Literal["record", "event"]
    data: bytes
    position: Position
    matched: tuple[Tree, ...] = ()

    def __repr__(self) -> str:
        """A text without the record, which does not belong in logs."""
        return f"Line({self.kind!r}, {self.position})"
