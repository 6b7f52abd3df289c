"""The existing tables of a collection: sets of Parquet files, each complete once its note exists."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from harvester.documents import Tree, object_in
from harvester.errors import Conflict, HarvesterError, NotFound
from harvester.store import Entry, Store
from harvester.store.keys import TABLES
from harvester.store.table_keys import (
    NOTES,
    VERSION,
    Made,
    data_in,
    is_of_day,
    note_in,
    notes_of,
    partition_of,
)
from harvester.tables import columns

# In a note, the number of bad records that its set lacks.
LEFT_OUT = "left_out"


@dataclass
class Catalog:
    """The tables of one collection, by one listing for each of them."""

    notes: dict[Made, dict[str, Entry]] = field(default_factory=dict)
    data: dict[Made, dict[str, Entry]] = field(default_factory=dict)
    # Sets whose rows another set also contains, with their source; and that other set.
    replaced: dict[Made, str] = field(default_factory=dict)
    days: dict[Made, list[Made]] = field(default_factory=dict)
    # Sets of days of which another one has some rows, too: two builds at once saw different harvests.
    doubled: set[Made] = field(default_factory=set)

    def has(self, made: Made, source: str) -> bool:
        """Whether the tables of this source are complete, and count."""
        # A set of its own does not, beside a day's set that may have rows of an older source.
        return self.replaced[made] == source if made in self.replaced else source in self.notes.get(made, {})

    def complete(self) -> list[Made]:
        """The sets that hold all rows, each once."""
        return [made for made in self.notes if made not in self.replaced and made not in self.doubled]

    def files(self, table: str) -> list[Entry]:
        """The Parquet files of a table that are complete."""
        found = (self.data.get(made, {}).get(table) for made in self.complete())
        return sorted((entry for entry in found if entry), key=lambda entry: entry.key)


def catalog(store: Store, collection_id: str, *, days: str = "") -> Catalog:
    """The tables of a collection, or those of `days`, as 2026-10 or 2026-10-01/."""
    found = Catalog()
    for entry in store.entries(notes_of(collection_id, days)):
        if noted := note_in(entry.key):
            made, source = noted
            found.notes.setdefault(made, {})[source] = entry
    for table in columns.TABLES:
        for entry in store.entries(partition_of(table, collection_id, days)):
            if data := data_in(entry.key):
                found.data.setdefault(data[1], {})[table] = entry
    of_days = {made: _replaced(store, found, made) for made in found.notes if is_of_day(made)}
    # A set of more comes first, as it may stand for others of its day.
    for made in sorted(of_days, key=lambda made: (-len(of_days[made]), made.name)):
        if made not in found.replaced and not found.replaced.keys().isdisjoint(of_days[made]):
            found.doubled.add(made)
        else:
            found.replaced |= of_days[made]
            found.days[made] = list(of_days[made])
    return found


def _replaced(store: Store, found: Catalog, day: Made) -> dict[Made, str]:
    """The sets that a day's set stands for, with their sources."""
    return {
        Made(day.collection, day.day, str(each.get("name"))): str(each.get("source"))
        for entry in found.notes[day].values()
        for each in read_note(store, entry.key).get("replaces") or ()
    }


def replacing(sets: Mapping[str, str]) -> Tree:
    """What the note of a day's set says of the sets, by name with their sources, that it stands for."""
    return {"replaces": [{"name": name, "source": source} for name, source in sorted(sets.items())]}


def read_note(store: Store, key: str) -> Tree:
    try:
        return object_in(store.read(key).data)
    except NotFound:
        # Another process has just replaced it.
        return {}


def write_note(store: Store, key: str, content: Tree) -> None:
    """Create the note; raises Conflict if it exists already."""
    store.create(key, orjson.dumps({"schema": VERSION, **content}, option=orjson.OPT_INDENT_2))


def collections_in(store: Store) -> list[str]:
    """The ids of collections that have tables here; raises if tables have another version."""
    ids = list(store.folders(NOTES))
    if not ids and (others := _other_versions(store)):
        raise HarvesterError(
            f"{store.name} has tables of version {', '.join(others)}; this program reads version {VERSION}.",
            hint="Run `tables build`, or use the program that made them.",
        )
    return ids


def _other_versions(store: Store) -> list[str]:
    return [name.removeprefix("v") for name in store.folders(TABLES) if name != f"v{VERSION}"]


def forget(store: Store, found: Catalog, made: Made) -> None:
    """Remove a set: its notes first, so that no note refers to missing files."""
    for entry in found.notes.pop(made, {}).values():
        store.remove(entry.key)
    for entry in found.data.pop(made, {}).values():
        remove_listed(store, entry)


def remove_listed(store: Store, entry: Entry) -> None:
    """Remove the listed objects, but not those that another process has replaced since."""
    with suppress(Conflict):
        store.remove(entry.key, version=entry.version)


def rows_in(store: Store, found: Catalog) -> Iterator[tuple[str, int, int]]:
    """For each table of each set its name, rows and bytes, as the notes have them."""
    for made in found.complete():
        for entry in found.notes[made].values():
            for table, part in (read_note(store, entry.key).get("tables") or {}).items():
                yield table, int(part.get("rows") or 0), int(part.get("bytes") or 0)
