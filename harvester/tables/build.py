"""Builds missing tables; if it is repeated, killed or run twice at once, the result is the same."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from harvester.clock import moment
from harvester.reading import BadRecord
from harvester.reading.files import HarvestFolder, files_of, harvest_folders, network_name
from harvester.store import Store
from harvester.store.keys import HARVEST, HARVEST_2019, CollectionKeys, is_segment
from harvester.store.reading import Reader
from harvester.store.table_keys import SIGNS, Made, is_of_day, of_harvest, of_records, source_of
from harvester.tables.catalog import Catalog, catalog, forget
from harvester.tables.harvests import Harvest
from harvester.tables.making import Maker, MissingFile, MissingHarvest, Result, forget_day

# The time for which files replaced by a day's file are kept, for programs that are reading them.
KEPT = timedelta(days=1)


@dataclass
class Builder:
    """Makes the tables of a collection in `target`, which may be the store of its records."""

    reader: Reader
    target: Store
    skip_bad: bool = False
    dry_run: bool = False
    # Called with each file and its rows so far.
    on_rows: Callable[[str, int], None] | None = None

    def build(self, keys: CollectionKeys) -> Result:
        network = network_name(self.reader, keys)
        made: list[dict[str, Any]] = []
        left_out: list[BadRecord] = []
        while True:
            result = Result()
            there = catalog(self.target, keys.id)
            if not self.dry_run:
                self._forget_left(there)
            days = len(there.days)
            known = self._collection(keys, network, there, result)
            result.there -= len(made)
            made += result.made
            if self.skip_bad:
                left_out += result.bad
            if not self.dry_run:
                self._forget_days(there, known)
            # With a day's set went the rows of harvests that had been looked at before it.
            if len(there.days) == days:
                break
        if not self.dry_run:
            self._tidy(there, known, result)
        result.made, result.bad = made, left_out if self.skip_bad else result.bad
        return result

    def _collection(self, keys: CollectionKeys, network: str, there: Catalog, result: Result) -> set[Made]:
        """Make the missing tables, day by day; returns the sets of all harvests."""
        maker = Maker(self.reader, self.target, there, result, self.skip_bad, self.on_rows)
        known: set[Made] = set()
        folders = harvest_folders(self.reader, keys)
        for _, of_day in groupby(folders, key=lambda folder: folder.started.date()):
            missing = []
            for folder in of_day:
                itself = of_harvest(keys.id, folder.folder, folder.started)
                if there.has(itself, source := _source_of(folder)):
                    found = _sets_of(itself, there)
                    result.there += len(found) - 1
                else:
                    found, lacking = self._files(keys, folder, network, there, result)
                    found.add(itself)
                    harvest = Harvest.read(self.reader, folder)
                    missing.append(MissingHarvest(itself, source, harvest, lacking))
                known |= found
            if not self.dry_run:
                maker.make(missing)
        return known

    def _files(
        self, keys: CollectionKeys, folder: HarvestFolder, network: str, there: Catalog, result: Result
    ) -> tuple[set[Made], list[MissingFile]]:
        """The sets of the files of a harvest, and those files that have none."""
        found: set[Made] = set()
        missing = []
        versions = {entry.key: entry.version for entry in folder.entries}
        for file in files_of(self.reader, keys, folder, network=network):
            made = of_records(keys.id, file.key, moment(file.harvest), file.number)
            found.add(made)
            sources = source_of(file.digest), _sign(f"{file.digest} {versions.get(file.key, '')}")
            if any(there.has(made, source) for source in sources):
                result.there += 1
            else:
                missing.append(MissingFile(file, made, sources))
        if self.dry_run:
            result.planned += [each.file for each in missing]
        return found, missing

    def _tidy(self, there: Catalog, known: set[Made], result: Result) -> None:
        """Remove the sets of deleted harvests, and those that a day's set replaced some time ago."""
        for day in there.doubled:
            forget(self.target, there, day)
            result.removed += 1
        now = self.target.now() if there.days else None
        for made in {*there.notes, *there.data} - known:
            if not is_of_day(made):
                forget(self.target, there, made)
                result.removed += 1
        for day, replaced in there.days.items():
            # None of a day's set that has just gone, as one of more replaced it.
            notes = there.notes.get(day, {}).values()
            if now and notes and now - min(entry.modified for entry in notes) > KEPT:
                result.removed += sum(made in there.notes for made in replaced)
                for made in replaced:
                    forget(self.target, there, made)

    def _forget_left(self, there: Catalog) -> None:
        """Remove what a build that was killed before its note left of a day's set, if none is at it now.

        Before this build makes the same set again: the files would then be those of its note.
        """
        begun = [made for made in there.data if is_of_day(made) and made not in there.notes]
        now = self.target.now() if begun else None
        for made in begun:
            if now and all(now - entry.modified > KEPT for entry in there.data[made].values()):
                forget(self.target, there, made)

    def _forget_days(self, there: Catalog, known: set[Made]) -> None:
        """Remove the sets of days that also have rows of deleted harvests."""
        for day, replaced in list(there.days.items()):
            if any(made not in known and not is_of_day(made) for made in replaced):
                forget_day(self.target, there, day)


def _sets_of(itself: Made, there: Catalog) -> set[Made]:
    """The sets of a harvest and of its files."""
    begins = itself.name.removesuffix("harvest")
    return {made for made in {*there.notes, *there.replaced} if made.name.startswith(begins)}


def _source_of(folder: HarvestFolder) -> str:
    """Identifies the version of a harvest, which changes with its files and its summary."""
    names = ((entry, entry.key.removeprefix(folder.folder)) for entry in folder.entries)
    # A damaged file that is restored has the same manifest.
    others = [entry for entry, name in names if name in (HARVEST, HARVEST_2019) or is_segment(name)]
    return _sign(" ".join(f"{entry.key} {entry.version}" for entry in (*folder.manifests, *others)))


def _sign(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()[:SIGNS]
