"""Which rules the posts of a segment matched is read beside its lines, as its side file says."""

from collections import deque
from contextlib import suppress

import msgspec

from harvester.sinks.archive.contents import Extent
from harvester.sinks.archive.line import Entry
from harvester.sinks.archive.lines import Unreadable
from harvester.sinks.archive.opened import Opened

_MOST, _ROOM = 1_000, 1 << 17

_entry = msgspec.json.Decoder(Entry)


class SideFile:
    """The side file of a segment that is being read; lines must be requested in order."""

    def __init__(self, file: Opened) -> None:
        self._file = file
        self._ahead: deque[Entry] = deque()
        # Until more of the file is valid, so that it is not read for each line behind its last entry.
        self._is_read = False

    def of(self, line: int) -> tuple[Entry, ...]:
        """The entries for the posts of one line; none if the file is damaged before them."""
        ahead = self._ahead
        found: list[Entry] = []
        while (ahead or self._read_on()) and ahead[0].line <= line:
            entry = ahead.popleft()
            if entry.line == line:
                found.append(entry)
        return tuple(found)

    @property
    def has_all(self) -> bool:
        """Whether all valid bytes of it are available."""
        return self._file.has_all

    def extend(self, extent: Extent) -> None:
        """Note that more bytes of it are valid."""
        self._file.extend(extent)
        self._is_read = False

    def close(self) -> None:
        self._file.close()

    def _read_on(self) -> bool:
        if not self._is_read:
            with suppress(Unreadable):
                self._ahead.extend(map(_entry_in, self._file.read(most=_MOST, room=_ROOM)))
            self._is_read = not self._ahead
        return not self._is_read


def _entry_in(line: bytes) -> Entry:
    """What a line says; one that says nothing is of no line of the segment."""
    try:
        return _entry.decode(line)
    except ValueError:
        return Entry()
