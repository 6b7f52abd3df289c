"""How many MB of uncompressed records are verified a second by one core, pages and stream objects."""

import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench import harvests
from bench.measured import Cost, cost
from harvester.harvest.segment import Segment

_NOW = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)
_HARVEST = "collections/bench/harvests/2026/11/23/09/00/00"
_PAGE = 100
KINDS = ("pages", "stream objects")
COMMAND = ("collection", "verify", "bench")


def measure(*, megabytes: int) -> Iterator[tuple[str, int, Cost]]:
    """For each kind of record: its name, the uncompressed bytes, what verifying them cost."""
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            raw = stored(folder, kind, megabytes)
            yield kind, raw, cost(harvests.HERE.person(*COMMAND), folder=folder, environment={})


def stored(folder: Path, kind: str, megabytes: int) -> int:
    """Write a harvest of about this many MB; returns the bytes of records it holds."""
    harvests.write(folder, "bench", type="search", search={"query": "snow"})
    here = folder / _HARVEST
    here.mkdir(parents=True)
    chance, raw, posts = random.Random(1), 0, 0
    files: list[Any] = []
    words = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyzäö", k=chance.randint(2, 9))) for _ in range(5000)
    ]
    while raw < megabytes << 20:
        segment = Segment(here / f"tweets-20261123090000-{len(files) + 1:06d}.jsonl.gz")
        while segment.raw_bytes < 64 << 20 and raw + segment.raw_bytes < megabytes << 20:
            found = [_post(chance, words) for _ in range(_PAGE)]
            lines = [{"data": found}] if kind == "pages" else [{"data": post} for post in found]
            text = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
            segment.write(text, posts=_PAGE)
        raw += segment.raw_bytes
        posts += segment.posts
        files.append(segment.close())
    account = {
        "collection_id": "bench",
        "harvest_timestamp": _NOW.isoformat(timespec="microseconds"),
        "state": "complete",
        "tweets": posts,
        "files": len(files),
        "file_bytes": sum(file.size for file in files),
        "gaps": [],
    }
    (here / "harvest.json").write_bytes(orjson.dumps(account))
    for algorithm in ("sha1", "sha256"):
        lines_of = "".join(f"{getattr(file, algorithm)}  {file.name}\n" for file in files)
        (here / f"manifest-{algorithm}.txt").write_text(lines_of)
    last = {"harvest_id": account["harvest_timestamp"], "state": "complete"}
    (folder / "collections" / "bench" / "last_harvest.json").write_bytes(orjson.dumps(last))
    return raw


def _post(chance: random.Random, words: list[str]) -> dict[str, object]:
    """About 2.6 KB, as the network sends them with all fields."""
    post_id = str(chance.randrange(10**18, 2 * 10**18))
    entity = [
        {"id": str(chance.randrange(10**9)), "name": " ".join(chance.choices(words, k=3))} for _ in range(12)
    ]
    return {
        "id": post_id,
        "text": " ".join(chance.choices(words, k=35)),
        "author_id": str(chance.randrange(10**9)),
        "created_at": "2026-11-23T09:00:00.000Z",
        "context_annotations": [{"domain": each, "entity": each} for each in entity],
        "entities": {"urls": [{"start": 0, "end": 23, "url": f"https://t.co/{chance.randrange(10**10)}"}]},
        "public_metrics": {
            name: chance.randrange(1000) for name in ("like_count", "reply_count", "quote_count")
        },
        "lang": "de",
    }
