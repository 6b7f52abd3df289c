"""What a dead harvest had reached is in the store, at most a minute old; no page counts before it is there.

`checkpoint.json` holds the `state` of the harvest that runs or died. Beside it may stand `closing`: a segment
whose upload was the next step, with the state that holds once it is there. So whether the process died before
or after that upload, what is stored and what is known agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from harvester.clock import moment
from harvester.collection.kinds import is_stream
from harvester.collection.workers import WORKER_OF
from harvester.documents import Checkpoint, object_in
from harvester.documents.tail import Tail
from harvester.errors import Conflict, HarvesterError, NotFound
from harvester.harvest.journal import growing as growing
from harvester.harvest.segment import Finished
from harvester.harvest.workdir import State
from harvester.store import Piece, Store, stored_at
from harvester.store.keys import STATS, CollectionKeys, HarvestKeys

# A growing file is read into memory and stored in pieces of this size, or of half of what is left: S3 makes a
# file of pieces of five megabytes and more.
_PIECE, _LEAST = 8 << 20, 5 << 20
# This file has a line a minute, whatever comes. Its end travels in checkpoint.json, so that a stream which
# is idle needs no more requests to the store; a part of it is stored once its end is longer than this.
_CARRIED, LONGEST_TAIL = STATS, 64 << 10


class Parts:
    """Copies the growing files of a work folder to the store, piece by piece, as they grow.

    `copied` says how much of each is there already, where another began.
    """

    def __init__(
        self, store: Store, here: HarvestKeys, folder: Path, *, copied: Mapping[str, int] | None = None
    ) -> None:
        self._store, self._here, self._folder = store, here, folder
        self._copied: dict[str, int] = dict(copied or {})
        self._pieces: dict[str, list[Piece]] = {}

    def copy(self, name: str, size: int) -> None:
        """Everything of the file up to `size` is in the store when this returns."""
        with (self._folder / name).open("rb") as file:
            while (done := self._copied.get(name, 0)) < size:
                file.seek(done)
                data = file.read(_piece(size - done))
                if not data:
                    raise HarvesterError(f"{file.name} is shorter than what was written to it.")
                key = self._here.part(name, done)
                piece = self._stored(key, data)
                self._pieces.setdefault(name, []).append(piece)
                self._copied[name] = done + piece.size

    def copy_growing(self, sizes: Mapping[str, int], *, longest_tail: int | None = None) -> dict[str, Tail]:
        """Have everything up to these sizes in the store, save the tails, which checkpoint.json is to carry.

        One above `longest_tail` is stored before. Only the parts that its `begin` counts may be relied on.
        """
        tails: dict[str, Tail] = {}
        for name, size in sizes.items():
            if name != _CARRIED:
                self.copy(name, size)
                continue
            if longest_tail is not None and size - self._copied.get(name, 0) > longest_tail:
                self.copy(name, size)
            begin = self._copied.get(name, 0)
            with (self._folder / name).open("rb") as file:
                file.seek(begin)
                tails[name] = {"begin": begin, "text": file.read(max(0, size - begin)).decode()}
        return tails

    def _stored(self, key: str, data: bytes) -> Piece:
        """What of `data` is under the key, from its beginning on."""
        try:
            return Piece(key, self._store.create(key, data), len(data))
        except Conflict:
            # An earlier try may have arrived although its answer did not; since then the file may have grown.
            there = self._store.read(key)
            if not there.data or not data.startswith(there.data):
                raise
            return Piece(key, there.version, len(there.data))

    def pieces(self, name: str) -> list[Piece]:
        """What of the file is in the store, from its beginning on; empty if another stored of it."""
        found = self._pieces.get(name, [])
        return list(found) if sum(piece.size for piece in found) == self._copied.get(name, 0) else []

    def forget(self, name: str) -> None:
        """The whole file is stored under its own name."""
        self._pieces.pop(name, None)
        if self._copied.pop(name, 0):
            for entry in list(self._store.entries(self._here.parts + name + "-")):
                self._store.remove(entry.key, version=entry.version)


def in_parts(checkpoint: Checkpoint, sizes: Mapping[str, int]) -> dict[str, int]:
    """The bytes of each growing file that the store has as parts, given the valid size of each file."""
    tails = checkpoint.get("tails") or {}
    return {name: min(size, tails[name]["begin"]) if name in tails else size for name, size in sizes.items()}


def _piece(left: int) -> int:
    if left >= _PIECE + _LEAST:
        return _PIECE
    return left if left < 2 * _LEAST else (left + 1) // 2


@dataclass
class SegmentUpload:
    """The upload of one segment, whose `name` is announced before it is completed; a step may be repeated."""

    store: Store
    key: str
    file: Finished
    pieces: Sequence[Piece] = ()
    name: str = ""

    def begin(self, pieces: Sequence[Piece]) -> None:
        """Have it made of the pieces that are stored already, where that is possible and worth it."""
        if pieces and not self.name and self.store.composes:
            self.pieces = pieces
            self.name = self.store.begin_upload(
                self.key, pieces, size=self.file.size, sha256=self.file.sha256
            )

    def complete(self, path: Path) -> None:
        """The whole file is stored when this returns."""
        if self.name:
            self.store.compose(self.key, path, sha256=self.file.sha256, name=self.name, pieces=self.pieces)
        else:
            self.store.upload(self.key, path, sha256=self.file.sha256)


def abandon_upload(store: Store, here: HarvestKeys, checkpoint: Checkpoint) -> None:
    """Called before an announced segment is looked for: its upload is complete, or never will be."""
    closing = checkpoint.get("closing")
    if closing and (name := closing.get("upload")):
        store.abandon_upload(here.file(closing["file"]["name"]), name)


def load(store: Store, keys: CollectionKeys) -> Checkpoint | None:
    """The checkpoint of a harvest that did not end; None when the last one did."""
    stored = stored_at(store, keys.checkpoint)
    if stored is None:
        return None
    try:
        tree: Checkpoint = orjson.loads(stored.data)
        moment(State.from_tree(tree["state"]).harvest)
        if closing := tree.get("closing"):
            Finished.from_tree(closing["file"])
            State.from_tree(closing["state"])
        for tail in (tree.get("tails") or {}).values():
            int(tail["begin"]), tail["text"].encode()
    except (AttributeError, ValueError, TypeError, KeyError) as error:
        raise HarvesterError(
            f"{keys.checkpoint} in {store.name} cannot be read, so a dead harvest cannot be ended.",
            hint=f"Restore an earlier one, or remove it. {_after_removal(store, keys.collection)}",
        ) from error
    return tree


def _after_removal(store: Store, collection: str) -> str:
    """What becomes of the data that a dead harvest had not finished storing, once its checkpoint is gone."""
    try:
        tree = object_in(store.read(collection).data)
    except NotFound:
        tree = {}
    if parent := tree.get(WORKER_OF):
        return f"`graph retry {parent}` then has the lists collected again that it had not stored."
    if is_stream(tree):
        return "What it had not stored is then lost, and no gap says so."
    return "What was not stored is then requested again."


def reached(store: Store, here: HarvestKeys, checkpoint: Checkpoint) -> State:
    """What that harvest had stored and learnt."""
    closing = checkpoint.get("closing")
    if closing:
        file = Finished.from_tree(closing["file"])
        stored = {entry.key: entry.size for entry in store.entries(here.file(file.name))}
        if stored.get(here.file(file.name)) == file.size:
            return State.from_tree(closing["state"])
    return State.from_tree(checkpoint["state"])


def fetch_parts(
    store: Store, here: HarvestKeys, state: State, folder: Path, *, tails: Mapping[str, Tail] | None = None
) -> None:
    """Put the growing files together in `folder`, for a harvest whose machine is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in {**growing(state.sizes, state.segment), **_not_stored(store, here, state)}.items():
        with (folder / name).open("wb") as file:
            for entry in store.entries(here.parts + name + "-"):
                # The name says where it begins, so that a missing one does not shift those that follow.
                if file.tell() == int(entry.key.rpartition("-")[2]) < size:
                    file.write(store.read(entry.key).data)
            if (tail := (tails or {}).get(name)) and file.tell() == tail["begin"]:
                file.write(tail["text"].encode())
            if file.tell() < size:
                raise HarvesterError(
                    f"{size - file.tell()} bytes of {name}, of a harvest that died, are missing.",
                    hint=f"Restore what was removed below {here.parts}, or remove checkpoint.json. "
                    f"{_after_removal(store, here.collection)}",
                )
            file.truncate(size)


def stored_part(store: Store, here: HarvestKeys, name: str, size: int) -> bytes:
    """What the store has of a growing file up to `size`; less if parts of it are missing."""
    data = b""
    for entry in store.entries(here.parts + name + "-"):
        if len(data) == int(entry.key.rpartition("-")[2]) < size:
            data += store.read(entry.key).data
    return data[:size]


def _not_stored(store: Store, here: HarvestKeys, state: State) -> dict[str, int]:
    """The side file that was to be stored after the last segment, which is; all of it is in `open/`."""
    side = state.finished[-1].side if state.finished else None
    if side is None or any(
        entry.key == here.file(side.name) for entry in store.entries(here.file(side.name))
    ):
        return {}
    return {side.name: side.size}
