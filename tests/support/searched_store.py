"""Stores of made-up harvests that are searched: pages of posts with words, tags, accounts and places."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

from harvester.harvest.manifest import ALGORITHMS
from harvester.store.keys import ROOT, CollectionKeys, HarvestKeys, segment_name

BEGAN = datetime(2026, 11, 1, 9, 0, 0, tzinfo=UTC)
WORDS = (
    "flood",
    "floods",
    "climate",
    "sea",
    "level",
    "rise",
    "Zürich",
    "東京都",
    "a",
    "🔥",
    "don't",
    "sea-level",
)
TAGS = ("Flood", "Climate", "ZÜRICH", "東京")
NAMES = ("jack", "Biz", "u_1")
LANGS = ("en", "de", "ja")


def post(post_id: int, text: str, **more: Any) -> dict[str, Any]:
    """A post as a page has it; its time is that of its id."""
    created = datetime.fromtimestamp(((post_id >> 22) + 1_288_834_974_657) / 1000, UTC)
    return {
        "id": str(post_id),
        "text": text,
        "author_id": "12",
        "created_at": f"{created:%Y-%m-%dT%H:%M:%S}.{created.microsecond // 1000:03}Z",
        **more,
    }


def post_id(moment: datetime, number: int = 0) -> int:
    return (int(moment.timestamp() * 1000) - 1_288_834_974_657) << 22 | number


def made_up_post(draw: Random, moment: datetime, number: int) -> dict[str, Any]:
    more: dict[str, Any] = {"author_id": str(draw.randint(1, 3)), "lang": draw.choice(LANGS)}
    entities: dict[str, Any] = {}
    if draw.random() < 0.5:
        entities["hashtags"] = [{"tag": tag} for tag in draw.sample(TAGS, draw.randint(1, 2))]
    if draw.random() < 0.3:
        entities["mentions"] = [{"username": draw.choice(NAMES), "id": "1"}]
    if draw.random() < 0.2:
        entities["urls"] = [{"url": "https://t.co/a", "expanded_url": "https://example.org/a"}]
    if draw.random() < 0.3:
        place = [draw.uniform(-180, 180), draw.uniform(-85, 85)]
        more["geo"] = {"coordinates": {"type": "Point", "coordinates": place}}
    if draw.random() < 0.3:
        kind = draw.choice(("retweeted", "replied_to", "quoted"))
        more["referenced_tweets"] = [{"type": kind, "id": "1"}]
    text = " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 8)))
    return post(post_id(moment, number), text, entities=entities, **more)


def page(
    posts: Sequence[dict[str, Any]],
    retrieved: datetime,
    *,
    included: Sequence[dict[str, Any]] = (),
    users: Sequence[dict[str, Any]] | None = None,
) -> bytes:
    """A stored line with these posts; the accounts 1 to 3 are those of NAMES."""
    named = [{"id": str(at), "username": name, "name": name} for at, name in enumerate(NAMES, 1)]
    includes = {"users": [*named, {"id": "12", "username": "jack"}] if users is None else users}
    line = {
        "data": posts,
        "includes": {**includes, "tweets": included},
        "__twarc": {"retrieved_at": retrieved.isoformat()},
    }
    return orjson.dumps(line)


def write_collection(folder: Path, collection: str, tree: dict[str, Any] | None = None) -> None:
    """A collection.json in a folder of collections."""
    path = folder / collection / "collection.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    tree = tree or {"type": "user_timeline", "users": {"12": {"screen_name": "jack"}}}
    path.write_bytes(orjson.dumps({"id": collection, **tree}))


def write_harvest(
    folder: Path,
    collection: str,
    started: datetime,
    files: Sequence[Sequence[bytes]],
    *,
    repairs: bool = False,
    sides: Mapping[str, bytes] | None = None,
) -> list[Path]:
    """A finished harvest with a file of records for each list of lines; `sides` are its other files."""
    if not (folder / collection / "collection.json").exists():
        write_collection(folder, collection)
    keys = CollectionKeys(collection)
    here = (keys.repairs if repairs else keys).harvest(started)
    written = {}
    for number, lines in enumerate(files, 1):
        data = gzip.compress(b"".join(line + b"\n" for line in lines), 1, mtime=0)
        written[segment_name(started, number)] = data
    written |= sides or {}
    top = _path(folder, here)
    top.mkdir(parents=True, exist_ok=True)
    for name, data in written.items():
        (top / name).write_bytes(data)
    for algorithm in ALGORITHMS:
        digests = {name: hashlib.new(algorithm, data).hexdigest() for name, data in written.items()}
        text = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
        (top / f"manifest-{algorithm}.txt").write_text(text)
    return [top / name for name in written]


def _path(folder: Path, here: HarvestKeys) -> Path:
    return folder / here.folder.removeprefix(ROOT)


def made_up_store(
    folder: Path, draw: Random, *, collections: int = 2, harvests: int = 3, posts: int = 40
) -> None:
    """Collections with harvests that overlap: posts come again, some of them with another text."""
    for at in range(collections):
        known: list[dict[str, Any]] = []
        for number in range(harvests):
            started = BEGAN + timedelta(days=number, seconds=at)
            new = [
                made_up_post(draw, started - timedelta(hours=hour), at * 1000 + hour) for hour in range(posts)
            ]
            again = [{**each, "text": made_up_post(draw, started, 0)["text"]} for each in known[:5]]
            known = [*known, *new]
            lines = [
                page(new[begin : begin + 10], started + timedelta(seconds=begin), included=again[:1])
                for begin in range(0, posts, 10)
            ]
            lines.append(page(again, started + timedelta(minutes=5), included=draw.sample(new, 2)))
            write_harvest(folder, f"c{at}", started, [lines[:2], lines[2:]], repairs=number == 1)
