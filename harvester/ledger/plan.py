"""Finds new files by listing a store: manifests whose version is known are not read."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harvester.documents import object_in
from harvester.errors import NotFound
from harvester.ledger import files
from harvester.ledger.database import Ledger
from harvester.ledger.files import BEGUN, DAMAGED, KnownFile
from harvester.networks.registry import name_of
from harvester.reading.files import HarvestFolder, RecordFile, files_of, harvest_folders
from harvester.store.keys import USER_CHANGES, USERS, CollectionKeys, harvest_folder
from harvester.store.reading import Reader

_SIDE_FILES = (USERS, USER_CHANGES)
# Between the parts of a version.
_DAMAGED = "-"


@dataclass(frozen=True)
class NewHarvest:
    """A harvest that has something to read; its version is noted once that is done."""

    listing: HarvestFolder
    started: str
    side_files: tuple[str, ...]

    def version(self, damaged: Collection[str]) -> str:
        """What changes when it is to be read again; `damaged` are the keys of files that were found so."""
        return _version(self.listing, damaged)


@dataclass
class Plan:
    """What to read of one collection; with `again`, all of it, as a file changed or is gone."""

    collection: str
    description: bytes = b""
    files: list[RecordFile] = field(default_factory=list)
    harvests: list[NewHarvest] = field(default_factory=list)
    again: str = ""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


class _Known:
    """What the ledger has of a collection: its files, and the version of each harvest."""

    def __init__(self, files: Mapping[str, KnownFile], versions: Mapping[str, str]) -> None:
        self._files, self._versions = files, versions
        self._damaged = {key for key, each in files.items() if each.state == DAMAGED}
        self._begun = {harvest_folder(key) for key, each in files.items() if each.state == BEGUN}

    def is_read(self, harvest: HarvestFolder) -> bool:
        # One that was being read may have had its version noted by an earlier state of it.
        noted = self._versions.get(harvest.folder, "")
        return noted == _version(harvest, self._damaged) and harvest.folder not in self._begun

    def new(self, own: Sequence[RecordFile]) -> Iterator[RecordFile]:
        return (file for file in own if file.key not in self._files or self._files[file.key].state == BEGUN)

    def why_again(self, harvest: HarvestFolder, own: Sequence[RecordFile]) -> str:
        """Why all files must be read again; empty if they need not be."""
        return self._changed(own) or self._restored(harvest)

    def gone(self, there: Collection[str]) -> str:
        """The first file that is not stored any more; empty if all are."""
        return next((key for key in self._files if key not in there), "")

    def _changed(self, own: Sequence[RecordFile]) -> str:
        for file in own:
            if file.key in self._files and self._files[file.key].sha256 != file.digest:
                return f"{file.key} has changed"
        return ""

    def _restored(self, harvest: HarvestFolder) -> str:
        """A damaged file is another now, by the same manifest."""
        noted = self._versions.get(harvest.folder, "")
        if not noted or noted.partition(_DAMAGED)[2] == _digest(harvest, self._damaged):
            return ""
        first = next((entry.key for entry in harvest.entries if entry.key in self._damaged), "")
        return f"{first} was damaged and has changed" if first else ""


def plan(ledger: Ledger, reader: Reader, collection: str) -> Plan:
    """What is new in a collection; raises NotFound if there is none."""
    known = _Known(files.known(ledger, collection), files.harvests(ledger, collection))
    found = _plan(reader, collection, known)
    if found.again:
        again = found.again
        found = _plan(reader, collection, _Known({}, {}))
        found.again = again
    return found


def _plan(reader: Reader, collection: str, known: _Known) -> Plan:
    keys = CollectionKeys(collection)
    made = Plan(collection, _description(reader, keys))
    network = name_of(object_in(made.description))
    there: set[str] = set()
    for harvest in harvest_folders(reader, keys):
        if not harvest.manifests:
            continue
        there |= {entry.key for entry in harvest.entries}
        if known.is_read(harvest):
            continue
        own = [file for file in files_of(reader, keys, harvest, network=network) if file.key in there]
        made.files += known.new(own)
        made.again = made.again or known.why_again(harvest, own)
        made.harvests.append(_new_harvest(harvest))
    if gone := known.gone(there):
        made.again = made.again or f"{gone} is gone"
    return made


def _description(reader: Reader, keys: CollectionKeys) -> bytes:
    try:
        return reader.read(keys.collection).data
    except NotFound:
        return b"{}"


def _version(harvest: HarvestFolder, damaged: Collection[str]) -> str:
    """Changes with the manifests of a harvest, with its files about accounts, and with what is damaged."""
    wanted = {harvest.folder + name for name in _SIDE_FILES} | {entry.key for entry in harvest.manifests}
    return f"{_digest(harvest, wanted)}{_DAMAGED}{_digest(harvest, damaged)}".removesuffix(_DAMAGED)


def _digest(harvest: HarvestFolder, wanted: Collection[str]) -> str:
    """Of the versions of these files; empty if it has none of them."""
    found = "".join(f"{entry.key} {entry.version}\n" for entry in harvest.entries if entry.key in wanted)
    return hashlib.sha256(found.encode()).hexdigest()[:16] if found else ""


def _new_harvest(harvest: HarvestFolder) -> NewHarvest:
    there = {entry.key for entry in harvest.entries}
    sides = tuple(key for name in _SIDE_FILES if (key := harvest.folder + name) in there)
    return NewHarvest(harvest, f"{harvest.started:%Y-%m-%dT%H:%M:%SZ}", sides)
