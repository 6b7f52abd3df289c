"""Rows that do not fit in memory are sorted, grouped and made distinct by DuckDB, which spills to disk."""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harvester.errors.files import in_words as file_error
from harvester.tables.duck import connected, in_words, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_AT_ONCE = 10_000
# Represents NULL in the file that passes rows to DuckDB.
_NULL = "\\N"


class Scratch:
    """Temporary tables: `add` rows, then `ask`."""

    def __init__(self, connection: "DuckDBPyConnection", folder: Path) -> None:
        self._connection, self._folder = connection, folder

    def add(self, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> int:
        """Make a table of rows, with the SQL type of each column; returns their number. None is NULL."""
        path = self._folder / f"{table}.csv"
        try:
            with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
                writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
                writer.writerows([_NULL if each is None else each for each in row] for row in rows)
        except OSError as error:
            raise file_error(error, path) from error
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
        read = (
            f"read_csv({literal(str(path))}, columns = {{{types}}}, header = false, auto_detect = false, "
            f"delim = ',', quote = '\"', escape = '\"', nullstr = {literal(_NULL)}, "
            "allow_quoted_nulls = true, strict_mode = true, new_line = '\\n')"
        )
        with in_words(table):
            self._connection.execute(f'CREATE TABLE "{table}" AS SELECT * FROM {read}')
            path.unlink()
            (count,) = self._connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() or (0,)
        return int(count)

    def ask(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """The rows of an answer, read on demand."""
        with in_words("The rows"):
            # A cursor of its own, so that another question may be asked meanwhile.
            found = self._connection.cursor().execute(statement)
            while rows := found.fetchmany(_AT_ONCE):
                yield from rows


@contextmanager
def scratch(folder: Path | None = None, *, memory_mb: int = 400, threads: int = 1) -> Iterator[Scratch]:
    """Temporary tables that are removed after the block; `folder` has room for spilled data."""
    with tempfile.TemporaryDirectory(prefix="twarc-cloud-", dir=folder) as temp:
        path = Path(temp)
        with connected(path, memory_mb=memory_mb, threads=threads, file=path / "rows.duckdb") as connection:
            yield Scratch(connection, path)
