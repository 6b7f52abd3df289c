"""Every key in a bucket, and so every path in a folder, is made here and nowhere else."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from harvester.errors import Exit, HarvesterError

ROOT = "collections/"
# How the names of files of records begin.
SEGMENTS = "tweets-"

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
        return f"Id has {len(collection_id)} characters; at most 100 are allowed."
    return f"Id {collection_id!r} may hold only letters, digits, '_', '-', '.', and begin with no '.' or '-'."


@dataclass(frozen=True)
class CollectionKeys:
    """The keys of one collection."""

    id: str

    def __post_init__(self) -> None:
        if problem := id_problem(self.id):
            raise HarvesterError(problem, hint="Choose another collection id.", exit_code=Exit.USAGE)

    @property
    def folder(self) -> str:
        return f"{ROOT}{self.id}/"

    @property
    def collection(self) -> str:
        return f"{self.folder}collection.json"

    @property
    def changesets(self) -> str:
        return f"{self.folder}changesets/"

    @property
    def lock(self) -> str:
        return f"{self.folder}lock.json"

    @property
    def checkpoint(self) -> str:
        return f"{self.folder}checkpoint.json"

    @property
    def stop(self) -> str:
        return f"{self.folder}stop.json"

    @property
    def last_harvest(self) -> str:
        return f"{self.folder}last_harvest.json"

    @property
    def notices(self) -> str:
        return f"{self.folder}notices.json"

    def changeset(self, changed: datetime, version: int) -> str:
        return f"{self.changesets}change-{changed.astimezone(UTC):%Y%m%d%H%M%S}-{version:08d}.json"

    def harvest(self, started: datetime) -> "HarvestKeys":
        return HarvestKeys(self.folder, started.astimezone(UTC).replace(microsecond=0))


@dataclass(frozen=True)
class HarvestKeys:
    """The keys of one harvest, named for the second (UTC) in which its folder was claimed."""

    collection_folder: str
    started: datetime

    @property
    def folder(self) -> str:
        return f"{self.collection_folder}harvests/{self.started:%Y/%m/%d/%H/%M/%S}/"

    @property
    def harvest(self) -> str:
        return f"{self.folder}harvest.json"

    @property
    def collection(self) -> str:
        return f"{self.folder}collection.json"

    @property
    def users(self) -> str:
        return f"{self.folder}users.jsonl"

    @property
    def user_changes(self) -> str:
        return f"{self.folder}user_changes.json"

    @property
    def events(self) -> str:
        return f"{self.folder}events.jsonl"

    def manifest(self, algorithm: str) -> str:
        return f"{self.folder}manifest-{algorithm}.txt"

    def file(self, name: str) -> str:
        return f"{self.folder}{name}"

    def part(self, segment: str, offset: int) -> str:
        """Bytes of a segment that is still being written, from `offset` on."""
        return f"{self.folder}open/{segment}-{offset:012d}"

    @property
    def parts(self) -> str:
        return f"{self.folder}open/"


def segment_name(opened: datetime, number: int) -> str:
    """`number` counts the segments of one harvest, so that two in one second are two files."""
    return f"{SEGMENTS}{opened.astimezone(UTC):%Y%m%d%H%M%S}-{number:06d}.jsonl.gz"


def harvest_folder(key: str) -> str:
    """The folder of the harvest that an object belongs to; empty for what belongs to none."""
    found = re.match(r"collections/[^/]+/harvests/\d{4}(?:/\d\d){5}/", key)
    return found[0] if found else ""


# What a collection and a harvest consist of (docs/data-layout.md), with the names of 2019.
_OWN = re.compile(
    r"(?:collection|last_harvest|lock|checkpoint|stop|notices)\.json|changesets/change-[0-9-]+\.json"
)
_OF_HARVEST = re.compile(
    r"(?:harvest|harvester|collection|user_changes)\.json|(?:users|events)\.jsonl|manifest-\w+\.txt|open/.+"
    rf"|{SEGMENTS}[0-9-]+\.jsonl\.gz"
)


def is_own(key: str) -> bool:
    """Whether a key has a name that this project gives; others put notes and markers among its objects."""
    folder = harvest_folder(key)
    if folder:
        return bool(_OF_HARVEST.fullmatch(key, len(folder)))
    return bool(_OWN.fullmatch(re.sub(r"^collections/[^/]+/", "", key)))


def describes_collection(key: str) -> bool:
    """Whether it holds a collection or a part of one: itself, a changeset, or a harvest's copy."""
    own = re.fullmatch(r"collections/[^/]+/(?:collection\.json|changesets/[^/]+\.json)", key)
    return bool(own or key == harvest_folder(key) + "collection.json")


def changeset_version(key: str) -> int:
    """The version in a changeset's name; 0 for those of 2019, which had none."""
    found = re.search(r"change-\d+-(\d+)\.json$", key)
    return int(found[1]) if found else 0


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC as stored everywhere, to the microsecond, e.g. 2026-11-23T07:00:00.000000+00:00."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """The reverse of `timestamp`; the naive timestamps of 2019 were UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
