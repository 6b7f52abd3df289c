"""DuckDB as this project uses it: bounded in memory, one folder for what does not fit, errors in words."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from harvester.errors import HarvesterError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# In addition, the process needs memory to read records, and some that DuckDB does not count: 250 MB in all.
MEMORY_MB = 128
# A group is held in memory while it is written; readers pass over those whose ids or times are others.
ROW_GROUP = 50_000
# The last is its word for data that does not fit in memory, nor in the folder for temporary files.
_NO_ROOM = ("No space left", "Disk quota exceeded", "File too large", "failed to offload data block")


@contextmanager
def connected(
    folder: Path, *, memory_mb: int = MEMORY_MB, threads: int = 1, file: Path | None = None
) -> Iterator["DuckDBPyConnection"]:
    """A database in memory or in a `file`, which spills into `folder`; nothing is fetched from a network."""
    connection = duckdb.connect(
        str(file or ":memory:"),
        config={
            "threads": str(threads),
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(folder),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
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
