"""All objects of collections are copied into a folder and hashed on the way; API keys are left out."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harvester.collection.secrets import without_keys
from harvester.errors import NotFound
from harvester.harvest.manifest import ALGORITHMS, parsed
from harvester.reading.lines import BadRecord, OnBad
from harvester.store import Entry
from harvester.store.keys import (
    CollectionKeys,
    describes_collection,
    harvest_folder,
    is_segment,
    is_unfinished,
    manifest_name,
)
from harvester.store.reading import Reader, no_collection


@dataclass(frozen=True)
class Copied:
    """An object; `digests` are by the name of the algorithm. It is in the folder unless it is `away`."""

    key: str
    size: int
    digests: dict[str, str]
    away: bool = False


@dataclass
class Payload:
    """The objects of collections, copied once; `away` leaves files of records where they are."""

    reader: Reader
    collections: tuple[CollectionKeys, ...]
    on_bad: OnBad
    away: bool = False
    _named: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    def copy(self, to: Path) -> Iterator[Copied]:
        """Copy each object below `to` under its key."""
        for keys in self.collections:
            number = 0
            for number, entry in enumerate(self._entries(keys), 1):  # noqa: B007
                if self.away and is_segment(entry.key.rpartition("/")[2]):
                    yield Copied(entry.key, entry.size, self._digests(entry.key), away=True)
                else:
                    yield from self._copied(entry, to)
            if not number:
                raise no_collection(self.reader, keys)

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
            # A pointer that was replaced since, or a file that is being removed.
            path.unlink()
            return
        digests = {algorithm: digest.hexdigest() for algorithm, digest in made.items()}
        said = self._digests(entry.key)
        if any(digests[algorithm] != digest for algorithm, digest in said.items()):
            self.on_bad(BadRecord(entry.key, 0, "it is not what its manifest names", is_file=True))
        yield Copied(entry.key, size, digests)

    def _pieces(self, key: str) -> Iterable[memoryview]:
        if not describes_collection(key):
            return self.reader.pieces(key)
        return [memoryview(without_keys(self.reader.read(key).data))]

    def _digests(self, key: str) -> dict[str, str]:
        """What the manifests of its harvest say of an object."""
        folder, name = harvest_folder(key), key.rpartition("/")[2]
        if folder not in self._named:
            self._named = {folder: {a: self._manifest(folder, a) for a in ALGORITHMS} if folder else {}}
        return {algorithm: named[name] for algorithm, named in self._named[folder].items() if name in named}

    def _manifest(self, folder: str, algorithm: str) -> dict[str, str]:
        try:
            return parsed(self.reader.read(folder + manifest_name(algorithm)).data.decode())
        except (NotFound, ValueError):
            return {}
