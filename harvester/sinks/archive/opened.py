"""One file of a harvest, wherever it is, is read from a line on as far as it counts."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harvester.errors import NotFound
from harvester.sinks.archive.contents import Assembled, Extent, opened_stored
from harvester.sinks.archive.lines import Lines
from harvester.store import Store
from harvester.store.keys import HarvestKeys

_TO_THE_END = 1 << 62


class Opened:
    """A file that is being read. `extent` is what is known of it, and `line` where reading begins."""

    def __init__(self, name: str, lines: Lines, extent: Extent, grow: Callable[[int], int], *, line: int):
        self.name, self.extent = name, extent
        self._lines, self._grow, self._line = lines, grow, line
        self._upto = 0
        self.extend(extent)

    @property
    def line(self) -> int:
        """The lines that were returned, and those ahead of them."""
        return max(self._line, self._lines.line)

    @property
    def has_all(self) -> bool:
        """Whether all valid bytes can be read."""
        return self._upto >= self.extent.size

    @property
    def is_beyond(self) -> bool:
        """Whether reading is to begin at a line that has not been there yet."""
        return self._lines.line < self._line

    @property
    def is_complete(self) -> bool:
        return self._lines.is_complete

    def extend(self, extent: Extent) -> None:
        """More of it counts than did."""
        size = _TO_THE_END if extent.place == "stored" and not extent.size else extent.size
        self._upto = max(self._upto, self._grow(size))
        # Not before: of a store that is away, it is asked for again.
        self.extent = extent

    def is_at(self, extent: Extent) -> bool:
        """Whether it is read from there, or holds all that is there."""
        if self.extent.place == "here" and extent.place == "stored" and extent.size:
            # A file that is open here stays, although its name is gone by now.
            return True
        return self.extent.place == extent.place

    def read(self, *, most: int, room: int) -> list[bytes]:
        if self.is_beyond and not self._lines.skip(self._line, upto=self._upto):
            return []
        return self._lines.read(upto=self._upto, most=most, room=room)

    def close(self) -> None:
        self._lines.close()


def opened(
    store: Store, here: HarvestKeys, name: str, extent: Extent, *, folder: Path | None, line: int
) -> Opened | None:
    """The file, to be read after a line; None if it is no longer where it was, and NotFound without it."""
    packed = name.endswith(".gz")
    if extent.place == "open":
        parts = Assembled(store, here, name)
        return Opened(name, Lines(parts.file, packed=packed), extent, parts.fetch, line=line)
    if extent.place == "stored":
        file = opened_stored(store, here.file(name))
        return Opened(name, Lines(file, packed=packed), extent, lambda size: size, line=line)
    with suppress(FileNotFoundError):
        if folder is None:
            raise NotFound(f"{name} is on no disk of this machine.")
        file = (folder / name).open("rb")
        return Opened(name, Lines(file, packed=packed), extent, lambda size: size, line=line)
    return None
