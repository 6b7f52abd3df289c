"""Lines that begin with an id are divided by its hash, so that a part of all of them fits in memory."""

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

PARTS = 64
# Lines in memory before they are written.
_WAITING = 40_000


class Partitions:
    """Files in a folder, one for each part; all lines are added before the first is read.

    The part of an id is the same on each machine.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._waiting: list[list[bytes]] = [[] for _ in range(PARTS)]
        self._count = 0

    def add(self, lines: list[bytes], *, ends: bytes = b"") -> None:
        """Add lines; the id is what is before `ends`, or all of the line."""
        waiting = self._waiting
        for line in lines:
            waiting[crc32(line.partition(ends)[0] if ends else line) % PARTS].append(line)
        self._count += len(lines)
        if self._count > _WAITING:
            self.flush()

    def flush(self) -> None:
        for part, lines in enumerate(self._waiting):
            if lines:
                with self._path(part).open("ab") as file:
                    file.write(b"\n".join(lines) + b"\n")
                lines.clear()
        self._count = 0

    def lines(self, part: int) -> list[bytes]:
        """The lines of a part, whose file is removed."""
        path = self._path(part)
        if not path.exists():
            return []
        data = path.read_bytes()
        path.unlink()
        return data[:-1].split(b"\n")

    def each(self) -> Iterator[list[bytes]]:
        """The lines of each part."""
        self.flush()
        for part in range(PARTS):
            yield self.lines(part)

    def _path(self, part: int) -> Path:
        return self._folder / f"part-{part:02d}"
