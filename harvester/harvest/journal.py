"""A journal beside the collected files; replaying its lines restores the harvest's state.

The journal's first line is a whole `State`, each further line is what changed up to a synced point. At every
checkpoint a new one is begun, in a new file, and the one before goes.
"""

import dataclasses
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from harvester.collection.changeset import merge_into
from harvester.documents import Figures, GrowingUsers, OpenSegment, StoredState, Tree, json_of
from harvester.harvest.segment import Finished, with_side
from harvester.networks import Batch
from harvester.networks.gap import BACKFILL
from harvester.store.disk import sync
from harvester.store.keys import side_name


@dataclass
class State:
    """All that a harvest's successor needs to know of it.

    One thread changes it. What `figures` are made of it changes under `lock`, as others read them meanwhile.
    """

    harvest: str
    owner: str
    patch: Tree = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    segment: OpenSegment | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    segments: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    gaps: list[Tree] = field(default_factory=list)
    # The gaps of streams that a repair has finished.
    repairs: list[Tree] = field(default_factory=list)
    synced: str = ""
    last_id: str = ""
    heard: str = ""
    # The start; `harvest` is later if another harvest has the name of this second.
    begun: str = ""
    billed: Tree = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()

    def to_tree(self) -> StoredState:
        tree: Any = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}
        tree["finished"] = [file.to_tree() for file in self.finished]
        stored: StoredState = tree
        return stored

    def to_json(self) -> bytes:
        return json_of(self.to_tree())

    @classmethod
    def from_tree(cls, tree: object) -> "State":
        """The reverse of `to_tree`; TypeError if it is not one."""
        if not isinstance(tree, dict):
            raise TypeError("no state of a harvest")
        # A field that a later version added is passed over, so that an older one can finish its harvest.
        known = {entry.name for entry in dataclasses.fields(cls)}
        fields = {name: value for name, value in tree.items() if name in known}
        fields["finished"] = [Finished.from_tree(file) for file in fields.get("finished", [])]
        fields["segment"] = with_side(fields.get("segment"))
        if isinstance(patch := fields.get("patch"), dict):
            fields["patch"] = _with_growing_users(patch)
        return cls(**fields)._checked()

    def _checked(self) -> "State":
        """Of the right types, even if the file was edited."""
        if wrong := self._of_wrong_types() or self._missing_of_segment():
            raise TypeError(f"no state of a harvest: {', '.join(wrong)}")
        if not all(isinstance(event, dict) for event in (*self.gaps, *self.repairs)):
            raise TypeError("no state of a harvest: gaps or repairs")
        of_segment = (self.segment["size"], self.segment["posts"]) if self.segment else ()
        if not all(
            isinstance(number, int) for number in (*self.counts.values(), *self.sizes.values(), *of_segment)
        ):
            raise TypeError("no state of a harvest: counts or sizes")
        return self

    def _of_wrong_types(self) -> list[str]:
        empty: OpenSegment = {"name": "", "size": 0, "posts": 0}
        pattern = vars(type(self)(harvest="", owner="", segment=empty))
        values = {name: value for name, value in vars(self).items() if value is not None or name != "segment"}
        return [name for name, value in values.items() if not isinstance(value, type(pattern[name]))]

    def _missing_of_segment(self) -> list[str]:
        return [name for name in ("name", "size", "posts") if self.segment and name not in self.segment]

    @property
    def posts(self) -> int:
        return sum(file.posts for file in self.finished) + (self.segment["posts"] if self.segment else 0)

    @property
    def size(self) -> int:
        """Bytes of records in files, compressed."""
        return sum(file.size for file in self.finished) + (self.segment["size"] if self.segment else 0)

    def figures(self) -> Figures:
        """What the harvest has at this moment, for harvest.json; the values are the caller's."""
        with self.lock:
            figures: Figures = {
                "tweets": self.posts,
                "files": len(self.finished) + (1 if self.segment else 0),
                "file_bytes": self.size,
                "counts": dict(self.counts),
                "gaps": list(self.gaps),
                "billed": self.billed,
            }
            if self.repairs:
                figures["repairs"] = list(self.repairs)
            return figures

    def finish(self, file: Finished) -> None:
        """The open segment has become this file."""
        with self.lock:
            self.finished.append(file)
            self.segment = None

    def learn(self, batch: Batch) -> None:
        if "users" in batch.patch and "users" not in self.patch:
            # Of a million users each learns something at times.
            self.patch["users"] = GrowingUsers({})
        merge_into(self.patch, batch.patch)
        for name, number in batch.counts.items():
            self.counts[name] = self.counts.get(name, 0) + number
        self.gaps.extend(event for event in batch.events if event.get("event") == "gap")
        self.repairs.extend(event for event in batch.events if event.get("event") == BACKFILL)
        self.last_id = batch.last_id or self.last_id
        self.heard = batch.heard or self.heard


