"""All keys of objects in a store are made here."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from harvester.errors import Exit, HarvesterError
from harvester.store.file_names import EDGES as EDGES
from harvester.store.file_names import OF_RECORDS as OF_RECORDS
from harvester.store.file_names import SEGMENTS as SEGMENTS
from harvester.store.file_names import USER_SEGMENTS as USER_SEGMENTS
from harvester.store.file_names import holds_accounts as holds_accounts
from harvester.store.file_names import is_segment as is_segment
from harvester.store.file_names import is_segment_2019 as is_segment_2019
from harvester.store.file_names import is_side as is_side
from harvester.store.file_names import segment_name as segment_name
from harvester.store.file_names import segment_of as segment_of
from harvester.store.file_names import segment_order as segment_order
from harvester.store.file_names import side_name as side_name

ROOT = "collections/"
# Beside them: tables made from the records of collections (harvester/tables), and published reports.
TABLES, REPORTS = "tables/", "reports/"
ROOTS = (ROOT, TABLES, REPORTS)
# Of the apps whose streams run: no collection's id begins with a dot.
APPS = f"{ROOT}.apps/"
# In a collection's folder.
COLLECTION, LAST_HARVEST = "collection.json", "last_harvest.json"
LOCK, CHECKPOINT, STOP, NOTICES = "lock.json", "checkpoint.json", "stop.json", "notices.json"
CHANGESETS, HARVESTS, SINKS = "changesets/", "harvests/", "sinks/"
# The folder of a collection's crawls of the social graph, each named for its first harvest.
GRAPH = "graph/"
# The folder of a collection's repairs, which has the files of a collection's folder.
REPAIRS = "repairs/"
# In a harvest's folder, where COLLECTION is the copy that it used; the second name is that of 2019.
HARVEST, HARVEST_2019 = "harvest.json", "harvester.json"
USERS, EVENTS, USER_CHANGES = "users.jsonl", "events.jsonl", "user_changes.json"
STATS = "stats.jsonl"
# Of a crawl: a line for each list of followers that ended.
LISTS = "lists.jsonl"
OPEN = "open/"
# A folder name, a part of object keys and of names in AWS: no separators, no leading dot, no blanks.
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def id_problem(collection_id: str) -> str:
    """Why this is not a collection id; empty when it is one."""
    if _ID.fullmatch(collection_id) and ".." not in collection_id:
        return ""
    if not collection_id:
        return "Missing id."
    if re.search(r"\s", collection_id):
        return "Id contains spaces."
    if len(collection_id) > 100:
        return f"Id has {len(collection_id)} characters; the limit is 100."
    return f"Id {collection_id!r} may hold only letters, digits, '_', '-', '.', and begin with no '.' or '-'."


@dataclass(frozen=True)
class CollectionKeys:
    """The keys of one collection."""

    id: str

    def __post_init__(self) -> None:
        if problem := id_problem(self.id):
            raise HarvesterError(problem, hint="Check the id, or choose another one.", exit_code=Exit.USAGE)

    @property
    def folder(self) -> str:
        return f"{ROOT}{self.id}/"

    @property
    def collection(self) -> str:
        return f"{self.folder}{COLLECTION}"

    @property
    def changesets(self) -> str:
        return f"{self.folder}{CHANGESETS}"

    @property
    def harvests(self) -> str:
        return f"{self.folder}{HARVESTS}"

    @property
    def lock(self) -> str:
        return f"{self.folder}{LOCK}"

    @property
    def checkpoint(self) -> str:
        return f"{self.folder}{CHECKPOINT}"

    @property
    def stop(self) -> str:
        return f"{self.folder}{STOP}"

    @property
    def last_harvest(self) -> str:
        return f"{self.folder}{LAST_HARVEST}"

    @property
    def notices(self) -> str:
        return f"{self.folder}{NOTICES}"

    @property
    def repairs(self) -> "RepairKeys":
        """Those of its repairs."""
        return RepairKeys(self.id)

    def sink(self, name: str) -> str:
        """Where a sink of this name keeps its position."""
        return f"{self.folder}{SINKS}{name}.json"

    def dead_letters(self, name: str, file: str) -> str:
        """Messages that a sink of this name could not deliver."""
        return f"{self.folder}{SINKS}{name}/dead/{file}.jsonl"

    def crawl(self, started: datetime) -> "CrawlKeys":
        """What a crawl of the graph keeps, named for the second (UTC) of its first harvest."""
        return CrawlKeys(f"{self.folder}{GRAPH}{started.astimezone(UTC):%Y%m%d%H%M%S}/")

    @property
    def sinks(self) -> str:
        return f"{self.folder}{SINKS}"

    def changeset(self, changed: datetime, version: int) -> str:
        return f"{self.changesets}change-{changed.astimezone(UTC):%Y%m%d%H%M%S}-{version:08d}.json"

    def harvest(self, started: datetime) -> "HarvestKeys":
        return HarvestKeys(self.folder, started.astimezone(UTC).replace(microsecond=0))


@dataclass(frozen=True)
class RepairKeys(CollectionKeys):
    """The keys of a collection's repairs: harvests with a lock and a checkpoint of their own."""

    @property
    def folder(self) -> str:
        return f"{ROOT}{self.id}/{REPAIRS}"


