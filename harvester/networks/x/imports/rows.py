"""A row of a table of rules, from whatever it was read, with its place there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# What becomes of a row.
NEW, CHANGED, REPEATED, UNUSABLE = "new", "changed", "repeated", "unusable"

# What the column of a rule's type may be called: the first one with something in it counts.
TYPE_COLUMNS = ("orig_type", "type", "rule_type")


@dataclass(frozen=True)
class Row:
    """What a row says, by the names of its columns; of one that cannot be read, `problem` says why."""

    place: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """All rows of one source, which people know under `name`."""

    name: str
    rows: Sequence[Row]
