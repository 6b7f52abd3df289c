"""The finished files of a collection's records: those that a manifest names, oldest harvest first."""

import heapq
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from harvester.clock import timestamp
from harvester.documents import Tree, object_in
from harvester.errors import HarvesterError, NotFound
from harvester.harvest import manifest
from harvester.harvest.progress import RUNNING
from harvester.networks.registry import name_of
from harvester.store import Entry
from harvester.store.absent import no_collection
from harvester.store.keys import (
    HARVEST,
    HARVEST_2019,
    CollectionKeys,
    harvest_folder,
    is_segment,
    manifest_name,
    segment_order,
)
from harvester.store.reading import Reader

_ALGORITHMS = ("sha1", "sha256")


@dataclass(frozen=True)
class RecordFile:
    """A file of records that does not change any more.

    `number` counts the files of its harvest from 1 on. Manifests of 2019 have no `sha256`; `digest` is the
    existing one. `posts` is None if the number is not known without reading the file.
    """

    key: str
    collection: str
    # When its harvest began, as harvest.json writes it.
    harvest: str
    number: int
    sha256: str
    size: int
    posts: int | None = None
    sha1: str = ""
    network: str = ""

    @property
    def digest(self) -> str:
        return f"sha256:{self.sha256}" if self.sha256 else f"sha1:{self.sha1}"

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]


@dataclass(frozen=True)
class HarvestFolder:
    """The listing of one harvest, of which nothing was read yet."""

    folder: str
    started: datetime
    entries: tuple[Entry, ...]

    @property
    def manifests(self) -> tuple[Entry, ...]:
        """The versions of the manifests; while they are the same, so are the files of the harvest."""
        names = [self.folder + manifest_name(algorithm) for algorithm in _ALGORITHMS]
        return tuple(entry for entry in self.entries if entry.key in names)


def record_files(reader: Reader, keys: CollectionKeys) -> Iterator[RecordFile]:
    """The files of all harvests and repairs, including running ones. A missing file has no bytes."""
    network = network_name(reader, keys)
    for harvest in harvest_folders(reader, keys):
        yield from files_of(reader, keys, harvest, network=network)


def network_name(reader: Reader, keys: CollectionKeys) -> str:
    """The network of a collection; raises if there is no such collection."""
    try:
        return name_of(object_in(reader.read(keys.collection).data))
    except NotFound:
        if next(reader.entries(keys.folder), None) is None:
            raise no_collection(reader, keys) from None
        return name_of({})


def harvest_folders(reader: Reader, keys: CollectionKeys) -> Iterator[HarvestFolder]:
    """The folders of all harvests and repairs, oldest first, by one listing."""
    found = (_folders(reader, of.harvests) for of in (keys, keys.repairs))
    return heapq.merge(*found, key=lambda harvest: (harvest.started, harvest.folder))


def files_of(
    reader: Reader, keys: CollectionKeys, harvest: HarvestFolder, *, network: str
) -> Iterator[RecordFile]:
    """The files of records of one harvest, in the order in which they were written."""
    sizes = {entry.key: entry.size for entry in harvest.entries}
    sha1, sha256 = _digests(reader, harvest)
    names = filter(is_segment, sha1.keys() | sha256.keys())
    for place, name in enumerate(sorted(names, key=segment_order), 1):
        yield RecordFile(
            key=harvest.folder + name,
            collection=keys.id,
            harvest=timestamp(harvest.started),
            number=segment_order(name)[0] or place,
            sha256=sha256.get(name, ""),
            size=sizes.get(harvest.folder + name, 0),
            sha1=sha1.get(name, ""),
            network=network,
        )


def summary_of(reader: Reader, harvest: HarvestFolder) -> Tree | None:
    """harvest.json of a harvest, or what was written in 2019; None if it has neither."""
    listed = {entry.key for entry in harvest.entries}
    for name in (HARVEST, HARVEST_2019):
        with suppress(NotFound):
            if harvest.folder + name in listed:
                return object_in(reader.read(harvest.folder + name).data)
    return None


def _digests(reader: Reader, harvest: HarvestFolder) -> tuple[dict[str, str], dict[str, str]]:
    """By name, the SHA-1 and SHA-256 of finished files. A running harvest writes those of SHA-256 last."""
    listed = {entry.key for entry in harvest.entries}
    sha1, sha256 = (
        _manifest(reader, key) if (key := harvest.folder + manifest_name(algorithm)) in listed else {}
        for algorithm in _ALGORITHMS
    )
    if sha1.keys() <= sha256.keys() or harvest.folder + HARVEST not in listed:
        return sha1, sha256
    # It may be newer than the listing.
    sha256 = _manifest(reader, harvest.folder + manifest_name("sha256"))
    if _runs(reader, harvest):
        sha1 = {name: digest for name, digest in sha1.items() if name in sha256}
    return sha1, sha256


def _runs(reader: Reader, harvest: HarvestFolder) -> bool:
    try:
        return object_in(reader.read(harvest.folder + HARVEST).data).get("state") == RUNNING
    except NotFound:
        return False


def _manifest(reader: Reader, key: str) -> dict[str, str]:
    try:
        return manifest.parsed(reader.read(key).data.decode())
    except NotFound:
        return {}
    except ValueError as error:
        raise HarvesterError(
            f"{key} is not a manifest: {error}.", hint=f"Run `collection verify {_collection(key)}`."
        ) from error


def _collection(key: str) -> str:
    return key.split("/")[1]


def _folders(reader: Reader, prefix: str) -> Iterator[HarvestFolder]:
    for folder, entries in groupby(reader.entries(prefix), lambda entry: harvest_folder(entry.key)):
        if folder:
            numbers = [int(part) for part in folder.rstrip("/").split("/")[-6:]]
            try:
                started = datetime(*numbers, tzinfo=UTC)  # type: ignore[misc, arg-type]
            except ValueError:
                # Numbers that are not a time were written by another program.
                continue
            yield HarvestFolder(folder, started, tuple(entries))
