"""X's records as one record a post, like `twarc2 flatten`, and as tables, like twarc-csv."""

from collections.abc import Callable, Sequence

from harvester.documents import Tree
from harvester.networks.flat import Flat
from harvester.networks.records import object_of
from harvester.networks.x.forms import rows
from harvester.networks.x.forms.flattening import flattened
from harvester.networks.x.forms.table import COLUMNS, cells_of


class XFlat(Flat):
    """Of all forms of records."""

    columns = COLUMNS

    def posts(self, line: bytes) -> tuple[list[Tree], list[Tree]]:
        record = object_of(line, 1)
        if "data" not in record and "id_str" in record:
            # What its cells are made of is read here, where a bad one is an error of the line.
            rows(line)
        return flattened(record)

    def cells(self, columns: Sequence[str]) -> Callable[[Tree], list[str]]:
        return cells_of(columns)
