"""All objects of collections are copied into a folder and hashed on the way; API keys are left out."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath

from harvester.collection.secrets import without_keys
from harvester.errors import NotFound
from harvester.harvest.manifest import ALGORITHMS, parsed
from harvester.store import Entry
from harvester.store.absent import no_collection
from harvester.store.keys import (
    CollectionKeys,
    describes_collection,
    harvest_folder,
    is_segment,
    is_unfinished,
    manifest_name,
)
from harvester.store.reading import Reader


@dataclass(frozen=True)
class Copied:
    """An object; it is in the folder unless it is `away`.

    `digests` are by the name of the algorithm: those that its harvest took, else those of its bytes. Of a
    `damaged` one, whose bytes are others now, only the harvest's, so that no reader takes it for whole.
    """

    key: str
    size: int
    digests: dict[str, str]
    away: bool = False
    damaged: bool = False


@dataclass
class Payload:
    """The objects of collections, copied once; `away` leaves files of records where they are."""

    reader: Reader
    collections: tuple[CollectionKeys, ...]
    on_damaged: Callable[[str], None]
    away: bool = False
    _named: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    def copy(self, to: Path) -> Iterator[Copied]:
        """Copy each object below `to` under its key."""
        for keys in self.collections:
            is_there = False
            for folder, entries in groupby(self._entries(keys), lambda entry: harvest_folder(entry.key)):
                is_there = True
                found = set()
                for entry in entries:
                    found.add(entry.key)
                    yield from self._one(entry, to)
                for key in sorted(self._named_in(folder) - found):
                    yield from self._come_since(key, to)
            if not is_there:
                raise no_collection(self.reader, keys)

    def _one(self, entry: Entry, to: Path) -> Iterator[Copied]:
        if self.away and is_segment(entry.key.rpartition("/")[2]):
            yield Copied(entry.key, entry.size, self._digests(entry.key), away=True)
        else:
            yield from self._copied(entry, to)

    def _named_in(self, folder: str) -> set[str]:
        """The keys that the manifests of a harvest name."""
        named = self._manifests(folder).values()
        return {folder + name for names in named for name in names}

    def _come_since(self, key: str, to: Path) -> Iterator[Copied]:
        """A file that a running harvest has finished since the listing; else one that is missing."""
        for entry in self.reader.entries(key):
            if entry.key == key:
                yield from self._one(entry, to)
                return
        self.on_damaged(f"{key} is missing; its manifest names it")

    def _entries(self, keys: CollectionKeys) -> Iterator[Entry]:
        for entry in self.reader.entries(keys.folder):
            if not is_unfinished(entry.key) and not entry.key.endswith("/"):
                yield entry

    def _copied(self, entry: Entry, to: Path) -> Iterator[Copied]:
        path = to / PurePosixPath(entry.key)
        if ".." in path.parts:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        made = {algorithm: hashlib.new(algorithm) for algorithm in ALGORITHMS}
        size = 0
        try:
            with path.open("wb") as file:
                for piece in self._pieces(entry.key):
                    size += file.write(piece)
                    for digest in made.values():
                        digest.update(piece)
        except NotFound:
            # A pointer that was replaced meanwhile, or a file that is being removed.
            path.unlink()
            return
        digests = {algorithm: digest.hexdigest() for algorithm, digest in made.items()}
        said = self._digests(entry.key)
        damaged = any(digests[algorithm] != digest for algorithm, digest in said.items())
        if damaged:
            self.on_damaged(f"{entry.key} is not what its manifest names")
        yield Copied(entry.key, size, said if damaged else digests, damaged=damaged)

    def _pieces(self, key: str) -> Iterable[memoryview]:
        if not describes_collection(key):
            return self.reader.pieces(key)
        return [memoryview(without_keys(self.reader.read(key).data))]

    def _digests(self, key: str) -> dict[str, str]:
        """What the manifests of its harvest say of an object."""
        named, name = self._manifests(harvest_folder(key)), key.rpartition("/")[2]
        return {algorithm: names[name] for algorithm, names in named.items() if name in names}

    def _manifests(self, folder: str) -> dict[str, dict[str, str]]:
        if folder not in self._named:
            self._named = {folder: {a: self._manifest(folder, a) for a in ALGORITHMS} if folder else {}}
        return self._named[folder]

    def _manifest(self, folder: str, algorithm: str) -> dict[str, str]:
        try:
            return parsed(self.reader.read(folder + manifest_name(algorithm)).data.decode())
        except (NotFound, ValueError):
            return {}
