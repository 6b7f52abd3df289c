"""What a dead harvest had reached is in the store, at most a minute old; no page counts before it is there.

`checkpoint.json` holds the `state` of the harvest that runs or died. Beside it may stand `closing`: a segment
whose upload was the next step, with the state that holds once it is there. So whether the process died before
or after that upload, what is stored and what is known agree.
"""

from collections.abc import Mapping
from pathlib import Path

import orjson

from harvester.clock import moment
from harvester.documents import Checkpoint, OpenSegment
from harvester.errors import Conflict, HarvesterError, NotFound
from harvester.harvest.segment import Finished
from harvester.harvest.workdir import State
from harvester.store import Store
from harvester.store.keys import CollectionKeys, HarvestKeys

# So much of a growing file is read into memory and stored at once.
_PIECE = 8 << 20


class Parts:
    """Copies the growing files of a work folder to the store, piece by piece, as they grow.

    `copied` says how much of each is there already.
    """

    def __init__(
        self, store: Store, here: HarvestKeys, folder: Path, *, copied: Mapping[str, int] | None = None
    ) -> None:
        self._store, self._here, self._folder = store, here, folder
        self._copied: dict[str, int] = dict(copied or {})

    def copy(self, name: str, size: int) -> None:
        """Everything of the file up to `size` is in the store when this returns."""
        with (self._folder / name).open("rb") as file:
            while (done := self._copied.get(name, 0)) < size:
                file.seek(done)
                data = file.read(min(size - done, _PIECE))
                if not data:
                    raise HarvesterError(f"{file.name} is shorter than what was written to it.")
                self._copied[name] = done + self._stored(self._here.part(name, done), data)

    def _stored(self, key: str, data: bytes) -> int:
        """How many bytes of `data` are under the key."""
        try:
            self._store.create(key, data)
        except Conflict:
            # An earlier try may have arrived although its answer did not; since then the file may have grown.
            there = self._store.read(key).data
            if not there or not data.startswith(there):
                raise
            return len(there)
        return len(data)

    def forget(self, name: str) -> None:
        """The whole file is stored under its own name."""
        if self._copied.pop(name, 0):
            for entry in list(self._store.entries(self._here.parts + name + "-")):
                self._store.remove(entry.key, version=entry.version)


def growing(sizes: dict[str, int], segment: OpenSegment | None) -> dict[str, int]:
    """The files that are not finished, and how much of each counts."""
    return {**sizes, segment["name"]: segment["size"]} if segment else dict(sizes)


def load(store: Store, keys: CollectionKeys) -> Checkpoint | None:
    """The checkpoint of a harvest that did not end; None when the last one did."""
    try:
        data = store.read(keys.checkpoint).data
    except NotFound:
        return None
    try:
        tree: Checkpoint = orjson.loads(data)
        moment(State.from_tree(tree["state"]).harvest)
        if closing := tree.get("closing"):
            Finished(**closing["file"])
            State.from_tree(closing["state"])
    except (AttributeError, ValueError, TypeError, KeyError) as error:
        raise HarvesterError(
            f"{keys.checkpoint} in {store.name} cannot be read, so a dead harvest cannot be ended.",
            hint="Restore an earlier one, or remove it: what was not stored is then requested again.",
        ) from error
    return tree


def reached(store: Store, here: HarvestKeys, checkpoint: Checkpoint) -> State:
    """What that harvest had stored and learnt."""
    closing = checkpoint.get("closing")
    if closing:
        file = Finished(**closing["file"])
        stored = {entry.key: entry.size for entry in store.entries(here.file(file.name))}
        if stored.get(here.file(file.name)) == file.size:
            return State.from_tree(closing["state"])
    return State.from_tree(checkpoint["state"])


def fetch_parts(store: Store, here: HarvestKeys, state: State, folder: Path) -> None:
    """Put the growing files together in `folder`, for a harvest whose machine is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in growing(state.sizes, state.segment).items():
        with (folder / name).open("wb") as file:
            for entry in store.entries(here.parts + name + "-"):
                # The name says where it begins, so that a missing one does not shift those that follow.
                if file.tell() == int(entry.key.rpartition("-")[2]) < size:
                    file.write(store.read(entry.key).data)
            if file.tell() < size:
                raise HarvesterError(
                    f"{size - file.tell()} bytes of {name}, of a harvest that died, are missing.",
                    hint=f"Restore what was removed below {here.parts}, or remove checkpoint.json.",
                )
            file.truncate(size)
