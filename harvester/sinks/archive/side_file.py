"""Which rules the posts of a segment matched is read beside its lines, as its side file says."""

from collections import deque

from harvester.documents import Tree, object_in
from harvester.sinks.archive.contents import Extent
from harvester.sinks.archive.lines import Unreadable
from harvester.sinks.archive.opened import Opened

_MOST, _ROOM = 1_000, 1 << 17


class SideFile:
    """The side file of a segment that is being read; lines must be requested in order."""

    def __init__(self, file: Opened) -> None:
        self._file = file
        self._ahead: deque[Tree] = deque()

    def of(self, line: int) -> tuple[Tree, ...]:
        """The entries for the posts of one line; none if the file is damaged before them."""
        found: list[Tree] = []
        while (entry := self._next()) and _line(entry) <= line:
            self._ahead.popleft()
            if _line(entry) == line:
                found.append(entry)
        return tuple(found)

    @property
    def has_all(self) -> bool:
        """Whether all valid bytes of it are available."""
        return self._file.has_all

    def extend(self, extent: Extent) -> None:
        """Note that more bytes of it are valid."""
        self._file.extend(extent)

    def close(self) -> None:
        self._file.close()

    def _next(self) -> Tree | None:
        if not self._ahead:
            try:
                self._ahead.extend(map(object_in, self._file.read(most=_MOST, room=_ROOM)))
            except Unreadable:
                return None
        return self._ahead[0] if self._ahead else None


def _line(entry: Tree) -> int:
    line = entry.get("line")
    return line if isinstance(line, int) else 0
