"""Combines the small files of a day into one for each table, in steps that are safe at any crash."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harvester.errors import Conflict, HarvesterError
from harvester.store import Store
from harvester.store.table_keys import Made, of_day, source_of_sets
from harvester.tables import columns
from harvester.tables.catalog import LEFT_OUT, Catalog, catalog, replacing
from harvester.tables.duck import connected, in_words, literal, parquet
from harvester.tables.local import left_out, local_paths
from harvester.tables.placing import metadata, store_set
from harvester.tables.records import Part

_TRIES = 5
_ORDER = {"posts": "key, file, line", "accounts": "id, seen_at", "harvests": "harvest", "gaps": "harvest"}


@dataclass(frozen=True)
class Day:
    """A day with more than one set."""

    day: str
    sets: tuple[Made, ...]
    # By name, the sources of the sets that the day's set replaces.
    replaces: dict[str, str]

    @property
    def source(self) -> str:
        return source_of_sets(self.replaces)


def days_to_compact(store: Store, collection_id: str, days: str) -> Iterator[Day]:
    """The days that begin so, as 2026-10, and have small files."""
    yield from _days(catalog(store, collection_id, days=days))


def compact(store: Store, collection_id: str, month: str, *, memory_mb: int = 512) -> list[Day]:
    """Make one set of each day of the month; the replaced sets are removed by a later build."""
    found = [day.day for day in days_to_compact(store, collection_id, month)]
    made = (_compact(store, collection_id, day, memory_mb) for day in found)
    return [day for day in made if day]


def _days(found: Catalog) -> Iterator[Day]:
    days: dict[str, list[Made]] = {}
    for made in found.complete():
        days.setdefault(made.day, []).append(made)
    for day, sets in sorted(days.items()):
        if len(sets) > 1:
            replaced = {made.name: source for made, source in found.replaced.items() if made.day == day}
            now = {made.name: next(iter(found.notes[made])) for made in sets}
            yield Day(day, tuple(sorted(sets, key=lambda made: made.name)), replaced | now)


def _compact(store: Store, collection_id: str, name: str, memory_mb: int) -> Day | None:
    """Make one set of a day; None if it has no small files any more.

    Where a build replaces or removes sets while they are read, they are read again.
    """
    for _ in range(_TRIES):
        found = catalog(store, collection_id, days=f"{name}/")
        day = next(_days(found), None)
        if day is None:
            return None
        with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp:
            try:
                parts = list(_parts(store, found, day, Path(temp), memory_mb))
                lacking = left_out(store, found, day.sets, Path(temp))
            except HarvesterError:
                if _are_unchanged(store, found, day):
                    raise
                continue
            if _are_unchanged(store, found, day):
                known = {} if lacking is None else {LEFT_OUT: lacking}
                note = {"of": {"day": day.day}, **replacing(day.replaces), **known}
                store_set(store, of_day(collection_id, day.day, day.source), day.source, parts, note)
                return day
    raise Conflict(
        f"The tables of {name} are changed by another process again and again.",
        hint="Wait until other `tables build` end.",
    )


def _are_unchanged(store: Store, found: Catalog, day: Day) -> bool:
    """Whether the files and notes of a day's sets are those that were found."""
    now = catalog(store, day.sets[0].collection, days=f"{day.day}/")
    return all(
        (now.notes.get(made), now.data.get(made)) == (found.notes.get(made), found.data.get(made))
        for made in day.sets
    )


def _parts(store: Store, found: Catalog, day: Day, folder: Path, memory_mb: int) -> Iterator[Part]:
    for table in columns.TABLES:
        entries = [entry for made in day.sets if (entry := found.data.get(made, {}).get(table))]
        if not entries:
            continue
        paths = local_paths(store, entries, folder)
        path = folder / f"{table}.parquet"
        with connected(folder, memory_mb=memory_mb) as connection, in_words(f"{table} of {day.day}"):
            statement = parquet(_all(table, paths), path, **metadata(day.source))
            (rows,) = connection.execute(statement).fetchone() or (0,)
        yield Part(table, path, int(rows))


def _all(table: str, paths: Sequence[str]) -> str:
    listed = ", ".join(map(literal, paths))
    names = ", ".join(columns.TABLES[table])
    order = _ORDER.get(table, "key, id")
    read = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
    return f"SELECT {names} FROM {read} ORDER BY {order}"
