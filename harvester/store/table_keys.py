"""The keys of tables: Parquet files made from files of records, and notes about their sources."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from harvester.store.keys import TABLES, is_of_repairs

# The layout of keys and columns; another number is another set of tables beside this one.
VERSION = 1
TOP = f"{TABLES}v{VERSION}/"
NOTES = f"{TOP}_made/"
# Digits of a digest that identify a version.
SIGNS = 16
_DATA = re.compile(
    rf"{re.escape(TOP)}(?P<table>[a-z]+)/collection=(?P<collection>[^/]+)/harvested=(?P<day>[\d-]{{10}})/"
    r"(?P<name>[\w-]+)\.parquet"
)
_NOTE = re.compile(
    rf"{re.escape(NOTES)}(?P<collection>[^/]+)/(?P<day>[\d-]{{10}})/(?P<name>[\w-]+)\.(?P<source>\w+)\.json"
)


@dataclass(frozen=True)
class Made:
    """One set of Parquet files, of the same name in each table; `day` is that of its harvest (UTC)."""

    collection: str
    day: str
    name: str

    def data(self, table: str) -> str:
        return f"{folder_of(table)}collection={self.collection}/harvested={self.day}/{self.name}.parquet"

    def note(self, source: str) -> str:
        """The note that they are complete; `source` names one version of the source file."""
        return f"{NOTES}{self.collection}/{self.day}/{self.name}.{source}.json"


def folder_of(table: str) -> str:
    return f"{TOP}{table}/"


def notes_of(collection_id: str, days: str = "") -> str:
    """The prefix of the notes of one collection, or of those of `days`, as 2026-10 or 2026-10-01/."""
    return f"{NOTES}{collection_id}/{days}"


def partition_of(table: str, collection_id: str, days: str = "") -> str:
    """The prefix of a table's files that belong to one collection, or of those of `days`."""
    return f"{folder_of(table)}collection={collection_id}/{f'harvested={days}' if days else ''}"


def of_records(collection_id: str, key: str, harvest: datetime, number: int) -> Made:
    """The tables of one file of records: its harvest's second, and its number there."""
    return Made(collection_id, _day(harvest), f"{_second(key, harvest)}-{number:06d}")


def source_of(digest: str) -> str:
    """Identifies the version of a file of records with this digest."""
    return digest.partition(":")[2][:SIGNS]


def of_harvest(collection_id: str, folder: str, harvest: datetime) -> Made:
    """The tables of a harvest itself."""
    return Made(collection_id, _day(harvest), f"{_second(folder, harvest)}-harvest")


def is_of_harvest(made: Made) -> bool:
    return made.name.endswith("-harvest")


def of_day(collection_id: str, day: str, source: str) -> Made:
    """The tables that stand for several others of a day."""
    return Made(collection_id, day, f"day-{source}")


def source_of_sets(sets: Mapping[str, str]) -> str:
    """Identifies the sets with these names and sources, of which one of a day is made."""
    named = " ".join(f"{name} {source}" for name, source in sorted(sets.items()))
    return hashlib.sha256(named.encode()).hexdigest()[:SIGNS]


def is_of_day(made: Made) -> bool:
    return made.name.startswith("day-")


def data_in(key: str) -> tuple[str, Made] | None:
    """The table and the set that a key belongs to; None if it is not one of our Parquet files."""
    found = _DATA.fullmatch(key)
    return (found["table"], Made(found["collection"], found["day"], found["name"])) if found else None


def note_in(key: str) -> tuple[Made, str] | None:
    """The set that a note is of, and its source."""
    found = _NOTE.fullmatch(key)
    return (Made(found["collection"], found["day"], found["name"]), found["source"]) if found else None


def _day(harvest: datetime) -> str:
    return f"{harvest.astimezone(UTC):%Y-%m-%d}"


def _second(key: str, harvest: datetime) -> str:
    # A repair may begin in the second of a harvest.
    return f"{'repair-' if is_of_repairs(key) else ''}{harvest.astimezone(UTC):%Y%m%d%H%M%S}"
