"""Builds missing tables; if it is repeated, killed or run twice at once, the result is the same."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from harvester.clock import moment
from harvester.reading import BadRecord, RecordFile, lines
from harvester.reading.files import HarvestFolder, files_of, harvest_folders, network_name
from harvester.store import Store
from harvester.store.keys import HARVEST, HARVEST_2019, CollectionKeys, is_segment
from harvester.store.reading import Reader
from harvester.store.table_keys import SIGNS, Made, is_of_day, of_harvest, of_records, source_of
from harvester.tables.catalog import LEFT_OUT, Catalog, catalog, forget
from harvester.tables.harvests import Harvest, harvest_parts
from harvester.tables.placing import metadata, naming_another_place, store_set
from harvester.tables.records import Rows

# The time for which files replaced by a day's file are kept, for programs that are reading them.
KEPT = timedelta(days=1)
_EVERY = 1000


@dataclass
class Result:
    """The result of a build for one collection."""

    made: list[dict[str, Any]] = field(default_factory=list)
    there: int = 0
    removed: int = 0
    bad: list[BadRecord] = field(default_factory=list)
    # Files that were not made because of a bad record; with a dry run, files that would be made.
    failed: list[str] = field(default_factory=list)
    planned: list[RecordFile] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(each["rows"] for each in self.made)


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
        while True:
            result = Result()
            there = catalog(self.target, keys.id)
            days = len(there.days)
            known: set[Made] = set()
            for folder in harvest_folders(self.reader, keys):
                known |= self._harvest(keys, folder, network, there, result)
            made += result.made
            # With a day's file went the rows of harvests that had been looked at before it.
            if len(there.days) == days:
                break
        if not self.dry_run:
            self._tidy(there, known, result)
        result.made = made
        return result

    def _harvest(
        self, keys: CollectionKeys, folder: HarvestFolder, network: str, there: Catalog, result: Result
    ) -> set[Made]:
        """Make the missing tables of one harvest; returns its sets."""
        itself = of_harvest(keys.id, folder.folder, folder.started)
        source = _source_of(folder)
        begins = itself.name.removesuffix("harvest")
        if there.has(itself, source):
            known = {*there.notes, *there.replaced}
            found = {made for made in known if made.name.startswith(begins)}
            result.there += len(found) - 1
            return found
        known = {itself}
        whole = True
        versions = {entry.key: entry.version for entry in folder.entries}
        for file in files_of(self.reader, keys, folder, network=network):
            made = of_records(keys.id, file.key, moment(file.harvest), file.number)
            known.add(made)
            whole = self._file(file, versions.get(file.key, ""), made, there, result) and whole
        harvest = Harvest.read(self.reader, folder)
        if harvest and harvest.is_over and whole and not self.dry_run:
            self._replace(there, itself)
            with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp:
                parts = harvest_parts(harvest, Path(temp), metadata(source))
                note = {"of": {"harvest": folder.folder}}
                with naming_another_place():
                    store_set(self.target, itself, source, parts, note, there.data.get(itself, {}))
        return known

    def _file(self, file: RecordFile, version: str, made: Made, there: Catalog, result: Result) -> bool:
        sources = source_of(file.digest), _sign(f"{file.digest} {version}")
        if any(there.has(made, source) for source in sources):
            result.there += 1
            return True
        if self.dry_run:
            result.planned.append(file)
            return True
        self._replace(there, made)
        try:
            tables = self._made(file, made, sources, there, result)
        except BadRecord as error:
            result.bad.append(error)
            result.failed.append(file.key)
            return False
        result.made.append(
            {
                "from": {"key": file.key, "digest": file.digest},
                "rows": tables.get("posts", {}).get("rows", 0),
                "bytes": sum(part["bytes"] for part in tables.values()),
                "tables": {table: part["key"] for table, part in tables.items()},
            }
        )
        return True

    def _made(
        self, file: RecordFile, made: Made, sources: tuple[str, str], there: Catalog, result: Result
    ) -> dict[str, dict[str, Any]]:
        """Tables of a file; of a damaged one they count until its bytes are others, by the second source."""
        with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp:
            rows = Rows(Path(temp))
            before = len(result.bad)
            on_bad = result.bad.append if self.skip_bad else None
            for line in lines(self.reader, file, on_bad=on_bad):
                rows.add(line)
                if self.on_rows and line.number % _EVERY == 0:
                    self.on_rows(file.name, rows.count)
            left_out = result.bad[before:]
            source = sources[any(bad.is_file for bad in left_out)]
            note = {"of": {"key": file.key, "digest": file.digest}, LEFT_OUT: len(left_out)}
            parts = rows.parts(file.key, metadata(source))
            with naming_another_place():
                return store_set(self.target, made, source, parts, note, there.data.get(made, {}))

    def _replace(self, there: Catalog, made: Made) -> None:
        """First remove tables of another version of the source, and a day's file that has their rows."""
        for day, replaced in list(there.days.items()):
            if made in replaced:
                forget(self.target, there, day)
                for each in there.days.pop(day):
                    there.replaced.pop(each, None)
        # Without a note they are another build's, which may be at it now.
        if made in there.notes:
            forget(self.target, there, made)

    def _tidy(self, there: Catalog, known: set[Made], result: Result) -> None:
        """Remove the sets of deleted harvests, and those that a day's file replaced some time ago."""
        now = self.target.now() if there.days else None
        for made in {*there.notes, *there.data} - known:
            if not is_of_day(made):
                forget(self.target, there, made)
                result.removed += 1
        for day, replaced in there.days.items():
            noted = min(entry.modified for entry in there.notes[day].values())
            if now and now - noted > KEPT:
                result.removed += sum(made in there.notes for made in replaced)
                for made in replaced:
                    forget(self.target, there, made)


def _source_of(folder: HarvestFolder) -> str:
    """Identifies the version of a harvest, which changes with its files and its summary."""
    names = ((entry, entry.key.removeprefix(folder.folder)) for entry in folder.entries)
    # A damaged file that is restored has the same manifest.
    others = [entry for entry, name in names if name in (HARVEST, HARVEST_2019) or is_segment(name)]
    return _sign(" ".join(f"{entry.key} {entry.version}" for entry in (*folder.manifests, *others)))


def _sign(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()[:SIGNS]
