"""JSON documents: what the stored ones hold, and bytes that may be damaged as an object or an error.

docs/data-layout.md says what each field means. What was read may have been changed by hand: the types say
what a harvest writes; code that reads what others may have written checks first.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import orjson

from harvester.documents.compact_users import CompactUsers as CompactUsers
from harvester.documents.compact_users import GrowingUsers as GrowingUsers
from harvester.documents.compact_users import compact_members
from harvester.documents.compact_users import json_of as json_of
from harvester.documents.compact_users import opened as opened
from harvester.documents.compact_users import pieces as pieces
from harvester.documents.repeated_keys import given_twice
from harvester.documents.sections import FilterSection as FilterSection
from harvester.documents.sections import RepairSection as RepairSection
from harvester.documents.sections import SearchSection as SearchSection
from harvester.documents.sections import User as User
from harvester.documents.tail import Tail
from harvester.errors import Exit, HarvesterError

Tree = dict[str, Any]

# A document of this many bytes or more is large: 10,000 users.
_LARGE = 1 << 20


class Collection(TypedDict, total=False):
    """A valid collection.json: what is read of one that may not be valid is a `Tree`.

    Each kind has its section, and what a person adds (`x_...`) stays.
    """

    id: str
    type: str
    network: str
    title: str
    description: str
    keys: dict[str, str]
    task: Tree
    budget_usd: float
    notes: Any
    labels: Any
    check_in: str
    sinks: list[Tree]
    shards: Tree
    shard_of: str
    workers: Tree
    worker_of: str
    users: Mapping[str, User]
    delete_users_for: list[str]
    delete_users_after: int | str
    look_up_days: int | str
    sweep: Tree
    search: SearchSection
    filter: FilterSection
    repair: RepairSection
    graph: Tree
    version: int
    timestamp: str
    changeset: str


class LockContent(TypedDict, total=False):
    """lock.json; `released` where it was given back in place of being removed, `harvest_id` of 2019."""

    owner: str
    acquired: str
    ttl: float
    host: str
    process: int
    machine: str
    process_started: str
    software: str
    renewed: int
    heard: Tree
    heartbeat: str
    stop_asked: str
    collection_changed: str
    last_renewed: str
    released: str
    harvest_id: str


class AppHolder(TypedDict, total=False):
    """What a file below collections/.apps/ says: the harvest whose stream uses the app."""

    collection: str
    owner: str
    host: str
    since: str


class OpenSegment(TypedDict):
    """The file of records that grows, up to its last synced byte, and perhaps its side file."""

    name: str
    size: int
    posts: int
    side: NotRequired[int]


class FinishedFile(TypedDict):
    name: str
    size: int
    sha1: str
    sha256: str
    posts: int
    side: NotRequired["FinishedFile"]


class StoredState(TypedDict):
    """All that a harvest's successor needs to know of it."""

    harvest: str
    owner: str
    patch: Tree
    finished: list[FinishedFile]
    segment: OpenSegment | None
    sizes: dict[str, int]
    segments: int
    counts: dict[str, int]
    gaps: list[Tree]
    repairs: list[Tree]
    synced: str
    last_id: str
    heard: str
    begun: str
    billed: Tree


class Closing(TypedDict):
    """A file whose upload (which may have a name) is the next step, and the state that holds after it."""

    file: FinishedFile
    state: StoredState
    upload: NotRequired[str]


class Checkpoint(TypedDict):
    """checkpoint.json; `summary` is harvest.json as it was then.

    `tails` are the ends of growing files that it carries itself, by name.
    """

    state: StoredState
    tails: NotRequired[dict[str, Tail]]
    closing: NotRequired[Closing]
    summary: NotRequired[Tree]


class Figures(TypedDict, total=False):
    """What a harvest has so far."""

    tweets: int
    files: int
    file_bytes: int
    counts: dict[str, int]
    gaps: list[Tree]
    repairs: list[Tree]
    billed: Tree


class HarvestSummary(Figures, total=False):
    """harvest.json, of which those of 2019 have less; `folder` is added where it is read."""

    collection_id: str
    harvest_timestamp: str
    state: str
    reason: str
    owner: str
    store: str
    software: str
    python: str
    updated: str
    task: Tree
    activity: str
    heartbeat: str
    harvest_end_timestamp: str
    exit_code: int
    rule_counts: Tree
    refused_fields: list[str]
    collection_version: int
    change_waits: str
    shard_moved: Tree
    # Of a crawl: when it was started, the depth of this harvest, and how many accounts of it were waiting.
    crawl: Tree
    missed_interval: Tree
    unheard: Tree
    hint: str
    limit: str
    needs_change: bool
    folder: str


class LastHarvest(TypedDict):
    """last_harvest.json; of a stream with what harvest.json says was missed."""

    harvest_id: str
    state: str
    missed_interval: NotRequired[Tree]


class Changeset(TypedDict):
    """A file below changesets/; docs/data-layout.md says how `update` and `delete` are applied."""

    version: int
    change_timestamp: str
    parent: str | None
    makes: str
    update: Tree
    delete: list[Any]
    harvest_timestamp: NotRequired[str]
    note: NotRequired[str]


def checked(
    data: bytes | str,
    name: str,
    *members: str,
    hint: str = "",
    exit_code: Exit = Exit.ERROR,
    compact: bool = False,
) -> Tree:
    """The object in `data`, which has these members; else raises, with `name` for what it was read from.

    If it is to be `compact`, users are, where that is possible.
    """
    try:
        found = compact_in(data) if compact else value_in(data)
    except orjson.JSONDecodeError as error:
        raise HarvesterError(f"{name} is not JSON: {error}.", hint=hint, exit_code=exit_code) from error
    if not isinstance(found, dict):
        raise HarvesterError(f"{name} is not a JSON object.", hint=hint, exit_code=exit_code)
    if missing := [member for member in members if member not in found]:
        raise HarvesterError(f"{name} has no {', '.join(missing)}.", hint=hint, exit_code=exit_code)
    return found


def unambiguous(
    data: bytes | str, name: str, *, hint: str = "", exit_code: Exit = Exit.ERROR, compact: bool = False
) -> Tree:
    """The object in a document that people edit, as `checked`; raises, too, where a key is given twice.

    JSON does not say which of the two counts: readers take the last, and a person may mean the first.
    """
    found = checked(data, name, hint=hint, exit_code=exit_code, compact=compact)
    if twice := given_twice(data, found):
        hint = f"Keep one of each. {hint}".rstrip()
        raise HarvesterError(f"{name} is ambiguous.", twice, hint, exit_code=exit_code)
    return found


def value_in(data: bytes | str) -> Any:
    """What JSON says, of a large document without a second copy meanwhile; raises orjson's error."""
    if len(data) >= _LARGE:
        # orjson reads into a tree of its own first, of 30 MB for 100,000 users. It is the one to say what is
        # wrong, and where.
        import msgspec

        try:
            return msgspec.json.decode(data)
        except (ValueError, RecursionError):
            pass
    return orjson.loads(data)


def compact_in(data: bytes | str) -> Any:
    """As `value_in`, but the users of a collection are compact, where they are an object."""
    try:
        return compact_members(data)
    except (ValueError, TypeError, RecursionError):
        return value_in(data)


def text_in(tree: Mapping[str, Any], key: str) -> str:
    """A value as text; empty if it is missing or null."""
    return str(tree.get(key) or "")


def object_in(data: bytes | str) -> Tree:
    """The object in `data`; an empty one if there is none."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def written(value: Any) -> bytes:
    """As documents are stored: indented, with a line end."""
    return json_of(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
