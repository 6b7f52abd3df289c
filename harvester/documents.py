"""JSON documents: what the stored ones hold, and bytes that may be damaged as an object or an error.

docs/data-layout.md says what each field means. What was read may have been changed by hand: the types say
what a harvest writes, and who reads what others may have written looks first.
"""

import re
from typing import Any, NotRequired, TypedDict

import orjson

from harvester.errors import Exit, HarvesterError

Tree = dict[str, Any]


class User(TypedDict, total=False):
    """An account of a timeline collection; a network may know further keys."""

    screen_name: str
    since_id: str
    resume: Tree
    sightings: dict[str, int]
    looked_up: str
    tweet_count: int


class SearchSection(TypedDict, total=False):
    """What a search asks for; `archive` is X's."""

    query: str
    archive: bool
    max_records: int | str
    since_id: str
    resume: Tree
    harvested_query: str


class FilterSection(TypedDict, total=False):
    """What a stream is filtered by, in X's words; `position` is of a network that replays its stream."""

    track: str
    follow: str
    locations: str
    rules: list[Tree]
    max_records: int | str
    position: Any


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
    users: dict[str, User]
    delete_users_for: list[str]
    delete_users_after: int | str
    look_up_days: int | str
    sweep: Tree
    search: SearchSection
    filter: FilterSection
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
    stop_asked: str
    last_renewed: str
    released: str
    harvest_id: str


class OpenSegment(TypedDict):
    """The file of records that grows, up to its last synced byte."""

    name: str
    size: int
    posts: int


class FinishedFile(TypedDict):
    name: str
    size: int
    sha1: str
    sha256: str
    posts: int


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
    """checkpoint.json; `summary` is harvest.json as it was then."""

    state: StoredState
    closing: NotRequired[Closing]
    summary: NotRequired[Tree]


class Figures(TypedDict, total=False):
    """What a harvest has so far."""

    tweets: int
    files: int
    file_bytes: int
    counts: dict[str, int]
    gaps: list[Tree]
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
    harvest_end_timestamp: str
    exit_code: int
    refused_fields: list[str]
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
    data: bytes | str, name: str, *members: str, hint: str = "", exit_code: Exit = Exit.ERROR
) -> Tree:
    """The object in `data`, which has these members; else raises, with `name` for what it was read from."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise HarvesterError(f"{name} is not JSON: {error}.", hint=hint, exit_code=exit_code) from error
    if not isinstance(found, dict):
        raise HarvesterError(f"{name} is not a JSON object.", hint=hint, exit_code=exit_code)
    if missing := [member for member in members if member not in found]:
        raise HarvesterError(f"{name} has no {', '.join(missing)}.", hint=hint, exit_code=exit_code)
    return found


def unambiguous(data: bytes | str, name: str, *, hint: str = "", exit_code: Exit = Exit.ERROR) -> Tree:
    """The object in a document that people edit, as `checked`; raises, too, where a key is given twice.

    JSON does not say which of the two counts: readers take the last, and a person may mean the first.
    """
    found = checked(data, name, hint=hint, exit_code=exit_code)
    if twice := given_twice(data, found):
        hint = f"Keep one of each. {hint}".rstrip()
        raise HarvesterError(f"{name} is ambiguous.", twice, hint, exit_code=exit_code)
    return found


def given_twice(data: bytes | str, found: Any) -> list[str]:
    """The keys that JSON gives more than once, each with its lines; `found` is what was read of it."""
    text = data.encode() if isinstance(data, str) else data
    try:
        # A key that was dropped takes quotes with it; to look at each of 300,000 keys takes seconds.
        if _quotes(orjson.dumps(found)) == _quotes(text):
            return []
    except TypeError:
        # It is nested more deeply than orjson writes.
        pass
    return _given_twice(text.decode())


def _quotes(text: bytes) -> int:
    return text.count(b'"') - text.count(b'\\"')


# A string, and whether a colon makes it a key; a bracket; a line's end.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(?=(\s*:)?)|[{}\[\]\n]')


def _given_twice(text: str) -> list[str]:
    found: list[tuple[int, str]] = []
    line, path, keys = 1, list[str](), list[dict[str, list[int]]]()
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "\n":
                line += 1
            case "{" | "[":
                path.append("")
                keys.append({})
            case "}" | "]":
                path.pop()
                for key, lines in keys.pop().items():
                    if len(lines) > 1:
                        found.append((lines[1], _twice(".".join([*filter(None, path), key]), lines)))
            case string if token[2]:
                path[-1] = orjson.loads(string)
                keys[-1].setdefault(path[-1], []).append(line)
    return [problem for _, problem in sorted(found)]


def _twice(key: str, lines: list[int]) -> str:
    times = "twice" if len(lines) == 2 else f"{len(lines)} times"
    *others, last = map(str, dict.fromkeys(lines))
    where = f"lines {', '.join(others)} and {last}" if others else f"line {last}"
    return f"{key} is given {times}, on {where}."


def object_in(data: bytes | str) -> Tree:
    """The object in `data`; an empty one where there is none."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def written(value: Any) -> bytes:
    """As documents are stored: indented, with a line end."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
