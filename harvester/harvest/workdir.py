"""Collected data is kept on this machine's disk until it is stored.

The work folder of a harvest holds the segments and side files that are not stored yet, and the journal of
what was learnt from them. So a dead process loses at most what it had not synced.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from harvester.clock import timestamp
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.harvest.journal import Journal, journaled, line, was_begun, write_all
from harvester.harvest.journal import State as State
from harvester.harvest.segment import Finished, Segment
from harvester.networks import Batch
from harvester.networks.gap import BACKFILL
from harvester.store.disk import make_folder, opened_to_append
from harvester.store.keys import EVENTS, LISTS, OF_RECORDS, SEGMENTS, STATS, USERS, segment_name, side_name

log = logging.getLogger("twarc-cloud")

# Side files grow as lines and are stored when the harvest ends.
USER_CHANGES = "user_changes.jsonl"
SIDE_FILES = (USERS, EVENTS, USER_CHANGES, STATS, LISTS)

_OWNED = "owned"
# The prefix of folders that are being removed.
_OVER = "over-"


class Work:
    """The work folder of one harvest; one thread writes to it."""

    def __init__(self, folder: Path, state: State, owned: BinaryIO, *, begin: str = SEGMENTS) -> None:
        self.folder, self.state, self._begin = folder, state, begin
        self._owned = owned
        self._segment: Segment | None = None
        self._side_file: Segment | None = None
        self._side: dict[str, BinaryIO] = {}
        self._journal = Journal(folder)
        self._unsynced: list[Batch] = []
        self._unsynced_bytes = 0
        self._thorough = False

    @classmethod
    def begin(cls, root: Path, state: State, *, begin: str = SEGMENTS) -> "Work":
        """A new folder, of segments whose names begin so."""
        folder = _folder(root, state, state.owner)
        folder.mkdir()
        owned = _owned(folder)
        if owned is None:
            raise AssertionError("a folder just made cannot be another's")
        work = cls(folder, state, owned, begin=begin)
        work._journal.begin(state)
        return work

    @classmethod
    def fetched(cls, root: Path, state: State, *, owner: str, fill: Callable[[Path], None]) -> "Work":
        """A folder of which `fill` brings the files; `owner` makes it whole in place of the harvest's own.

        Until all of them are there it has the name of one that is being removed, as it is if this dies.
        """
        folder = _folder(root, state, owner)
        scratch = folder.with_name(_OVER + folder.name)
        scratch.mkdir()
        fill(scratch)
        journal = Journal(scratch)
        journal.begin(state)
        journal.close()
        scratch.rename(folder)
        owned = _owned(folder)
        if owned is None:
            raise AssertionError("a folder just made cannot be another's")
        return cls(folder, state, owned)

    def add(self, batch: Batch, *, now: datetime) -> None:
        """Keep a batch; it is safe after `sync`."""
        if batch.lines:
            if self._segment is None:
                self.state.segments += 1
                path = self.folder / segment_name(now, self.state.segments, begin=self._begin)
                self._segment = Segment(path, thorough=self._thorough)
            self._add_to_side(self._segment, batch)
            self._segment.write(batch.lines, posts=batch.posts)
            self._unsynced_bytes += len(batch.lines)
        self._append(USERS, batch.users)
        self._append(EVENTS, b"".join(line(event) for event in batch.events))
        self._append(USER_CHANGES, b"".join(line(change) for change in batch.changes))
        self._append(LISTS, batch.lists)
        self._unsynced.append(batch)

    def add_minute(self, figures: Tree) -> None:
        """Keep a line of statistics; it is safe after `sync`."""
        self._append(STATS, line(figures))

    def _add_to_side(self, segment: Segment, batch: Batch) -> None:
        """Say of the next lines of a segment which rules their posts matched, or which ids they hold."""
        told = [{"line": segment.lines + m.line, "id": m.id, "rules": m.rules} for m in batch.matches]
        for page in batch.edges:
            of_list = {"user": page.user, "direction": page.direction, "list": page.begun}
            told.append({"line": segment.lines + page.line, **of_list, "ids": page.ids})
        if not told:
            return
        if self._side_file is None:
            self._side_file = Segment(self.folder / side_name(segment.name), thorough=True)
        self._side_file.write(b"".join(map(line, told)), posts=0)

    @property
    def unsynced_bytes(self) -> int:
        return self._unsynced_bytes

    def compress(self, *, thorough: bool) -> None:
        """From the next sync on: whether records are made small, or with little CPU."""
        self._thorough = thorough
        if self._segment:
            self._segment.thorough = thorough

    @property
    def open_posts(self) -> int:
        return self._segment.posts if self._segment else 0

    @property
    def open_bytes(self) -> int:
        return self._segment.size if self._segment else 0

    @property
    def is_open(self) -> bool:
        return self._segment is not None

    def sync(self, *, now: datetime, billed: Tree | None = None) -> None:
        """Everything added so far survives this process from here on, with what was `billed` for it."""
        state, segment = self.state, self.state.segment
        if self._segment and self._unsynced_bytes:
            segment = {
                "name": self._segment.name, "size": self._segment.sync(), "posts": self._segment.posts
            }  # fmt: skip
            if self._side_file:
                segment["side"] = self._side_file.sync()
        with state.lock:
            state.segment, state.synced = segment, timestamp(now)
            state.billed = state.billed if billed is None else billed
            for batch in self._unsynced:
                state.learn(batch)
        self._journal.write(_entry(state, self._unsynced))
        self._unsynced, self._unsynced_bytes = [], 0

    def close_segment(self, *, now: datetime, billed: Tree | None = None) -> Finished | None:
        """Complete the open segment, if there is one; it is part of the state from here on."""
        self.sync(now=now, billed=billed)
        if self._segment is None:
            return None
        finished = self._segment.close()
        if self._side_file:
            finished = replace(finished, side=self._side_file.close())
        self._segment = self._side_file = None
        self.state.finish(finished)
        self._journal.write({"finished": finished.to_tree(), "segment": None})
        return finished

    def snapshot(self) -> bytes:
        """The state as JSON, from which a new journal begins."""
        for file in self._side.values():
            os.fsync(file.fileno())
        for growing in filter(None, (self._segment, self._side_file)):
            growing.make_durable()
        return self._journal.begin(self.state)

    def remember(self) -> None:
        """What this folder's state is now is what a successor on this machine finds."""
        self._journal.begin(self.state)

    def path(self, name: str) -> Path:
        return self.folder / name

    def stored(self, name: str) -> None:
        """A file is in the store, so this machine need not keep it."""
        self.path(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the folder as it is."""
        for growing in filter(None, (self._segment, self._side_file)):
            growing.abandon()
        self._journal.close()
        for file in (*self._side.values(), self._owned):
            file.close()

    def remove(self) -> None:
        """All is stored; nothing is kept here."""
        self.close()
        # If this is killed meanwhile, the folder must not look like one without its journal.
        over = self.folder.with_name(_OVER + self.folder.name)
        try:
            self.folder.rename(over)
        except OSError:
            # All is stored, so that this is no reason to fail.
            over = self.folder
        shutil.rmtree(over, ignore_errors=True)

    def _append(self, name: str, data: bytes) -> None:
        if not data:
            return
        if name not in self._side:
            self._side[name] = self.path(name).open("ab", buffering=0)
        write_all(self._side[name], data)
        self.state.sizes[name] = self.state.sizes.get(name, 0) + len(data)


def require_no_link(root: Path) -> None:
    """A link of another user would lead records, and what is cleaned up, to another place."""
    for folder in (root, root.parent):
        if folder.is_symlink():
            raise HarvesterError(
                f"{folder} is a symbolic link, which a collection's work folder may not be.",
                hint="Remove it, or choose another folder with --temp.",
                exit_code=Exit.USAGE,
            )


def _folder(root: Path, state: State, owner: str) -> Path:
    """Where in `root`, which is there then, that owner keeps what is not stored of a harvest."""
    require_no_link(root)
    make_folder(root)
    return root / f"{''.join(filter(str.isdigit, state.harvest))[:14]}-{owner}"


def left_behind(root: Path) -> Iterator[Work]:
    """The work folders below `root` whose owners are dead; those of the living are passed over."""
    require_no_link(root)
    if not root.is_dir():
        return
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink()):
        if folder.name.startswith(_OVER):
            shutil.rmtree(folder, ignore_errors=True)
            continue
        owned = _owned(folder)
        if owned is None:
            continue
        state = journaled(folder)
        if state is not None:
            yield Work(folder, state, owned)
            continue
        owned.close()
        if was_begun(folder) and _has_records(folder):
            log.warning("%s contains records but no readable journal; kept.", folder)
        else:
            # Killed before the first line of its journal was whole: nothing was asked for yet.
            shutil.rmtree(folder, ignore_errors=True)


def _has_records(folder: Path) -> bool:
    return any(path.name.startswith((*OF_RECORDS, *SIDE_FILES)) for path in folder.iterdir())


def _owned(folder: Path) -> BinaryIO | None:
    """The mark of a living owner, held until its process ends; None if another holds it."""
    mark = opened_to_append(folder / _OWNED)
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        mark.close()
        return None
    return mark


def _entry(state: State, batches: Sequence[Batch]) -> Tree:
    """The journal's line about a sync of these batches."""
    entry: Tree = {"synced": state.synced, "segment": state.segment, "segments": state.segments}
    entry["learnt"] = [
        {"patch": batch.patch, "counts": batch.counts, "last_id": batch.last_id, "heard": batch.heard}
        for batch in batches
    ]
    events = [event for batch in batches for event in batch.events]
    entry["gaps"] = [event for event in events if event.get("event") == "gap"]
    if repairs := [event for event in events if event.get("event") == BACKFILL]:
        entry["repairs"] = repairs
    return {**entry, "sizes": state.sizes, "billed": state.billed}
