"""What tables say, by DuckDB, beside what the records say."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from harvester.reading import lines, record_files
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from harvester.tables.ask import answer, opened
from harvester.tables.build import Builder
from harvester.tables.columns import ACCOUNT, POST, TIME
from harvester.tables.making import Result
from harvester.tables.paths import paths_of

Row = dict[str, Any]


def build(store: Store, keys: CollectionKeys, target: Store | None = None, **options: Any) -> Result:
    return Builder(reader(store), target or store, **options).build(keys)


def asked(store: Store, statement: str) -> list[Row]:
    """The rows that a statement gives."""
    with tempfile.TemporaryDirectory() as temp:
        paths = paths_of(store, (), statement, Path(temp))
        with opened(paths, Path(temp)) as connection:
            names, rows = answer(connection, statement)
            return [dict(zip(names, row, strict=True)) for row in rows]


def in_records(store: Store, keys: CollectionKeys) -> list[Row]:
    """The posts of all records as rows of the table, in its order."""
    found = []
    for file in record_files(reader(store), keys):
        for line in lines(reader(store), file):
            for post in line.rows.posts:
                row = {**msgspec.structs.asdict(post), "file": file.key, "line": line.number}
                found.append({"day": post.created_at[:10] or None, **_as_stored(row, POST)})
    return sorted(found, key=_order)


def in_tables(store: Store, keys: CollectionKeys) -> list[Row]:
    names = ", ".join(POST)
    rows = asked(store, f"SELECT {names} FROM posts WHERE collection = '{keys.id}'")
    return sorted(rows, key=_order)


def accounts_in_records(store: Store, keys: CollectionKeys) -> set[tuple[Any, ...]]:
    """Each state of an account that records tell of, without when and where."""
    found = set()
    for file in record_files(reader(store), keys):
        for line in lines(reader(store), file):
            for account in line.rows.accounts:
                row = _as_stored(msgspec.structs.asdict(account), ACCOUNT)
                found.add(tuple(value for name, value in row.items() if name != "seen_at"))
    return found


def _as_stored(row: Row, columns: dict[str, str]) -> Row:
    stored = {}
    for name, value in row.items():
        if columns[name] == TIME:
            value = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None) if value else None
        stored[name] = None if value == "" else value
    return stored


def _order(row: Row) -> tuple[Any, ...]:
    return row["file"], row["line"], row["included"], row["key"], row["id"], str(row["text"])