@dataclass(frozen=True)
class CrawlKeys:
    """The keys of one crawl of the social graph; each object is created once."""

    folder: str

    def depth(self, depth: int) -> str:
        """The accounts of a depth: sorted ids, one a line."""
        return f"{self.folder}depth-{depth}.txt.gz"

    def figures(self, depth: int) -> str:
        """The figures of a depth."""
        return f"{self.folder}depth-{depth}.json"

    def order(self, depth: int) -> str:
        """The same accounts in the order in which they are visited, if that is another."""
        return f"{self.folder}order-{depth}.txt.gz"

    def judged(self, depth: int) -> str:
        """Why accounts are in a depth, or are not."""
        return f"{self.folder}judged-{depth}.jsonl.gz"


@dataclass(frozen=True)
class HarvestKeys:
    """The keys of one harvest, named for the second (UTC) in which its folder was claimed."""

    collection_folder: str
    started: datetime

    @property
    def folder(self) -> str:
        return f"{self.collection_folder}{HARVESTS}{self.started:%Y/%m/%d/%H/%M/%S}/"

    @property
    def harvest(self) -> str:
        return f"{self.folder}{HARVEST}"

    @property
    def collection(self) -> str:
        return f"{self.folder}{COLLECTION}"

    @property
    def users(self) -> str:
        return f"{self.folder}{USERS}"

    @property
    def user_changes(self) -> str:
        return f"{self.folder}{USER_CHANGES}"

    @property
    def events(self) -> str:
        return f"{self.folder}{EVENTS}"

    @property
    def stats(self) -> str:
        return f"{self.folder}{STATS}"

    @property
    def lists(self) -> str:
        return f"{self.folder}{LISTS}"

    def manifest(self, algorithm: str) -> str:
        return f"{self.folder}{manifest_name(algorithm)}"

    def file(self, name: str) -> str:
        return f"{self.folder}{name}"

    def part(self, segment: str, offset: int) -> str:
        """Bytes of a segment that is still being written, from `offset` on."""
        return f"{self.parts}{segment}-{offset:012d}"

    @property
    def parts(self) -> str:
        return f"{self.folder}{OPEN}"


def app_key(app: str) -> str:
    """The holder of an app; `app` identifies it and is no secret."""
    return f"{APPS}{app}.json"


def part_of(name: str) -> str:
    """The prefix of the parts of a segment, in its harvest's folder."""
    return f"{OPEN}{name}-"


def manifest_name(algorithm: str) -> str:
    return f"manifest-{algorithm}.txt"


# A collection's own folder, or that of its repairs.
_FOLDER = rf"{ROOT}[^/]+/(?:{REPAIRS})?"


def harvest_folder(key: str) -> str:
    """The folder of the harvest that an object belongs to; empty if it belongs to none."""
    found = re.match(rf"{_FOLDER}harvests/\d{{4}}(?:/\d\d){{5}}/", key)
    return found[0] if found else ""


def is_of_repairs(key: str) -> bool:
    """Whether an object or a folder belongs to the repairs of a collection."""
    return bool(re.match(rf"{ROOT}[^/]+/{REPAIRS}", key))


# What a collection and a harvest consist of (docs/data-layout.md), with the names of 2019.
_CHANGESET = re.compile(r"change-[0-9-]+\.json")
_SINK = re.compile(r"sinks/[\w-]+\.json")
_OWN = re.compile(
    r"(?:collection|last_harvest|lock|checkpoint|stop|notices)\.json"
    rf"|changesets/{_CHANGESET.pattern}|{_SINK.pattern}|sinks/[\w-]+/dead/[\w-]+\.jsonl"
    rf"|{GRAPH}\d{{14}}/(?:(?:depth|order)-\d+\.txt\.gz|depth-\d+\.json|judged-\d+\.jsonl\.gz|workers/.+)"
)
_OF_HARVEST = re.compile(
    r"(?:harvest|harvester|collection|user_changes)\.json|(?:users|events|stats|lists)\.jsonl|manifest-\w+\.txt|open/.+"
    rf"|(?:{'|'.join(OF_RECORDS)})[0-9-]+\.jsonl\.gz"
)


def is_own(key: str) -> bool:
    """Whether a key has a name that this project gives; others put notes and markers among its objects."""
    folder = harvest_folder(key)
    if folder:
        return bool(_OF_HARVEST.fullmatch(key, len(folder)))
    return bool(_OWN.fullmatch(re.sub(f"^{_FOLDER}", "", key)))


def is_unfinished(key: str) -> bool:
    """Whether it belongs to a harvest that runs, or died and is not finished yet, or to a sink."""
    if folder := harvest_folder(key):
        return key.startswith(folder + OPEN)
    name = re.sub(f"^{_FOLDER}", "", key)
    return name in (LOCK, STOP, CHECKPOINT) or bool(_SINK.fullmatch(name))


def is_changeset(name: str) -> bool:
    """Whether an object in the folder of changesets is one."""
    return bool(_CHANGESET.fullmatch(name))


def describes_collection(key: str) -> bool:
    """Whether it holds a collection or a part of one: itself, a changeset, or a harvest's copy."""
    # More folders than harvests have today, for a copy that is overlooked may hold keys.
    below = r"collection\.json|changesets/[^/]+\.json|harvests/(?:\d+/){6}collection\.json"
    return bool(re.fullmatch(rf"{_FOLDER}(?:{below})", key))


def changeset_version(key: str) -> int:
    """The version in a changeset's name; 0 for those of 2019, which had none."""
    found = re.search(r"change-\d+-(\d+)\.json$", key)
    return int(found[1]) if found else 0
