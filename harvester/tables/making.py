"""Makes sets of tables: one of each file of records and of each harvest, or one of many small ones."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from harvester.reading import BadRecord, Line, RecordFile, lines
from harvester.store import Store
from harvester.store.reading import Reader
from harvester.store.table_keys import Made, of_day, source_of_sets
from harvester.tables.catalog import LEFT_OUT, Catalog, forget, replacing
from harvester.tables.harvests import Harvest, harvest_parts
from harvester.tables.placing import metadata, naming_another_place, store_set
from harvester.tables.records import Rows

_EVERY = 1000
# Bytes of a file of records that is read into memory, and how many harvests with such files share a set.
_SMALL, _MANY = 256 << 10, 8


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


@dataclass(frozen=True)
class MissingFile:
    """A file of records without tables."""

    file: RecordFile
    made: Made
    # The second is that of a damaged file, until its bytes are others.
    sources: tuple[str, str]

    def source(self, bad: Sequence[BadRecord]) -> str:
        return self.sources[any(each.is_file for each in bad)]


@dataclass(frozen=True)
class MissingHarvest:
    """A harvest without tables of its own, and those of its files that have none."""

    itself: Made
    source: str
    harvest: Harvest | None
    files: Sequence[MissingFile]

    @property
    def is_over(self) -> bool:
        return self.harvest is not None and self.harvest.is_over

    @property
    def is_small(self) -> bool:
        return all(each.file.size <= _SMALL for each in self.files)


@dataclass
class Maker:
    """Makes the sets that a collection lacks, and adds them to `result`."""

    reader: Reader
    target: Store
    there: Catalog
    result: Result
    skip_bad: bool = False
    # Called with each file and its rows so far.
    on_rows: Callable[[str, int], None] | None = None

    def make(self, of_day: Sequence[MissingHarvest]) -> None:
        """The sets of harvests of one day; none if a set of the day had to go first, with other rows."""
        if self._forget_days(of_day):
            return
        small = [each for each in of_day if each.is_small]
        # A set takes as long as reading thousands of posts.
        together = small if len(small) >= _MANY else []
        if together:
            self._together(together)
        for missing in of_day:
            if missing not in together:
                self._harvest(missing)

    def _harvest(self, missing: MissingHarvest) -> None:
        whole = all([self._file(each) for each in missing.files])
        if not (missing.harvest and missing.is_over and whole):
            return
        self._replace(missing.itself)
        with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp:
            parts = harvest_parts([missing.harvest], Path(temp), metadata(missing.source))
            note = {"of": {"harvest": missing.harvest.folder.folder}}
            with naming_another_place():
                listed = self.there.data.get(missing.itself, {})
                store_set(self.target, missing.itself, missing.source, parts, note, listed)

    def _file(self, missing: MissingFile) -> bool:
        """Whether the set could be made."""
        self._replace(missing.made)
        file, bad = missing.file, list[BadRecord]()
        with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp:
            rows = Rows(Path(temp))
            rows.begin(file.key)
            try:
                for line in self._lines(file, bad):
                    rows.add(line)
                    if self.on_rows and line.number % _EVERY == 0:
                        self.on_rows(file.name, rows.count)
            except BadRecord as error:
                self._failed(file, error)
                return False
            source = missing.source(bad)
            note = {"of": {"key": file.key, "digest": file.digest}, LEFT_OUT: len(bad)}
            parts = rows.parts(metadata(source))
            with naming_another_place():
                listed = self.there.data.get(missing.made, {})
                tables = store_set(self.target, missing.made, source, parts, note, listed)
        self.result.bad += bad
        self._made(file, tables, rows=tables.get("posts", {}).get("rows", 0), sharing=1)
        return True

    def _together(self, missing: Sequence[MissingHarvest]) -> None:
        """One set that stands for those of all these harvests and their files."""
        sets: dict[str, str] = {}
        ended: list[Harvest] = []
        posts: dict[RecordFile, int] = {}
        bad: list[BadRecord] = []
        with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp:
            rows = Rows(Path(temp))
            for each in missing:
                whole = True
                for file in each.files:
                    found = self._read(file, bad)
                    whole = whole and found is not None
                    if found is not None:
                        sets[file.made.name], posts[file.file] = found[0], _add(rows, file.file, found[1])
                if each.harvest and each.is_over and whole:
                    self._replace(each.itself)
                    sets[each.itself.name] = each.source
                    ended.append(each.harvest)
                if self.on_rows:
                    self.on_rows(each.itself.day, rows.count)
            if not sets:
                return
            first, source = missing[0].itself, source_of_sets(sets)
            made = of_day(first.collection, first.day, source)
            note = {"of": {"day": first.day}, **replacing(sets), LEFT_OUT: len(bad)}
            noted = metadata(source)
            parts = chain(rows.parts(noted), harvest_parts(ended, Path(temp), noted))
            with naming_another_place():
                listed = self.there.data.get(made, {})
                tables = store_set(self.target, made, source, parts, note, listed)
        self.result.bad += bad
        for file_of_day, number in posts.items():
            self._made(file_of_day, tables, rows=number, sharing=len(posts))

    def _read(self, missing: MissingFile, bad: list[BadRecord]) -> tuple[str, list[Line]] | None:
        """The source and the lines of a small file; None if it cannot be made into tables."""
        self._replace(missing.made)
        own: list[BadRecord] = []
        try:
            found = list(self._lines(missing.file, own))
        except BadRecord as error:
            self._failed(missing.file, error)
            return None
        bad += own
        return missing.source(own), found

    def _lines(self, file: RecordFile, bad: list[BadRecord]) -> Iterator[Line]:
        return lines(self.reader, file, on_bad=bad.append if self.skip_bad else None)

    def _failed(self, file: RecordFile, error: BadRecord) -> None:
        self.result.bad.append(error)
        self.result.failed.append(file.key)

    def _made(self, file: RecordFile, tables: dict[str, dict[str, Any]], *, rows: int, sharing: int) -> None:
        self.result.made.append(
            {
                "from": {"key": file.key, "digest": file.digest},
                "rows": rows,
                "bytes": sum(part["bytes"] for part in tables.values()) // sharing,
                "tables": {table: part["key"] for table, part in tables.items()},
            }
        )

    def _forget_days(self, of_day: Sequence[MissingHarvest]) -> bool:
        """Remove the sets that have rows of another version of what is missing."""
        missing = {file.made for each in of_day for file in each.files}
        missing |= {each.itself for each in of_day if each.is_over}
        days = [day for day, replaced in self.there.days.items() if not missing.isdisjoint(replaced)]
        for day in days:
            forget_day(self.target, self.there, day)
        return bool(days)

    def _replace(self, made: Made) -> None:
        """First remove tables of another version of the source."""
        # Without a note they are another build's, which may be at it now.
        if made in self.there.notes:
            forget(self.target, self.there, made)


def forget_day(store: Store, there: Catalog, day: Made) -> None:
    """Remove a day's set; what it stood for is made again."""
    forget(store, there, day)
    for each in there.days.pop(day):
        there.replaced.pop(each, None)


def _add(rows: Rows, file: RecordFile, found: Sequence[Line]) -> int:
    """The number of posts in these lines of a file, which are added."""
    before = rows.count
    rows.begin(file.key)
    for line in found:
        rows.add(line)
    return rows.count - before
