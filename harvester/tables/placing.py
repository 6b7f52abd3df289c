"""Stores Parquet files once: a second process uses the existing ones, if they have the same source."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harvester.documents import Tree
from harvester.errors import Conflict, HarvesterError, NotFound, StoreAway
from harvester.store import Entry, Store
from harvester.store.table_keys import VERSION, Made
from harvester.tables.catalog import remove_listed, write_note
from harvester.tables.duck import connected, in_words, literal
from harvester.tables.records import Part

_TRIES = 5
_SOURCE, _SCHEMA = "twarc_source", "twarc_schema"


def metadata(source: str) -> dict[str, str]:
    """The metadata of a Parquet file."""
    return {_SCHEMA: str(VERSION), _SOURCE: source}


def store_set(
    store: Store,
    made: Made,
    source: str,
    parts: Iterable[Part],
    note: Tree,
    listed: Mapping[str, Entry] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """Store the files of a set and, when all are there, its note; rows and bytes of each table.

    Of the sets that were `listed` before, tables that no longer have rows are removed.
    """
    tables = {part.table: _place(store, made.data(part.table), part, source) for part in parts}
    for table, entry in listed.items():
        if table not in tables:
            remove_listed(store, entry)
    with suppress(Conflict):
        write_note(store, made.note(source), {**note, "tables": tables})
    return tables


@contextmanager
def naming_another_place() -> Iterator[None]:
    """What a store refuses to keep, e.g. a bucket that may only be read, can be kept elsewhere."""
    try:
        yield
    except StoreAway as error:
        if error.lasting:
            error.hint = f"{error.hint} `--to FOLDER` keeps tables elsewhere.".strip()
        raise


def _place(store: Store, key: str, part: Part, source: str) -> dict[str, Any]:
    with part.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    for _ in range(_TRIES):
        with suppress(Conflict):
            store.upload(key, part.path, sha256=sha256)
            return _noted(key, part.rows, part.path.stat().st_size, sha256)
        if there := next((entry for entry in store.entries(key) if entry.key == key), None):
            if noted := _adopted(store, there, source):
                return noted
            # It was made from another version of the source.
            remove_listed(store, there)
    raise Conflict(
        f"{key} is made by another process again and again.", hint="Wait until other `tables build` end."
    )


def _adopted(store: Store, there: Entry, source: str) -> dict[str, Any] | None:
    """The existing file, if it has the same source."""
    with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as folder:
        path = Path(folder, "there.parquet")
        try:
            store.download(there.key, path)
        except NotFound:
            return None
        rows = _rows_of(path, there.key, source)
        if rows is None:
            return None
        return _noted(there.key, rows, there.size, hashlib.sha256(path.read_bytes()).hexdigest())


def _noted(key: str, rows: int, size: int, sha256: str) -> dict[str, Any]:
    """What the note of a set says of a file."""
    return {"key": key, "rows": rows, "bytes": size, "sha256": sha256}


def _rows_of(path: Path, key: str, source: str) -> int | None:
    """The number of rows of a file of this source; None if it has another source, or is damaged."""
    try:
        with connected(path.parent) as connection, in_words(key):
            where = literal(str(path))
            noted = dict(
                connection.execute(f"SELECT key, value FROM parquet_kv_metadata({where})").fetchall()
            )
            if {name.decode(): value.decode() for name, value in noted.items()} != metadata(source):
                return None
            (rows,) = connection.execute(
                f"SELECT sum(num_rows) FROM parquet_file_metadata({where})"
            ).fetchone() or (0,)
            return int(rows)
    except HarvesterError:
        return None
