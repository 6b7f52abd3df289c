"""The posts of a collection read from its tables, if these hold the posts of exactly its files of records."""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harvester.clock import moment
from harvester.errors import HarvesterError
from harvester.networks.rows import PostRow
from harvester.reading.files import RecordFile, record_files
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader
from harvester.store.table_keys import Made, is_of_day, is_of_harvest, of_records, source_of
from harvester.tables import columns
from harvester.tables.catalog import Catalog, catalog
from harvester.tables.local import left_out, local_paths

if TYPE_CHECKING:
    from harvester.tables.duck import Connection

log = logging.getLogger("twarc-cloud")

# As `PostRow.created_at`.
MOMENT = "%Y-%m-%dT%H:%M:%S.%gZ"


class Doubtful(Exception):
    """Tables may show something else than records; the message says why."""


@dataclass(frozen=True)
class Tables:
    """The tables of a store; those of a bucket are fetched into `cache`."""

    store: Store
    reader: Reader
    cache: Path

    def posts(
        self, keys: CollectionKeys, *, also: Sequence[str] = (), whole: bool = False
    ) -> "TablePosts | None":
        """The posts of a collection; None if its tables are missing, or not of its files as they are now.

        `also` names tables that are asked beside them. `whole` tables are known to lack no record.
        """
        try:
            there = catalog(self.store, keys.id)
        except HarvesterError as error:
            # Who may read the collections need not be allowed to list their tables.
            log.debug("No tables of %s: %s", keys.id, error)
            return None
        files = list(record_files(self.reader, keys)) if there.notes else []
        if not there.notes or not _is_current(there, keys, files):
            return None
        if whole and not (
            all(file.size for file in files)
            and left_out(self.store, there, there.complete(), self.cache) == 0
        ):
            return None
        paths = {name: local_paths(self.store, there.files(name), self.cache) for name in {"posts", *also}}
        return TablePosts(paths, {file.key: place for place, file in enumerate(files)})


@dataclass(frozen=True)
class TablePosts:
    """The posts in these Parquet files of each table; `places` are those of the files of records in order."""

    paths: Mapping[str, Sequence[str]]
    places: Mapping[str, int]

    @contextmanager
    def opened(self) -> Iterator["Asked"]:
        from harvester.tables.ask import opened

        with (
            tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp,
            opened(self.paths, Path(temp)) as connection,
        ):
            yield Asked(connection)


@dataclass(frozen=True)
class Asked:
    """A question to the posts, while they are open."""

    connection: "Connection"

    def rows(self, names: Sequence[str], where: str) -> Iterator[tuple[PostRow, str, int]]:
        """The posts for which an SQL condition holds, with these columns; with the file and line of each."""
        selected = ", ".join(_as_in_records(name) for name in names)
        for file, line, *values in self.select(f"file, line, {selected}", where):
            yield PostRow(**dict(zip(names, values, strict=True))), file, line

    def select(self, what: str, where: str) -> Iterator[tuple[Any, ...]]:
        from harvester.tables.ask import answer

        _, rows = answer(self.connection, f"SELECT {what} FROM posts WHERE {where}")
        return rows


def of_post(post_id: str) -> str:
    """The SQL condition for the copies of one post."""
    from harvester.tables.duck import literal

    return f"id = {literal(post_id)}"


def _is_current(there: Catalog, keys: CollectionKeys, files: Sequence[RecordFile]) -> bool:
    wanted = {
        of_records(keys.id, file.key, moment(file.harvest), file.number): source_of(file.digest)
        for file in files
        if file.size
    }
    if not all(there.has(made, source) for made, source in wanted.items()):
        return False
    held: set[Made] = set()
    for made in there.complete():
        # Two versions of one file are there while it is replaced.
        if len(there.notes[made]) > 1:
            return False
        held |= set(there.days[made]) if is_of_day(made) else {made}
    return {made for made in held if not is_of_harvest(made) and not is_of_day(made)} == set(wanted)


def _as_in_records(name: str) -> str:
    kind = columns.POST[name]
    if kind == columns.TEXT:
        return f"coalesce({name}, '')"
    if kind == columns.TIME:
        return f"coalesce(strftime({name}, '{MOMENT}'), '')"
    return f"coalesce({name}, [])" if kind == columns.LIST else name
