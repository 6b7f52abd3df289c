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
    """What is to be read of one collection; with `again`, all of it, as a file changed or is gone."""

    collection: str
    description: bytes = b""
    files: list[RecordFile] = field(default_factory=list)
    harvests: list[NewHarvest] = field(default_factory=list)
    again: str = ""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def plan(ledger: Ledger, reader: Reader, collection: str) -> Plan:
    """What is new in a collection; raises NotFound if there is none."""
    known = files.known(ledger, collection)
    found = _plan(reader, collection, known, files.harvests(ledger, collection))
    if found.again:
        again = found.again
        found = _plan(reader, collection, {}, {})
        found.again = again
    return found


def _plan(
    reader: Reader, collection: str, known: Mapping[str, KnownFile], harvests: Mapping[str, str]
) -> Plan:
    keys = CollectionKeys(collection)
    made = Plan(collection, _description(reader, keys))
    network = name_of(object_in(made.description))
    there: set[str] = set()
    begun = {harvest_folder(key) for key, each in known.items() if each.state == BEGUN}
    damaged = {key for key, each in known.items() if each.state == DAMAGED}
    for harvest in harvest_folders(reader, keys):
        if not harvest.manifests:
            continue
        there |= {entry.key for entry in harvest.entries}
        version, noted = _version(harvest, damaged), harvests.get(harvest.folder, "")
        # One that was being read may have had its version noted by an earlier state of it.
        if noted == version and harvest.folder not in begun:
            continue
        own = [file for file in files_of(reader, keys, harvest, network=network) if file.key in there]
        made.files += _new(own, known)
        made.again = made.again or _changed(own, known) or _restored(harvest, damaged, noted)
        made.harvests.append(_new_harvest(harvest))
    if gone := next((key for key in known if key not in there), ""):
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
    """Of the versions of these files; empty where it has none of them."""
    found = "".join(f"{entry.key} {entry.version}\n" for entry in harvest.entries if entry.key in wanted)
    return hashlib.sha256(found.encode()).hexdigest()[:16] if found else ""


def _restored(harvest: HarvestFolder, damaged: Collection[str], noted: str) -> str:
    """Why all files must be read again: a damaged one is another now, by the same manifest."""
    if not noted or noted.partition(_DAMAGED)[2] == _digest(harvest, damaged):
        return ""
    first = next((entry.key for entry in harvest.entries if entry.key in damaged), "")
    return f"{first} was damaged and has changed" if first else ""


def _new(own: Sequence[RecordFile], known: Mapping[str, KnownFile]) -> Iterator[RecordFile]:
    return (file for file in own if file.key not in known or known[file.key].state == BEGUN)


def _changed(own: Sequence[RecordFile], known: Mapping[str, KnownFile]) -> str:
    """Why all files must be read again; "" if they need not be."""
    changed = (file.key for file in own if file.key in known and known[file.key].sha256 != file.digest)
    first = next(changed, "")
    return f"{first} has changed" if first else ""


def _new_harvest(harvest: HarvestFolder) -> NewHarvest:
    there = {entry.key for entry in harvest.entries}
    sides = tuple(key for name in _SIDE_FILES if (key := harvest.folder + name) in there)
    return NewHarvest(harvest, f"{harvest.started:%Y-%m-%dT%H:%M:%SZ}", sides)
