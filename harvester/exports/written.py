"""The result of an export."""

from dataclasses import dataclass, field
from typing import Any

from harvester.exports.output import Output


@dataclass(frozen=True)
class Written:
    """`what` names what was counted; `notes` are for the person, `figures` for programs."""

    number: int
    bytes: int = 0
    sha256: str = ""
    what: str = "post"
    files: int = 1
    notes: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)


def written(number: int, to: Output, *, what: str = "post", notes: tuple[str, ...] = ()) -> Written:
    """One file, which has been written whole."""
    outer = to.within or to
    return Written(number, outer.bytes, outer.sha256, what, notes=notes)
