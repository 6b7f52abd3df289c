"""What must hold of a collection once its harvests are over, whatever was done to them on the way.

It is judged from the files alone, as with gzip and sha1sum, and not by the code that wrote them.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harvester.collection.replay import replay
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.servers import Bucket

Tree = dict[str, Any]

FINAL = {"complete", "partial", "stopped", "failed", "interrupted"}
_RECORDS = re.compile(r"(?:tweets|users)-\d{14}-\d{6}\.jsonl\.gz")
_OF_RECORDS = re.compile(r"(?:matches|edges)-(\d{14}-\d{6}\.jsonl\.gz)")
_SIDE = {"lists.jsonl", "users.jsonl", "events.jsonl", "stats.jsonl", "user_changes.json", "collection.json"}
_UNLISTED = {"harvest.json", "manifest-sha1.txt", "manifest-sha256.txt"}
_EPOCH_MS = 1288834974657


@dataclass(frozen=True)
class Found:
    """What a collection holds. `wrong` names each promise that was broken; `harvests` are oldest first."""

    collection: Tree
    posts: Counter[str]
    harvests: list[Tree]
    gaps: list[Tree]
    events: list[Tree]
    wrong: list[str] = field(default_factory=list)

    @property
    def doubled(self) -> list[str]:
        return [post for post, times in self.posts.items() if times > 1]

    def lost(self, existed: Iterable[str]) -> list[str]:
        return [post for post in existed if post not in self.posts]

    def lost_unsaid(self, existed: Iterable[str]) -> list[str]:
        """Posts that are neither here nor within a gap that was recorded."""
        gaps = sorted((_moment(gap["from"]), _moment(gap["to"])) for gap in self.gaps)
        unsaid, at, until = [], 0, datetime.min.replace(tzinfo=UTC)
        for published, post in sorted((created(post), post) for post in self.lost(existed)):
            while at < len(gaps) and gaps[at][0] <= published:
                until = max(until, gaps[at][1])
                at += 1
            if published > until:
                unsaid.append(post)
        return unsaid


def created(post_id: str) -> datetime:
    """When a post was published, which is in its id, to the millisecond."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=(int(post_id) >> 22) + _EPOCH_MS)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def post_id_at(moment: datetime, number: int) -> str:
    """The reverse of `created`; `number` tells posts of one millisecond apart."""
    return str((int(moment.timestamp() * 1000) - _EPOCH_MS) << 22 | number & (1 << 22) - 1)


