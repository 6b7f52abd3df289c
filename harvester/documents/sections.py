"""The sections of collection.json, one for each kind of collection."""

from typing import Any, TypedDict

Tree = dict[str, Any]


class User(TypedDict, total=False):
    """An account of a timeline collection; a network may know further keys."""

    screen_name: str
    since_id: str
    resume: Tree
    read_until: str
    sightings: dict[str, int]
    looked_up: str
    tweet_count: int


class SearchSection(TypedDict, total=False):
    """The search of a collection; `archive` is specific to X."""

    query: str
    archive: bool
    max_records: int | str
    since_id: str
    resume: Tree
    harvested_query: str
    searched_until: str


class FilterSection(TypedDict, total=False):
    """The filter of a stream, in X's terms; `position` is for a network that replays its stream."""

    track: str
    follow: str
    locations: str
    rules: list[Tree]
    backfill_minutes: int
    recovery_hours: int
    max_records: int | str
    count_rules: bool
    attribution: str
    position: Any


class RepairSection(TypedDict, total=False):
    """The searches of a repair: the gaps of a stream with their spans, and the queries that these number.

    `progress` says of each search how far it is; docs/data-layout.md has its keys.
    """

    archive: bool
    gaps: list[Tree]
    queries: list[Tree]
    progress: dict[str, Tree]
