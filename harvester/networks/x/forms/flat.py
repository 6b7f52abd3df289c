"""X's records as one record a post, like `twarc2 flatten`, and as tables, like twarc-csv."""

from collections.abc import Callable, Sequence

from harvester.documents import Tree
from harvester.networks.flat import Flat
from harvester.networks.records import object_of
from harvester.networks.x.forms import require_record
from harvester.networks.x.forms.flattening import flattened
from harvester.networks.x.forms.table import COLUMNS, cells_of


class XFlat(Flat):
    """Of all forms of records."""

    columns = COLUMNS

    def posts(self, line: bytes) -> tuple[list[Tree], list[Tree]]:
        # A line that has no rows is a bad one in each export.
        require_record(line)
        return flattened(object_of(line, 1))

    def cells(self, columns: Sequence[str]) -> Callable[[Tree], list[str]]:
        return cells_of(columns)
