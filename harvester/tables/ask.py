"""SQL over tables: a query reads only the tables, nothing else on this machine, and writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from harvester.errors import Exit, HarvesterError
from harvester.tables import columns
from harvester.tables.duck import Connection, connected, in_words, literal

_COLUMNS = "docs/tables.md lists the tables and their columns."
_DAMAGED = "Remove it with its note below _made/, and run `tables build`."
# One row for each post of a collection: the newest that was collected.
ONCE = (
    "SELECT * EXCLUDE (place) FROM (SELECT *, row_number() OVER (PARTITION BY collection, id "
    "ORDER BY retrieved_at DESC NULLS LAST, file DESC, line DESC) AS place FROM posts WHERE NOT included) "
    "WHERE place = 1"
)


@contextmanager
def opened(
    paths: Mapping[str, Sequence[str]], folder: Path, *, memory_mb: int = 512, threads: int = 2
) -> Iterator[Connection]:
    """A database with a view for each table of these files, without access to anything else."""
    listed = [path for of_table in paths.values() for path in of_table]
    with connected(folder, memory_mb=memory_mb, threads=threads) as connection:
        with in_words("The tables cannot be read", hint=_DAMAGED):
            connection.execute("SET python_enable_replacements = false")
            connection.execute(f"SET allowed_paths = [{', '.join(map(literal, listed))}]")
            for table in columns.TABLES:
                connection.execute(f'CREATE VIEW "{table}" AS {_view(table, paths.get(table, ()))}')
            connection.execute(f"CREATE VIEW posts_once AS {ONCE}")
            connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        yield connection


def _view(table: str, paths: Sequence[str]) -> str:
    """All columns by name, those of the partition first; no rows if there is no file."""
    of_table = columns.PARTITIONS | columns.TABLES[table]
    if not paths:
        return f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in of_table.items())} WHERE false"
    partitions = ", ".join(f"'{name}': {kind}" for name, kind in columns.PARTITIONS.items())
    return (
        f"SELECT {', '.join(of_table)} FROM read_parquet([{', '.join(map(literal, paths))}], "
        f"hive_partitioning = true, hive_types = {{{partitions}}}, union_by_name = true)"
    )


def answer(connection: Connection, statement: str) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """The names of the columns, and an iterator over the rows."""
    with in_words("The query failed", hint=_COLUMNS):
        connection.execute(_only_select(connection, statement))
    return _distinct(connection.names), _rows(connection)


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, each once: a second `id` becomes `id_1`, as where DuckDB makes a table of them."""
    found: list[str] = []
    for name in names:
        others = (name, *(f"{name}_{number}" for number in range(1, len(names))))
        found.append(next(other for other in others if other not in found))
    return found


def _rows(connection: Connection) -> Iterator[tuple[Any, ...]]:
    with in_words("The query failed", hint=_COLUMNS):
        yield from connection.rows()


def _only_select(connection: Connection, statement: str) -> "duckdb.Statement":
    found = connection.extract_statements(statement)
    if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
        raise HarvesterError(
            "`tables sql` takes one SELECT statement.",
            hint="It reads tables and changes nothing. Write --csv to a file to keep an answer.",
            exit_code=Exit.USAGE,
        )
    return found[0]