def mirrored(bucket: Bucket, folder: Path, *, below: str = "") -> Path:
    """All keys of a bucket that begin with `below`, as files in `folder`; the folder of its collections."""
    s3 = bucket.server.client()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=below):
        for entry in page.get("Contents", ()):
            path = folder / entry["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bucket.read(entry["Key"]))
    return folder / "collections"


def examined(collections: Path, collection_id: str, *, temp: Path) -> Found:
    """Everything that a collection says of itself, with whatever in it does not hold."""
    top = collections / collection_id
    wrong = list(_leftovers(top, temp))
    folders = sorted(path.parent for path in top.glob("harvests/*/*/*/*/*/*/harvest.json"))
    posts: Counter[str] = Counter()
    harvests, gaps, events = [], [], []
    for folder in folders:
        summary = json.loads((folder / "harvest.json").read_bytes())
        harvests.append(summary)
        here = _events(folder)
        events += here
        gaps += [*summary["gaps"], *(event for event in here if event["event"] == "gap")]
        inside = Counter(_posts(folder, wrong))
        posts += inside
        wrong += _wrong_of_one(folder, summary, inside)
    wrong += _wrong_together(collections, collection_id, folders, harvests)
    collection = json.loads((top / "collection.json").read_bytes())
    return Found(collection, posts, harvests, gaps, events, wrong)


def named_but_absent(store: Store, keys: CollectionKeys) -> list[str]:
    """What manifests, or the last harvest, point to and is not there; at no moment may there be any."""
    present = {entry.key for entry in store.entries(keys.folder)}
    named = set()
    for key in present:
        folder, _, name = key.rpartition("/")
        if name.startswith("manifest-"):
            lines = store.read(key).data.decode().splitlines()
            named |= {f"{folder}/{line.split('  ')[1]}" for line in lines}
    if keys.last_harvest in present:
        last = json.loads(store.read(keys.last_harvest).data)
        named.add(keys.harvest(datetime.fromisoformat(last["harvest_id"])).harvest)
    changeset = json.loads(store.read(keys.collection).data).get("changeset")
    return sorted((named | {keys.changesets + changeset}) - present)


def _leftovers(top: Path, temp: Path) -> Iterator[str]:
    """What only a harvest that runs, or a dead one, has."""
    for name in ("lock.json", "checkpoint.json", "stop.json"):
        if (top / name).exists():
            yield f"{name} was left"
    for path in top.rglob("*"):
        if path.is_file() and path.parent.name == "open":
            yield f"{path.relative_to(top)} was left"
    for path in temp.rglob("*"):
        if path.is_file():
            yield f"{path.relative_to(temp)} was left in the work folder"


def _posts(folder: Path, wrong: list[str]) -> Iterator[str]:
    for name in sorted(_listed(folder, "sha1")):
        if not _RECORDS.fullmatch(name):
            continue
        with gzip.open(folder / name) as lines:
            for line in lines:
                record = json.loads(line)
                if "__twarc" not in record and "matching_rules" not in record:
                    wrong.append(f"{name} holds a line that is no record")
                data = record["data"]
                found = data if isinstance(data, list) else [data]
                # Accounts have a name of their own.
                yield from (post["id"] for post in found if "username" not in post)


def _events(folder: Path) -> list[Tree]:
    path = folder / "events.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _listed(folder: Path, algorithm: str) -> dict[str, str]:
    path = folder / f"manifest-{algorithm}.txt"
    if not path.exists():
        return {}
    return {name: digest for digest, name in (line.split("  ") for line in path.read_text().splitlines())}


def _wrong_of_one(folder: Path, summary: Tree, posts: Counter[str]) -> Iterator[str]:
    where = "/".join(folder.parts[-6:])
    if summary["state"] not in FINAL:
        yield f"{where} is {summary['state']}"
    present = {path.name for path in folder.iterdir() if path.is_file()}
    for algorithm in ("sha1", "sha256"):
        listed = set(_listed(folder, algorithm))
        if present - listed - _UNLISTED:
            yield f"{where}: {sorted(present - listed - _UNLISTED)} is not in manifest-{algorithm}.txt"
        if listed and _refused(folder, algorithm):
            yield f"{where}: {algorithm}sum does not accept its manifest"
    side = {name for name in present if _OF_RECORDS.fullmatch(name)}
    unknown = {name for name in present - _SIDE - _UNLISTED - side if not _RECORDS.fullmatch(name)}
    if unknown:
        yield f"{where}: unknown files {sorted(unknown)}"
    yield from (f"{where}/{name} tells of posts in other lines" for name in side if _is_astray(folder, name))
    told = [event for event in _events(folder) if event["event"] == "gap"]
    if told != summary["gaps"]:
        yield f"{where} tells of {len(summary['gaps'])} gaps, its events of {len(told)}, or of others"
    if summary["tweets"] != posts.total():
        yield f"{where} says {summary['tweets']} posts and has {posts.total()}"
    sizes = [path.stat().st_size for path in folder.iterdir() if _RECORDS.fullmatch(path.name)]
    if (summary["files"], summary["file_bytes"]) != (len(sizes), sum(sizes)):
        yield f"{where} says {summary['files']} files, {summary['file_bytes']} bytes and has {sizes}"


def _is_astray(folder: Path, name: str) -> bool:
    """Whether a side file has no records, or tells of posts that are not in those lines of them."""
    records = folder / name.replace("matches-", "tweets-").replace("edges-", "users-")
    if not records.exists():
        return True
    data = [json.loads(line)["data"] for line in gzip.decompress(records.read_bytes()).splitlines()]
    ids = [[one["id"] for one in (each if isinstance(each, list) else [each])] for each in data]
    told = [json.loads(line) for line in gzip.decompress((folder / name).read_bytes()).splitlines()]
    # A line of matches names one of the posts of a record, a line of edges all accounts of a page.
    return any(
        each["line"] > len(ids)
        or (each["id"] not in ids[each["line"] - 1] if "id" in each else each["ids"] != ids[each["line"] - 1])
        for each in told
    )


def _refused(folder: Path, algorithm: str) -> bool:
    """As `sha256sum -c --strict` would, which tests of the manifest do; hundreds of these are looked at."""
    lines = (folder / f"manifest-{algorithm}.txt").read_text(encoding="utf-8").splitlines()
    return not all(_is_listed(folder, algorithm, line) for line in lines)


def _is_listed(folder: Path, algorithm: str, line: str) -> bool:
    digest, _, name = line.partition("  ")
    if not (folder / name).is_file():
        return False
    with (folder / name).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == digest


def _wrong_together(
    collections: Path, collection_id: str, folders: list[Path], harvests: list[Tree]
) -> Iterator[str]:
    top = collections / collection_id
    orphans = {path.parent for path in top.glob("harvests/**/*") if path.is_file()} - set(folders)
    if orphans:
        yield f"{sorted(map(str, orphans))} belongs to no harvest"
    known = {"collection.json", "last_harvest.json", "changesets", "harvests", "graph"}
    if {path.name for path in top.iterdir()} - known:
        yield f"unknown files {sorted({path.name for path in top.iterdir()} - known)}"
    last = json.loads((top / "last_harvest.json").read_bytes())
    if last["harvest_id"] != harvests[-1]["harvest_timestamp"] or last["state"] != harvests[-1]["state"]:
        yield f"last_harvest.json says {last}, the last is {harvests[-1]['harvest_timestamp']}"
    collection = json.loads((top / "collection.json").read_bytes())
    if replay(FolderStore(collections), CollectionKeys(collection_id)) != collection:
        yield "the changesets do not make collection.json"


def scratch_left(collections: Path) -> int:
    """How many half-written files the killed left in a folder store; those of yesterday are cleared away."""
    scratch = collections / ".scratch"
    left = [path for path in scratch.iterdir() if path.is_file()] if scratch.exists() else []
    yesterday = datetime.now(UTC).timestamp() - 2 * 86_400
    for path in left:
        os.utime(path, (yesterday, yesterday))
    FolderStore(collections)
    if any(path.is_file() for path in scratch.glob("*")):
        raise AssertionError(f"{scratch} is not cleared of what yesterday's killed left")
    return len(left)


def wipe(temp: Path) -> None:
    """The disk of a task that is gone."""
    shutil.rmtree(temp, ignore_errors=True)
