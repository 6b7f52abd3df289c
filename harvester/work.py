"""What a harvest was handed, and what it learnt from it, is on this machine's disk until it is stored.

The work folder of a harvest holds the segments and side files that are not stored yet, and a journal. The
journal's first line is a whole `State`, each further line is what changed up to a synced point; a new journal
is begun at every checkpoint. So a dead process loses at most what it had not synced.
"""

import dataclasses
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from harvester.changeset import Tree, merge_into
from harvester.layout import segment_name, timestamp
from harvester.segments import Finished, Segment

# Side files grow as lines and are stored when the harvest ends.
USERS, EVENTS, USER_CHANGES = "users.jsonl", "events.jsonl", "user_changes.jsonl"
SIDE_FILES = (USERS, EVENTS, USER_CHANGES)

_OWNED = "owned"


@dataclass(frozen=True)
class Batch:
    """What a source hands over at once: whole JSON lines, and what is known once they are kept.

    `patch` is a merge patch (RFC 7396) on the collection; `changes` are entries of user_changes.json.
    """

    lines: bytes = b""
    posts: int = 0
    patch: Tree = field(default_factory=dict)
    events: tuple[Tree, ...] = ()
    users: bytes = b""
    changes: tuple[Tree, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    last_id: str = ""
    # To be on disk before the next one, so that nothing is asked for twice.
    sync: bool = False


@dataclass
class State:
    """All that a harvest's successor needs to know of it."""

    harvest: str
    owner: str
    patch: Tree = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    segment: Tree | None = None  # of the open one: name, size up to the synced byte, posts
    sizes: dict[str, int] = field(default_factory=dict)
    segments: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    gaps: list[Tree] = field(default_factory=list)
    synced: str = ""
    last_id: str = ""
    # When it was; `harvest` is later than that where another harvest had the name of this second.
    begun: str = ""
    billed: Tree = field(default_factory=dict)

    def to_tree(self) -> Tree:
        tree = dict(vars(self))
        tree["finished"] = [vars(file) for file in self.finished]
        return tree

    @classmethod
    def from_tree(cls, tree: Tree) -> "State":
        # A field that a later version added is passed over, so that an older one can finish its harvest.
        known = {entry.name for entry in dataclasses.fields(cls)}
        fields = {name: value for name, value in tree.items() if name in known}
        fields["finished"] = [Finished(**file) for file in fields.get("finished", [])]
        return cls(**fields)

    @property
    def posts(self) -> int:
        return sum(file.posts for file in self.finished) + (self.segment["posts"] if self.segment else 0)

    @property
    def size(self) -> int:
        """Bytes of records in files, compressed."""
        return sum(file.size for file in self.finished) + (self.segment["size"] if self.segment else 0)

    def learn(self, batch: Batch) -> None:
        merge_into(self.patch, batch.patch)
        for name, number in batch.counts.items():
            self.counts[name] = self.counts.get(name, 0) + number
        self.gaps.extend(event for event in batch.events if event.get("event") == "gap")
        if batch.last_id:
            self.last_id = batch.last_id


class Work:
    """The work folder of one harvest; one thread writes to it."""

    def __init__(self, folder: Path, state: State, owned: BinaryIO) -> None:
        self.folder, self.state = folder, state
        self._owned = owned
        self._segment: Segment | None = None
        self._side: dict[str, BinaryIO] = {}
        self._journal: BinaryIO | None = None
        self._number = 0
        self._unsynced: list[Batch] = []
        self._unsynced_bytes = 0

    @classmethod
    def begin(cls, root: Path, state: State, *, owner: str = "") -> "Work":
        """A new folder; `owner`, where another than the harvest's own makes it whole."""
        folder = root / f"{''.join(filter(str.isdigit, state.harvest))[:14]}-{owner or state.owner}"
        folder.mkdir(parents=True)
        owned = _owned(folder)
        if owned is None:
            raise AssertionError("a folder just made cannot be another's")
        work = cls(folder, state, owned)
        work._begin_journal()
        return work

    def add(self, batch: Batch, *, now: datetime) -> None:
        """Keep a batch; it is safe after `sync`."""
        if batch.lines:
            if self._segment is None:
                self.state.segments += 1
                self._segment = Segment(self.folder / segment_name(now, self.state.segments))
            self._segment.write(batch.lines, posts=batch.posts)
            self._unsynced_bytes += len(batch.lines)
        self._append(USERS, batch.users)
        self._append(EVENTS, b"".join(_line(event) for event in batch.events))
        self._append(USER_CHANGES, b"".join(_line(change) for change in batch.changes))
        self._unsynced.append(batch)

    @property
    def unsynced_bytes(self) -> int:
        return self._unsynced_bytes

    @property
    def open_posts(self) -> int:
        return self._segment.posts if self._segment else 0

    @property
    def open_bytes(self) -> int:
        return self._segment.size if self._segment else 0

    @property
    def is_open(self) -> bool:
        return self._segment is not None

    def sync(self, *, now: datetime) -> None:
        """Everything added so far survives this process from here on."""
        state = self.state
        if self._segment and self._unsynced_bytes:
            state.segment = {
                "name": self._segment.name, "size": self._segment.sync(), "posts": self._segment.posts
            }  # fmt: skip
        state.synced = timestamp(now)
        entry: Tree = {"synced": state.synced, "segment": state.segment, "segments": state.segments}
        learnt: list[Tree] = []
        for batch in self._unsynced:
            state.learn(batch)
            learnt.append({"patch": batch.patch, "counts": batch.counts, "last_id": batch.last_id})
        entry["learnt"] = learnt
        entry["gaps"] = [e for batch in self._unsynced for e in batch.events if e.get("event") == "gap"]
        entry["sizes"] = state.sizes
        self._write_journal(entry)
        self._unsynced, self._unsynced_bytes = [], 0

    def close_segment(self, *, now: datetime) -> Finished | None:
        """Complete the open segment, if there is one; it is part of the state from here on."""
        self.sync(now=now)
        if self._segment is None:
            return None
        finished = self._segment.close()
        self._segment = None
        self.state.segment = None
        self.state.finished.append(finished)
        self._write_journal({"finished": vars(finished), "segment": None})
        return finished

    def snapshot(self, *, billed: Tree) -> bytes:
        """The state as JSON, from which a new journal begins."""
        self.state.billed = billed
        for file in self._side.values():
            os.fsync(file.fileno())
        if self._segment:
            self._segment.make_durable()
        return self._begin_journal()

    def remember(self) -> None:
        """What this folder's state is now is what a successor on this machine finds."""
        self._number = max((int(path.stem[-6:]) for path in self.folder.glob("journal-*.jsonl")), default=0)
        self._begin_journal()

    def path(self, name: str) -> Path:
        return self.folder / name

    def stored(self, name: str) -> None:
        """A file is in the store, so this machine need not keep it."""
        self.path(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the folder as it is."""
        if self._segment:
            self._segment.abandon()
        for file in (*self._side.values(), self._journal, self._owned):
            if file:
                file.close()

    def remove(self) -> None:
        """All is stored; nothing is kept here."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _append(self, name: str, data: bytes) -> None:
        if not data:
            return
        if name not in self._side:
            self._side[name] = self.path(name).open("ab", buffering=0)
        file = self._side[name]
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        self.state.sizes[name] = self.state.sizes.get(name, 0) + len(data)

    def _begin_journal(self) -> bytes:
        number, data = self._number + 1, orjson.dumps(self.state.to_tree())
        path = self.path(f"journal-{number:06d}.jsonl")
        with path.with_suffix(".new").open("wb") as file:
            file.write(data + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".new").rename(path)
        if self._journal:
            self._journal.close()
        self._journal, before, self._number = path.open("ab", buffering=0), self._number, number
        self.path(f"journal-{before:06d}.jsonl").unlink(missing_ok=True)
        return data

    def _write_journal(self, entry: Tree) -> None:
        if self._journal is None:
            raise AssertionError("a work folder that was left is only read before `remember`")
        self._journal.write(_line(entry))


def left_behind(root: Path) -> Iterator[Work]:
    """The work folders below `root` whose owners are dead; those of the living are passed over."""
    if not root.is_dir():
        return
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        owned = _owned(folder)
        if owned is None:
            continue
        state = _journaled(folder)
        if state is None:
            # Killed before the first line of its journal: nothing was asked for yet.
            owned.close()
            shutil.rmtree(folder, ignore_errors=True)
            continue
        yield Work(folder, state, owned)


def _journaled(folder: Path) -> State | None:
    for path in sorted(folder.glob("journal-*.jsonl"), reverse=True):
        entries = _whole_lines(path)
        first = next(entries, None)
        if first is None:
            continue
        state = State.from_tree(first)
        further = list(entries)
        # Files that were finished later may be stored and gone from here.
        gone = {file.name for file in state.finished} | {
            e["finished"]["name"] for e in further if "finished" in e
        }
        if not _holds(folder, first, gone):
            continue
        for entry in further:
            if not _holds(folder, entry, gone):
                # The machine lost power before the file reached the disk: what came before still counts.
                break
            _learn_again(state, entry)
        return state
    return None


def _holds(folder: Path, entry: Tree, gone: set[str]) -> bool:
    sizes = dict(entry.get("sizes") or {})
    if entry.get("segment"):
        sizes[entry["segment"]["name"]] = entry["segment"]["size"]
    return all(
        name in gone or ((folder / name).is_file() and (folder / name).stat().st_size >= size)
        for name, size in sizes.items()
    )


def _learn_again(state: State, entry: Tree) -> None:
    if "finished" in entry:
        state.finished.append(Finished(**entry["finished"]))
        state.segment = None
        return
    state.segment, state.segments = entry["segment"], entry["segments"]
    state.sizes, state.synced = entry["sizes"], entry["synced"]
    for learnt in entry["learnt"]:
        state.learn(Batch(patch=learnt["patch"], counts=learnt["counts"], last_id=learnt["last_id"]))
    state.gaps.extend(entry["gaps"])


def _whole_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                return


def _line(value: Tree) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _owned(folder: Path) -> BinaryIO | None:
    """The mark of a living owner, held until its process ends; None where another holds it."""
    mark = (folder / _OWNED).open("ab")
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        mark.close()
        return None
    return mark
