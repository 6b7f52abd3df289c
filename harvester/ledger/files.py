"""Which files of records were read: each is begun, and done once all of its content is stored."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from harvester.ledger import rollups
from harvester.ledger.database import Ledger

# A damaged file is read up to where it is damaged.
BEGUN, DONE, DAMAGED = "begun", "done", "damaged"


@dataclass(frozen=True)
class KnownFile:
    """A file of records that the ledger knows."""

    number: int
    key: str
    sha256: str
    collection: str
    state: str


@dataclass
class ReadFile:
    """The content of a file of records; counts by day (since 1970) and by tag are of collected posts."""

    number: int
    posts: int = 0
    included: int = 0
    newest: str = ""
    damage: str = ""
    days: dict[int, int] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)


def known(ledger: Ledger, collection: str = "") -> dict[str, KnownFile]:
    """The files of a collection, or of all, by their keys."""
    found = ledger.rows(
        "select f.number, f.key, f.sha256, c.id, f.state from files f "
        "join collections c on c.number = f.collection where ? in ('', c.id)",
        collection,
    )
    return {row[1]: KnownFile(*row) for row in found}


def damaged(ledger: Ledger, collection: str = "") -> list[str]:
    """The keys of files of a collection, or of all, of which not all could be read."""
    found = ledger.rows(
        "select f.key from files f join collections c on c.number = f.collection "
        "where f.state = ? and ? in ('', c.id)",
        *(DAMAGED, collection),
    )
    return [row[0] for row in found]


def collection_number(ledger: Ledger, collection: str) -> int | None:
    found: int | None = ledger.value("select number from collections where id = ?", collection)
    return found


def collection_names(ledger: Ledger) -> dict[int, str]:
    return dict(ledger.rows("select number, id from collections"))


def require_collection(ledger: Ledger, collection: str) -> int:
    """The number of a collection, which gets one."""
    ledger.run("insert or ignore into collections(id) values (?)", collection)
    return int(ledger.value("select number from collections where id = ?", collection))


def newest(ledger: Ledger, collection: str) -> str:
    """When the newest post was retrieved that was read of a collection."""
    return str(ledger.value("select newest from collections where id = ?", collection) or "")


def begin(ledger: Ledger, key: str, *, sha256: str, collection: int, harvest: str) -> int:
    """Note that a file is being read; its number, which it keeps if that is repeated."""
    ledger.run(
        "insert into files(key, sha256, collection, harvest, state) values (?, ?, ?, ?, ?) "
        "on conflict(key) do update set sha256 = excluded.sha256, state = excluded.state",
        *(key, sha256, collection, harvest, BEGUN),
    )
    return int(ledger.value("select number from files where key = ?", key))


def finish(ledger: Ledger, files: list[ReadFile]) -> None:
    """Note that files are done, with what they hold; in one transaction."""
    with ledger.transaction():
        for file in files:
            collection = ledger.value("select collection from files where number = ?", file.number)
            ledger.run(
                "update files set state = ?, posts = ?, included = ? where number = ?",
                *(DAMAGED if file.damage else DONE, file.posts, file.included, file.number),
            )
            ledger.run(
                "update collections set newest = max(newest, ?) where number = ?", file.newest, collection
            )
            rollups.add(ledger, collection, file.days, file.tags)


def forget(ledger: Ledger, collection: str) -> None:
    """Have all files of a collection read again; until `emptied` its posts may still be in the index."""
    number = collection_number(ledger, collection)
    with ledger.transaction():
        rollups.forget(ledger, number)
        ledger.run("delete from files where collection = ?", number)
        ledger.run("delete from harvests where collection = ?", number)
        ledger.run("update collections set newest = '', emptied = 1 where number = ?", number)


def to_empty(ledger: Ledger) -> list[int]:
    """The numbers of collections whose posts are to be taken out of the index."""
    return [row[0] for row in ledger.rows("select number from collections where emptied = 1")]


def emptied(ledger: Ledger) -> None:
    """Note that this is done."""
    ledger.run("update collections set emptied = 0")


def harvests(ledger: Ledger, collection: str) -> dict[str, str]:
    """The folders of the harvests that were read, each with the version that its listing had then."""
    return dict(
        ledger.rows(
            "select h.folder, h.version from harvests h join collections c on c.number = h.collection "
            "where c.id = ?",
            collection,
        )
    )


def note_harvest(ledger: Ledger, folder: str, collection: int, version: str) -> None:
    ledger.run("insert or replace into harvests values (?, ?, ?)", folder, collection, version)


def description_changed(ledger: Ledger, collection: int, description: bytes) -> bool:
    """Whether a collection.json is another one than when it was last read."""
    noted = ledger.value("select description from collections where number = ?", collection)
    return bool(noted != hashlib.sha256(description).hexdigest())


def note_description(ledger: Ledger, collection: int, description: bytes) -> None:
    digest = hashlib.sha256(description).hexdigest()
    ledger.run("update collections set description = ? where number = ?", digest, collection)


def keys_of(ledger: Ledger, numbers: Collection[int]) -> dict[int, str]:
    """The keys of files by their numbers."""
    found = {number: ledger.value("select key from files where number = ?", number) for number in numbers}
    return {number: key for number, key in found.items() if key}


def totals(ledger: Ledger, collection: str = "") -> tuple[int, int, int]:
    """How many files were read, and their posts that were collected, and that were included in others."""
    files, posts, included = ledger.rows(
        "select count(*), coalesce(sum(posts), 0), coalesce(sum(included), 0) from files "
        "where state <> ? and (? = '' or collection = (select number from collections where id = ?))",
        *(BEGUN, collection, collection),
    )[0]
    return files, posts, included
