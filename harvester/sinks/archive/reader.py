"""All lines of a collection from a position on, in the order in which they were stored, each once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from harvester.clock import moment, timestamp
from harvester.documents import Tree
from harvester.errors import NotFound
from harvester.sinks import MOST_BYTES, MOST_LINES, Position
from harvester.sinks.archive.contents import Contents, Extent, contents_here, is_listed, stored_contents
from harvester.sinks.archive.harvests import harvests_after, may_have_later
from harvester.sinks.archive.line import Line as Line
from harvester.sinks.archive.lines import Unreadable
from harvester.sinks.archive.opened import Opened, opened
from harvester.sinks.archive.side_file import SideFile
from harvester.sinks.archive.work_folder import WorkFolder, work_folder
from harvester.store import Store
from harvester.store.keys import EVENTS, CollectionKeys, HarvestKeys, side_name

# After this many looks without anything new here, the store is asked whether the harvest has ended elsewhere.
_LOOKS = 60


class Archive:
    """The lines of one collection. `work_root` is where its harvests keep what is not stored, if here.

    With `only`, the lines of that harvest; with `matches`, records with their lines of side files. `note` is
    told of what was to be read and is gone.
    """

    def __init__(
        self,
        store: Store,
        keys: CollectionKeys,
        *,
        position: Position | None = None,
        work_root: Path | None = None,
        only: str = "",
        matches: bool = False,
        note: Callable[[str, Tree], None],
    ) -> None:
        self._store, self._keys, self._root, self._only, self._note = store, keys, work_root, only, note
        begin = Position(only) if only and (position is None or position.harvest != only) else position
        self._at = begin or Position("")
        self._is_done = not self._at.segment
        self._records: Opened | None = None
        self._with_matches = matches
        self._matches: SideFile | None = None
        self._events: Opened | None = None
        self._work: WorkFolder | None = None
        self._looks = 0
        self._final: Contents | None = None
        self._coming: Iterator[HarvestKeys] = iter(())
        # How many the harvest at the position had at the last look.
        self.posts: int | None = None

    @property
    def position(self) -> Position | None:
        """Up to where lines were returned; None before the first harvest."""
        return self._at if self._at.harvest else None

    @property
    def is_here(self) -> bool:
        """Whether it reads what a harvest of this machine has synced, so that a look costs nothing."""
        return self._work is not None

    def read(self) -> list[Line]:
        """The next lines, not more than a sink is handed at once; empty if there are no more now."""
        found: list[Line] = []
        room = MOST_BYTES
        while len(found) < MOST_LINES and room > 0:
            new = self._lines(most=MOST_LINES - len(found), room=room)
            found += new
            room -= sum(len(line.data) + 1 for line in new)
            # What is at hand is delivered before the store is asked for more.
            if not new and (found or not self._go_on()):
                break
        return found

    def count(self) -> None:
        """Learn how many posts there are by now, where that can be seen on this machine."""
        if self._work and self._work.refresh():
            self.posts = contents_here(self._work).posts

    def close(self) -> None:
        self._close_files()
        self._leave_work()

    @property
    def _here(self) -> HarvestKeys:
        return self._keys.harvest(moment(self._at.harvest))

    def _lines(self, *, most: int, room: int) -> list[Line]:
        # First the events, which say what the rules are whose posts follow.
        if self._events and (new := self._events.read(most=most, room=room)):
            return self._events_of(new, self._events.line - len(new))
        if self._records:
            try:
                if new := self._records.read(most=most, room=room):
                    return self._records_of(new, self._records.line - len(new))
            except Unreadable as error:
                self._give_up("segment damaged", str(error))
        return []

    def _records_of(self, new: list[bytes], before: int) -> list[Line]:
        harvest, segment, events = self._at.harvest, self._at.segment, self._at.events
        told = self._matches.of if self._matches else (lambda _: ())
        found = [
            Line("record", data, Position(harvest, segment, number, events), told(number))
            for number, data in enumerate(new, before + 1)
        ]
        self._at = found[-1].position
        return found

    def _events_of(self, new: list[bytes], before: int) -> list[Line]:
        harvest, segment, line = self._at.harvest, self._at.segment, self._at.line
        found = [
            Line("event", data, Position(harvest, segment, line, number))
            for number, data in enumerate(new, before + 1)
        ]
        self._at = found[-1].position
        return found

    def _go_on(self) -> bool:
        """Look what has come since; whether there may be something to be read."""
        if not self._at.harvest:
            return self._next_harvest("")
        known = self._contents()
        self.posts = known.posts
        if self._next_events(known) or self._next_records(known):
            return True
        return known.final and self._next_harvest(known.current)

    def _next_records(self, known: Contents) -> bool:
        if not self._is_done:
            extent = known.files.get(self._at.segment)
            if extent is None and not (known.final or known.after(self._at.segment)):
                return False
            if extent is None:
                self._give_up("segment gone", "is not stored any more")
            elif self._records is None or not self._records.is_at(extent):
                return self._open(extent)
            elif extent != self._records.extent:
                return self._extend(self._records, extent)
            elif not extent.whole:
                return False
            else:
                self._finish(self._records)
        name = known.after(self._at.segment)
        if name:
            self._at = Position(self._at.harvest, name, 0, self._at.events)
            self._is_done = False
        return bool(name)

    def _open(self, extent: Extent) -> bool:
        """Open the current file of records; whether something can be read, or is to be looked for again."""
        self._close_records()
        try:
            self._records = self._opened(self._at.segment, extent, self._at.line)
        except NotFound:
            self._give_up("segment gone", "is not stored any more")
        if self._records and not self._has_matches(extent):
            # It is being stored: the next read finds it in the store.
            self._close_records()
            return False
        return True

    def _has_matches(self, extent: Extent) -> bool:
        """Whether all that counts of the side file can be read, or it is not asked for, or there is none."""
        if extent.side is None or not self._with_matches:
            return True
        if self._matches:
            self._matches.extend(extent.side)
            return self._matches.has_all
        name = side_name(self._at.segment)
        try:
            found = self._opened(name, extent.side, 0)
        except NotFound:
            # Not yet, where a harvest died between the two; its successor stores and lists it.
            return is_listed(self._store, self._here, name)
        self._matches = SideFile(found) if found else None
        return self._matches is not None and self._matches.has_all

    def _extend(self, records: Opened, extent: Extent) -> bool:
        """Open the side file first, so that it covers all records that are read."""
        if not self._has_matches(extent):
            self._close_records()
            return False
        records.extend(extent)
        return True

    def _close_records(self) -> None:
        for each in (self._records, self._matches):
            if each:
                each.close()
        self._records = self._matches = None

    def _opened(self, name: str, extent: Extent, line: int) -> Opened | None:
        folder = self._work.folder if self._work else None
        return opened(self._store, self._here, name, extent, folder=folder, line=line)

    def _finish(self, records: Opened) -> None:
        """A file that does not grow is read to its end."""
        if records.is_beyond:
            # Its machine was lost before the lines that were read there were in the store.
            self._give_up("position beyond the end", "is shorter than it was when it grew")
        elif not records.is_complete:
            self._give_up("segment damaged", "ends before its end")
        else:
            self._pass_over()

    def _give_up(self, event: str, why: str) -> None:
        at = {"harvest": self._at.harvest, "segment": self._at.segment, "line": self._at.line}
        self._note(event, {**at, "why": f"{self._at.segment} {why}; the next one is read"})
        self._pass_over()

    def _pass_over(self) -> None:
        self._is_done = True
        self._close_records()

    def _next_events(self, known: Contents) -> bool:
        extent = known.events
        if extent is None or (self._events and self._events.extent == extent):
            return False
        if self._events and self._events.is_at(extent):
            self._events.extend(extent)
            return True
        if self._events:
            self._events.close()
            self._events = None
        with suppress(NotFound):
            self._events = self._opened(EVENTS, extent, self._at.events)
        return self._events is not None

    def _contents(self) -> Contents:
        if self._final:
            return self._final
        if self._work is None and self._root:
            self._work, self._looks = work_folder(self._root, self._at.harvest), _LOOKS
        if self._work and self._work.refresh():
            known = contents_here(self._work)
            self._looks += 1
            if self._records and known.files.get(self._at.segment) != self._records.extent:
                self._looks = 0
            if self._looks < _LOOKS:
                return known
            # A folder whose harvest has ended elsewhere stays as it is.
            self._looks = 0
            stored = stored_contents(self._store, self._keys, self._at.harvest)
            if not stored.final:
                return known
        else:
            stored = stored_contents(self._store, self._keys, self._at.harvest)
        self._leave_work()
        self._final = stored if stored.final else None
        return stored

    def _leave_work(self) -> None:
        if self._work:
            self._work.close()
            self._work = None

    def _next_harvest(self, current: str) -> bool:
        """Go on to the harvest that began after this one; whether there is one."""
        if self._only and self._at.harvest:
            return False
        found = next(self._coming, None)
        if found is None and may_have_later(self._store, self._keys, self._at.harvest, current):
            after = moment(self._at.harvest) if self._at.harvest else None
            self._coming = harvests_after(self._store, self._keys, after)
            found = next(self._coming, None)
        if found is None:
            # Where one ended a moment ago, another may be named by the time of the next look.
            self._final = None
            return False
        self._close_files()
        self._leave_work()
        self._at, self._is_done, self._final = Position(timestamp(found.started)), True, None
        return True

    def _close_files(self) -> None:
        self._close_records()
        if self._events:
            self._events.close()
            self._events = None
