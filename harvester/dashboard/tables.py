"""A table of a page: which columns it has, how their values are written, and which part of it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from harvester.documents import Tree

TEXT, NUMBER, TIME, STATE, BYTES, DOLLARS, DETAIL = (
    *("text", "number", "time", "state", "bytes", "dollars", "detail"),
)


@dataclass(frozen=True)
class Column:
    """`name` is the key in a row, `form` how its value is written; the first has a row's link, `href`."""

    name: str
    head: str
    form: str = TEXT


@dataclass(frozen=True)
class Table:
    """All rows, of which a page shows some; `summary` is shown above, `empty` if there are none."""

    columns: tuple[Column, ...]
    rows: Sequence[Tree] = ()
    summary: str = ""
    empty: str = "None."
    size: int = 50
    number: int = 1
    # What to do next; commands in backquotes.
    note: str = ""

    @property
    def shown(self) -> Sequence[Tree]:
        begin = (self.number - 1) * self.size
        return self.rows[begin : begin + self.size]

    @property
    def pages(self) -> int:
        return max(1, -(-len(self.rows) // self.size))

    @property
    def plain(self) -> list[Tree]:
        """The rows as JSON and CSV have them: all, without links."""
        return [{name: value for name, value in row.items() if name != "href"} for row in self.rows]
