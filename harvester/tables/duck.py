"""DuckDB as this project uses it: bounded in memory, one folder for what does not fit, errors in words."""

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from harvester.clock import in_background, result_of
from harvester.errors import HarvesterError

_T = TypeVar("_T")

# In addition, the process needs memory to read records, and some that DuckDB does not count: 250 MB in all.
MEMORY_MB = 128
# A group is held in memory while it is written; readers pass over those whose ids or times are others.
ROW_GROUP = 50_000
_INTERRUPTS = 0.05
# Rows that are fetched together.
_AT_ONCE = 1000
# The last is its word for data that does not fit in memory, nor in the folder for temporary files.
_NO_ROOM = ("No space left", "Disk quota exceeded", "File too large", "failed to offload data block")


class Connection:
    """A connection whose queries end at Ctrl-C and at signals, which DuckDB itself does not always hear."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, statement: str | duckdb.Statement, parameters: Sequence[Any] = ()) -> "Connection":
        self._call(lambda: self._connection.execute(statement, list(parameters)))
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._call(self._connection.fetchone)

    def fetchmany(self, most: int) -> list[tuple[Any, ...]]:
        return self._call(lambda: self._connection.fetchmany(most))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows of the answer, some at a time in memory."""
        while rows := self.fetchmany(_AT_ONCE):
            yield from rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._call(self._connection.fetchall)

    def extract_statements(self, text: str) -> list[duckdb.Statement]:
        return self._connection.extract_statements(text)

    def cursor(self) -> "Connection":
        return Connection(self._connection.cursor())

    def close(self) -> None:
        self._connection.close()

    @property
    def names(self) -> list[str]:
        """The columns of the answer."""
        return [each[0] for each in self._connection.description or ()]

    def _call(self, act: Callable[[], _T]) -> _T:
        if threading.current_thread() is not threading.main_thread():
            return act()
        # Signals are heard in this thread, once it has left DuckDB.
        call = in_background(act, name="DuckDB")
        try:
            return result_of(call)
        except KeyboardInterrupt:
            # One that comes before the query begins is forgotten.
            while not wait([call], _INTERRUPTS).done:
                self._connection.interrupt()
            raise


@contextmanager
def connected(
    folder: Path, *, memory_mb: int = MEMORY_MB, threads: int = 1, file: Path | None = None
) -> Iterator[Connection]:
    """A database in memory or in a `file`, which spills into `folder`; nothing is fetched from a network."""
    opened = duckdb.connect(
        str(file or ":memory:"),
        config={
            "threads": str(threads),
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(folder),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    connection = Connection(opened)
    try:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


@contextmanager
def in_words(what: str, *, hint: str = "") -> Iterator[None]:
    """Errors of DuckDB as one line each; `what` names the operation, `hint` a remedy."""
    try:
        yield
    except duckdb.Error as error:
        words = _first(error)
        if any(sign in str(error) for sign in _NO_ROOM):
            raise HarvesterError(
                f"{what}: the disk for temporary files is full ({tempfile.gettempdir()}).",
                hint="Free some space there, or set TMPDIR to a folder that has more, then start again.",
            ) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            hint = "Ask for less at once, or give it more with --memory."
        raise HarvesterError(f"{what}: {words}.", hint=hint) from error


def _first(error: duckdb.Error) -> str:
    """DuckDB's message, without its advice and its pointer to the place."""
    return str(error).partition("\n")[0].rstrip(".! ")


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def parquet(select: str, path: Path, **notes: str) -> str:
    """The statement that writes rows to a Parquet file, with `notes` in its metadata."""
    noted = ", ".join(f"{name}: {literal(value)}" for name, value in notes.items())
    return (
        f"COPY ({select}) TO {literal(str(path))} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}, KV_METADATA {{{noted}}})"
    )
