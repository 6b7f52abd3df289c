"""Copies a collection with its harvests to another store; it appears there once it is complete."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harvester.collection.secrets import without_keys
from harvester.errors import Conflict, Exit, HarvesterError
from harvester.harvest import catalog
from harvester.store import Entry, Store
from harvester.store.absent import no_collection
from harvester.store.keys import CollectionKeys, describes_collection, harvest_folder, is_unfinished

_AT_ONCE = 8


@dataclass
class CollectionCopy:
    """From one store to another, under the same id, which harvested files contain."""

    source: Store
    target: Store
    keys: CollectionKeys

    def __post_init__(self) -> None:
        found = list(self.source.entries(self.keys.folder))
        self._require_fit({entry.key for entry in found})
        repairs = self.keys.repairs
        pointers = (repairs.last_harvest, repairs.collection, self.keys.last_harvest, self.keys.collection)
        self._pointers = [entry for key in pointers for entry in found if entry.key == key]
        self._rest = [entry for entry in found if entry.key not in pointers and not is_unfinished(entry.key)]

    def _require_fit(self, names: set[str]) -> None:
        """Raise unless the source has it, whole and at rest, and the target does not."""
        if self.keys.collection not in names:
            raise no_collection(self.source, self.keys)
        for keys, what in ((self.keys, "harvest"), (self.keys.repairs, "repair")):
            if keys.checkpoint in names or catalog.live_lock(self.source, keys):
                raise HarvesterError(
                    f"A {what} of {keys.id} is running, or died and is not finished.",
                    hint=f"Wait for it, stop it, or start another {what} to finish it.",
                    exit_code=Exit.LOCKED,
                )
        if any(entry.key == self.keys.collection for entry in self.target.entries(self.keys.collection)):
            raise HarvesterError(f"Collection {self.keys.id} already exists in {self.target.name}.")

    @property
    def count(self) -> int:
        return len(self._rest) + len(self._pointers)

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in [*self._rest, *self._pointers])

    def carry_out(self, tell: Callable[[int, int], None] = lambda *_: None) -> None:
        """Copy all; what an earlier try copied is kept. `tell` hears the number of files and of bytes."""
        files = size = 0
        with (
            tempfile.TemporaryDirectory(prefix="twarc-cloud-") as scratch,
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            for entry in self._copied(pool, Path(scratch)):
                files, size = files + 1, size + entry.size
                tell(files, size)

    def _copied(self, pool: ThreadPoolExecutor, scratch: Path) -> Iterator[Entry]:
        numbered = enumerate(self._rest)
        yield from pool.map(lambda one: self._copy(one[1], scratch / str(one[0])), numbered)
        for entry in self._pointers:
            yield self._copy_pointer(entry, scratch / "pointer")

    def _copy(self, entry: Entry, path: Path) -> Entry:
        self.source.download(entry.key, path)
        self._put(entry.key, path)
        return entry

    def _copy_pointer(self, entry: Entry, path: Path) -> Entry:
        """Raises if it was changed: it would point to what was harvested since the files were listed."""
        stored = self.source.read(entry.key)
        if stored.version != entry.version:
            raise HarvesterError(
                f"{self.keys.id} was harvested or changed while it was copied, so the copy is not complete.",
                hint="Run the command again: what was copied is kept.",
                exit_code=Exit.RETRY_LATER,
            )
        path.write_bytes(stored.data)
        self._put(entry.key, path)
        return entry

    def _put(self, key: str, path: Path) -> None:
        """Store a file; what an earlier try stored of it is replaced if it has changed since."""
        if describes_collection(key):
            path.write_bytes(without_keys(path.read_bytes()))
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            self.target.upload(key, path, sha256=sha256)
        except Conflict:
            # Records are never written over: these are of another collection that had this id.
            if harvest_folder(key) and key.endswith(".gz"):
                raise
            there = self.target.read(key)
            self.target.replace(key, path.read_bytes(), version=there.version)
        path.unlink()
