"""One SQLite file holds the ledger; its errors are lines in words, and readers do not wait for the writer."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harvester.errors import HarvesterError
from harvester.ledger.cache import Cache
from harvester.ledger.tables import SCHEMA, TABLES

Row = tuple[Any, ...]
# What a person can do about each kind of failure of SQLite.
_HINTS = (
    ("full", "The disk is full: free some space, then start again."),
    ("malformed", "Delete that folder, or run `search index --rebuild`: it is a cache."),
    ("not a database", "Delete that folder, or run `search index --rebuild`: it is a cache."),
    ("locked", "Another process holds it for longer than it should; end it, then start again."),
    ("readonly", "Make it writable, or choose another folder with the setting `cache`."),
    (
        "unable to open",
        "Check the permissions of its folder, or choose another one with the setting `cache`.",
    ),
    ("disk i/o", "Check the disk and its space, then start again."),
)
_WAIT = 5.0
_PAGES_KB = 16_000


class Ledger:
    """The record of one store. `statement`s are constants; untrusted text is only passed as values."""

    def __init__(self, connection: sqlite3.Connection, path: Path, *, is_empty: bool = False) -> None:
        self._connection, self.path, self.is_empty = connection, path, is_empty

    @staticmethod
    @contextmanager
    def reading(cache: Cache) -> Iterator["Ledger"]:
        """The current ledger; an empty one (`is_empty`) if there is none, or if it has another version."""
        path = cache.ledger
        if not path.exists() or _schema(path) != SCHEMA:
            connection, is_empty = sqlite3.connect(":memory:"), True
            connection.executescript(TABLES)
        else:
            with _in_words(path):
                connection, is_empty = _connected(path, mode="ro"), False
        try:
            yield Ledger(connection, path, is_empty=is_empty)
        finally:
            connection.close()

    @staticmethod
    @contextmanager
    def writing(cache: Cache) -> Iterator["Ledger"]:
        """The ledger to be written by the one process that holds `cache.one_writer`.

        One of another version must be removed first (`is_outdated`).
        """
        path = cache.ledger
        is_new = not path.exists() or not _schema(path)
        with _in_words(path):
            connection = _connected(path, mode="rwc")
            connection.execute("pragma journal_mode = wal")
            # A power cut may cost the last files, which are then read again.
            connection.execute("pragma synchronous = normal")
            connection.execute("pragma temp_store = memory")
            connection.execute(f"pragma cache_size = -{_PAGES_KB}")
            if is_new:
                connection.executescript(f"begin; {TABLES} pragma user_version = {SCHEMA}; commit;")
        try:
            yield Ledger(connection, path)
        finally:
            connection.close()

    def rows(self, statement: str, *values: object) -> list[Row]:
        with _in_words(self.path):
            return self._connection.execute(statement, values).fetchall()

    def value(self, statement: str, *values: object) -> Any:
        """The first column of the first row; None without one."""
        found = self.rows(f"{statement} limit 1", *values)
        return found[0][0] if found else None

    def run(self, statement: str, *values: object) -> None:
        with _in_words(self.path):
            self._connection.execute(statement, values)

    def run_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        with _in_words(self.path):
            self._connection.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all changes of the block, or none."""
        self.run("begin immediate")
        try:
            yield
            self.run("commit")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def noted(self, name: str) -> str:
        return str(self.value("select value from meta where name = ?", name) or "")

    def note(self, name: str, value: str) -> None:
        self.run("insert or replace into meta values (?, ?)", name, value)

    @property
    def as_of(self) -> str:
        """When the store was last read to its end; "" if never."""
        return self.noted("as_of")


def is_outdated(cache: Cache) -> bool:
    """Whether the file is a ledger of another version, or not a ledger."""
    try:
        return cache.ledger.exists() and _schema(cache.ledger) not in (0, SCHEMA)
    except HarvesterError:
        return True


def remove(cache: Cache) -> None:
    """The files of the ledger."""
    for end in ("", "-wal", "-shm", "-journal"):
        cache.ledger.with_name(cache.ledger.name + end).unlink(missing_ok=True)


def _connected(path: Path, *, mode: str) -> sqlite3.Connection:
    # No transaction begins by itself; a dashboard closes in another thread than it opened in.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_WAIT,
        isolation_level=None,
        check_same_thread=False,
    )


def _schema(path: Path) -> int:
    """The version of a ledger; 0 if it was not made completely."""
    with _in_words(path):
        connection = _connected(path, mode="ro")
        try:
            return int(connection.execute("pragma user_version").fetchone()[0])
        finally:
            connection.close()


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        words = str(error)
        hint = next((hint for part, hint in _HINTS if part in words.lower()), "Run `search index --rebuild`.")
        raise HarvesterError(f"{path} cannot be used: {words}.", hint=hint) from error