def _with_growing_users(patch: Tree) -> Tree:
    users = patch.get("users")
    return {**patch, "users": GrowingUsers.of(users.items())} if isinstance(users, dict) else patch


def growing(sizes: dict[str, int], segment: OpenSegment | None) -> dict[str, int]:
    """The unfinished files, and the valid size of each."""
    if segment is None:
        return dict(sizes)
    side = {side_name(segment["name"]): segment["side"]} if "side" in segment else {}
    return {**sizes, segment["name"]: segment["size"], **side}


class Journal:
    """The growing journal in a work folder; only one that was begun here is written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None

    def begin(self, state: State) -> bytes:
        """Begin a new journal with the whole state, and remove earlier ones; the state as JSON."""
        before = _journals(self._folder)
        number = int(before[-1].stem[-6:]) + 1 if before else 1
        path, data = self._folder / f"journal-{number:06d}.jsonl", state.to_json()
        with path.with_suffix(".new").open("wb") as file:
            file.write(data + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".new").rename(path)
        sync(self._folder)
        self.close()
        self._file = path.open("ab", buffering=0)
        for old in before:
            old.unlink()
        return data

    def write(self, entry: Tree) -> None:
        if self._file is None:
            raise AssertionError("the journal of another is only read before a new one is begun")
        write_all(self._file, line(entry))

    def close(self) -> None:
        if self._file:
            self._file.close()


# What each entry about a sync has, and what those of earlier versions may lack.
_SYNCED = ("segment", "segments", "sizes", "synced", "gaps")
_LATER = ("billed", "repairs")


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("journal-*.jsonl"))


def was_begun(folder: Path) -> bool:
    """Whether the first journal had its first line, or was removed already."""
    journals = _journals(folder)
    return [path.stem for path in journals] != ["journal-000001"] or b"\n" in journals[0].read_bytes()


def journaled(folder: Path) -> State | None:
    """The state up to the last line whose files are all there; None if no journal can be read."""
    for path in reversed(_journals(folder)):
        entries = _whole_lines(path)
        first = next(entries, None)
        state = _state(first)
        if state is None or first is None:
            continue
        further = list(takewhile(_is_entry, entries))
        # Files that were finished later may be stored and gone from here.
        finished = [*state.finished, *(Finished.from_tree(e["finished"]) for e in further if "finished" in e)]
        gone = {name for file in finished for name in file.names}
        if not _holds(folder, first, gone):
            continue
        for entry in further:
            if not _holds(folder, entry, gone):
                # The machine lost power before the file reached the disk: what came before still counts.
                break
            _learn_again(state, entry)
        return state
    return None


def _state(tree: Any) -> State | None:
    try:
        return State.from_tree(tree)
    except (AttributeError, KeyError, TypeError):
        return None


def _is_entry(tree: Any) -> bool:
    """Whether a line behind the first says what `_learn_again` takes; what follows another one is damaged."""
    try:
        if "finished" in tree:
            file = Finished.from_tree(tree["finished"])
            return isinstance(file.name, str) and isinstance(file.size, int) and isinstance(file.posts, int)
        synced = {name: tree[name] for name in (*_SYNCED, *(name for name in _LATER if name in tree))}
        State.from_tree({"harvest": "", "owner": "", **synced})
        return all(_is_learnt(each) for each in tree["learnt"])
    except (AttributeError, KeyError, TypeError):
        return False


def _is_learnt(tree: Tree) -> bool:
    State.from_tree({"harvest": "", "owner": "", **{name: tree[name] for name in ("patch", "counts")}})
    return isinstance(tree["patch"].get("users", {}), dict) and all(
        isinstance(tree.get(name, ""), str) for name in ("last_id", "heard")
    )


def _holds(folder: Path, entry: Tree, gone: set[str]) -> bool:
    sizes = growing(entry.get("sizes") or {}, with_side(entry.get("segment")))
    return all(
        name in gone or ((folder / name).is_file() and (folder / name).stat().st_size >= size)
        for name, size in sizes.items()
    )


def _learn_again(state: State, entry: Tree) -> None:
    if "finished" in entry:
        state.finish(Finished.from_tree(entry["finished"]))
        return
    state.segment, state.segments = with_side(entry["segment"]), entry["segments"]
    state.sizes, state.synced = entry["sizes"], entry["synced"]
    # Earlier versions journaled it at checkpoints only.
    state.billed = entry.get("billed", state.billed)
    for learnt in entry["learnt"]:
        known = {name: learnt.get(name, "") for name in ("last_id", "heard")}
        state.learn(Batch(patch=learnt["patch"], counts=learnt["counts"], **known))
    state.gaps.extend(entry["gaps"])
    state.repairs.extend(entry.get("repairs", ()))


def _whole_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                return


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write to an unbuffered file, of which a disk that is nearly full may take only a part at a time."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def line(value: Tree) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
