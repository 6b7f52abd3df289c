"""Which of many boxes hold a point or meet a place, without looking at each of them."""

import math
from collections import defaultdict
from collections.abc import Iterator

from harvester.networks.x.rules.values import Box

# Sides of the grids' cells in degrees; a box is in the cells of the first grid where it has few of them.
_SIDES = (1.0, 8.0, 64.0, 512.0)
_FEW = 64

_Cell = tuple[int, int]


class Boxes:
    """Each under a number; edges belong to a box."""

    def __init__(self) -> None:
        self._boxes: dict[int, Box] = {}
        self._grids: tuple[dict[_Cell, list[int]], ...] = tuple(defaultdict(list) for _ in _SIDES)

    def __len__(self) -> int:
        return len(self._boxes)

    def add(self, number: int, box: Box) -> None:
        self._boxes[number] = box
        for side, grid in zip(_SIDES, self._grids, strict=True):
            columns, rows = _spanned(box, side)
            if len(columns) * len(rows) <= _FEW or side == _SIDES[-1]:
                for cell in _cells(columns, rows):
                    grid[cell].append(number)
                return

    def around(self, place: Box) -> set[int]:
        """Those that hold all of the place, which may be a point."""
        return {number for number in self._near(place) if _holds(self._boxes[number], place)}

    def meeting(self, place: Box) -> set[int]:
        """Those that have at least a point in common with the place."""
        return {number for number in self._near(place) if _meet(self._boxes[number], place)}

    def _near(self, place: Box) -> Iterator[int]:
        for side, grid in zip(_SIDES, self._grids, strict=True):
            columns, rows = _spanned(place, side)
            if len(columns) * len(rows) <= len(grid):
                for cell in _cells(columns, rows):
                    yield from grid.get(cell, ())
            else:
                for (x, y), numbers in grid.items():
                    if x in columns and y in rows:
                        yield from numbers


def _spanned(box: Box, side: float) -> tuple[range, range]:
    west, south, east, north = box
    return (
        range(math.floor(west / side), math.floor(east / side) + 1),
        range(math.floor(south / side), math.floor(north / side) + 1),
    )


def _cells(columns: range, rows: range) -> Iterator[_Cell]:
    return ((x, y) for x in columns for y in rows)


def _holds(box: Box, place: Box) -> bool:
    west, south, east, north = place
    return box[0] <= west and east <= box[2] and box[1] <= south and north <= box[3]


def _meet(box: Box, place: Box) -> bool:
    west, south, east, north = place
    return box[0] <= east and west <= box[2] and box[1] <= north and south <= box[3]
