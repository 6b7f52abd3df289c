"""Follow edges as a table: csv with the columns of Gephi, and Parquet in the order of both ids."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from harvester.errors import Exit, HarvesterError
from harvester.errors.files import naming
from harvester.exports.edges.graph import FollowGraph, number_of
from harvester.exports.edges.lists import Lists
from harvester.exports.output import STANDARD_OUTPUT, hashed, output, whole_alone
from harvester.exports.written import Written, written
from harvester.networks.crawl import FOLLOWERS

# Pairs of numbers need less memory than posts, and larger groups less room on disk.
_ROW_GROUP = 122_880


def write_csv(graph: FollowGraph, to: str, *, marked: bool) -> Written:
    """A row for each edge; `marked` adds whether it is of a complete list."""
    number = 0
    with output(to) as file:
        file.write(b"Source,Target,Type,Complete\n" if marked else b"Source,Target,Type\n")
        for number, edge in enumerate(graph.edges(), 1):  # noqa: B007
            end = f",{str(edge.complete).lower()}\n" if marked else "\n"
            file.write(f"{_cell(edge.source)},{_cell(edge.target)},Directed{end}".encode("utf-8", "replace"))
    return written(number, file, what="edge")


def _cell(text: str) -> str:
    # Ids of X are digits, those of other networks may be anything.
    return text if text.isdigit() else '"' + text.replace('"', '""') + '"'


def write_parquet(lists: Lists, to: str, *, marked: bool) -> Written:
    """`source` and `target` as sorted numbers, with `marked` also `complete`.

    DuckDB sorts them, and writes both in DELTA_BINARY_PACKED, which needs version 2 and no dictionary.
    """
    from harvester.tables.duck import connected, in_words, literal

    if to == STANDARD_OUTPUT:
        raise HarvesterError("Parquet is written to a file.", hint="Name it with -o.", exit_code=Exit.USAGE)
    with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp:
        rows = Path(temp) / "edges.csv"
        with naming(rows), rows.open("wb") as file:
            file.writelines(_lines(lists))
        columns = "{'source': 'BIGINT', 'target': 'BIGINT', 'complete': 'BOOLEAN'}"
        read = f"read_csv({literal(str(rows))}, columns = {columns}, header = false, auto_detect = false)"
        also = ", bool_or(complete) AS complete" if marked else ""
        select = f"SELECT source, target{also} FROM {read} GROUP BY source, target ORDER BY source, target"
        with (
            whole_alone(Path(to)) as partial,
            connected(Path(temp)) as connection,
            in_words("The edges cannot be sorted"),
        ):
            connection.execute(
                f"COPY ({select}) TO {literal(str(partial))} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE "
                f"false, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 0, ROW_GROUP_SIZE {_ROW_GROUP})"
            )
            found = connection.execute(
                f"SELECT count(*) FROM read_parquet({literal(str(partial))})"
            ).fetchone()
    size, sha256 = hashed(Path(to))
    return Written(int(found[0]) if found else 0, size, sha256, "edge")


def _lines(lists: Lists) -> Iterator[bytes]:
    for listed, pages in lists:
        user = b"%d" % number_of(listed.user.encode())
        end = b",%d\n" % listed.is_complete
        for ids in pages:
            numbers = [b"%d" % number_of(each) for each in ids]
            if listed.direction == FOLLOWERS:
                yield b"".join([b"%s,%s%s" % (each, user, end) for each in numbers])
            else:
                yield b"".join([b"%s,%s%s" % (user, each, end) for each in numbers])
