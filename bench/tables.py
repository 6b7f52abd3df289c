"""Tables beside DuckDB's own reading of the same pages, and a question to each: speed, memory and size.

Each step is a process of its own: `python -m bench.tables STEP FOLDER`.
"""

import gzip
import hashlib
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson

from bench.measured import Cost, cost
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys, segment_name
from harvester.store.reading import reader

_ROOT = Path(__file__).resolve().parents[1]
_KEYS = CollectionKeys("bench")
_BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)
_IN_FILE = 100_000
# DuckDB's reading of pages: what two dozen columns of ours hold, by one statement, unsorted.
_PEER = """
COPY (SELECT post.id::BIGINT AS key, post.id, retrieved_at, post.created_at,
    left(post.created_at::VARCHAR, 10) AS day, post.author_id, post.text, post.lang, post.source,
    post.conversation_id, post.public_metrics.like_count AS likes,
    post.public_metrics.retweet_count AS reposts,
    post.public_metrics.reply_count AS replies, post.public_metrics.quote_count AS quotes,
    post.possibly_sensitive, post.reply_settings,
    [each.tag for each in post.entities.hashtags] AS hashtags,
    [each.id for each in post.entities.mentions] AS mentions,
    [each.expanded_url for each in post.entities.urls] AS urls, post.geo.place_id,
    post.edit_history_tweet_ids AS edit_history
  FROM (SELECT unnest(data) AS post, __twarc.retrieved_at
        FROM read_json({pages}, format = 'newline_delimited', maximum_object_size = 33554432)))
TO '{out}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000)
"""
_BY_DAY = "SELECT day, count(*) FROM {rows} GROUP BY day ORDER BY day"
_OF_PAGES = (
    "(SELECT left(post.created_at::VARCHAR, 10) AS day FROM (SELECT unnest(data) AS post "
    "FROM read_json({pages}, format = 'newline_delimited', maximum_object_size = 33554432)))"
)


@dataclass(frozen=True)
class Figure:
    """What a step cost, and its bytes for a post; 0 where it leaves none."""

    what: str
    posts: int
    spent: Cost
    bytes_a_post: float

    @property
    def rate(self) -> float:
        """Posts in a second of CPU."""
        return self.posts / self.spent.cpu


def measure(*, posts: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _made(folder, posts)
        packed = sum(path.stat().st_size for path in _pages(folder)) / posts
        yield Figure("records, jsonl.gz", posts, _run("nothing", folder), packed)
        for what, step in (
            ("tables build", "build"),
            ("DuckDB, read_json of pages to Parquet", "peer"),
            ("by day, of tables", "by_day"),
            ("by day, DuckDB on jsonl.gz", "by_day_of_pages"),
        ):
            spent = _run(step, folder)
            yield Figure(what, posts, spent, _left(folder, step) / posts)
        posts_only = sum(path.stat().st_size for path in folder.rglob(".tables/v1/posts/**/*.parquet"))
        yield Figure("posts alone, of the tables", posts, _run("nothing", folder), posts_only / posts)


def _run(step: str, folder: Path) -> Cost:
    command = [sys.executable, "-m", "bench.tables", step, str(folder)]
    return cost(command, folder=folder, environment={"PYTHONPATH": str(_ROOT)})


def _left(folder: Path, step: str) -> int:
    if step == "build":
        return sum(path.stat().st_size for path in folder.rglob(".tables/**/*.parquet"))
    return (folder / "peer.parquet").stat().st_size if step == "peer" else 0


def _pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("tweets-*.jsonl.gz"))


def _made(folder: Path, posts: int) -> None:
    """A collection of pages with 100 posts each, over a year, in files as a harvest writes them."""
    store = FolderStore(folder / "collections")
    harvest = _KEYS.harvest(_BEGAN)
    draw = random.Random(1)
    words = [f"w{draw.getrandbits(20):x}" for _ in range(20_000)]
    digests = []
    for number, start in enumerate(range(0, posts, _IN_FILE), 1):
        name = segment_name(_BEGAN, number)
        pages = (_page(draw, words, at, posts) for at in range(start, min(start + _IN_FILE, posts), 100))
        data = gzip.compress(b"".join(pages), 6)
        store.create(harvest.file(name), data)
        digests.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    store.create(harvest.manifest("sha256"), "".join(digests).encode())
    store.create(harvest.harvest, orjson.dumps({"state": "complete", "tweets": posts}))
    tree = {"id": _KEYS.id, "type": "search", "search": {"query": "x"}}
    store.create(_KEYS.collection, orjson.dumps(tree))


def _page(draw: random.Random, words: list[str], start: int, posts: int) -> bytes:
    found = [_post(draw, words, (start + number) / posts) for number in range(100)]
    users = [_user(each) for each in sorted({post["author_id"] for post in found})]
    retrieved = {"url": "https://api.twitter.com/2/tweets", "version": "2.14.0"}
    return orjson.dumps(
        {
            "data": found,
            "includes": {"users": users},
            "meta": {"result_count": 100},
            "__twarc": {**retrieved, "retrieved_at": "2026-11-23T09:05:07+00:00"},
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _post(draw: random.Random, words: list[str], share: float) -> dict[str, Any]:
    """A post published at this share of the year."""
    moment = datetime(2025, 11, 1, tzinfo=UTC) + timedelta(days=365 * share)
    number = str((int(moment.timestamp() * 1000) - 1_288_834_974_657) << 22 | draw.getrandbits(12))
    tag, named = words[int(20_000 * draw.random() ** 4)], draw.randrange(20_000)
    text = " ".join(words[int(20_000 * draw.random() ** 3)] for _ in range(22))
    metrics = ("retweet_count", "reply_count", "like_count", "quote_count", "bookmark_count")
    return {
        "id": number,
        "text": f"{text} @user{named} #{tag} https://t.co/{draw.getrandbits(40):x}",
        "author_id": str(10**9 + draw.randrange(20_000)),
        "created_at": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
        "lang": draw.choice(("en", "de", "fr")),
        "conversation_id": number,
        "source": "Twitter Web App",
        "possibly_sensitive": False,
        "reply_settings": "everyone",
        "edit_history_tweet_ids": [number],
        "public_metrics": {name: draw.randrange(99) for name in metrics},
        "entities": {
            "hashtags": [{"start": 1, "end": 8, "tag": tag}],
            "mentions": [{"start": 1, "end": 9, "username": f"user{named}", "id": str(10**9 + named)}],
            "urls": [
                {"url": "https://t.co/a", "expanded_url": f"https://example.org/{draw.getrandbits(40):x}"}
            ],
        },
        "context_annotations": [
            {"domain": {"id": "46", "name": "Business Taxonomy"}, "entity": {"id": "155", "name": "Media"}}
        ],
        **({"geo": {"place_id": "4b485c18c6a6ab6f"}} if draw.random() < 0.02 else {}),
    }


def _user(account: str) -> dict[str, Any]:
    counts = {"followers_count": 5, "following_count": 7, "tweet_count": 9, "listed_count": 1}
    return {
        "id": account,
        "name": f"User {account}",
        "username": f"user{account}",
        "description": "x " * 30,
        "created_at": "2010-01-01T00:00:00.000Z",
        "protected": False,
        "public_metrics": counts,
    }


def _build(folder: Path) -> None:
    from harvester.tables.build import Builder

    store = FolderStore(folder / "collections")
    result = Builder(reader(store), store).build(_KEYS)
    assert result.rows and not result.bad


def _by_duck(statement: str, folder: Path) -> None:
    with duckdb.connect(config={"threads": "1"}) as connection:
        pages = [str(path) for path in _pages(folder)]
        found = connection.execute(statement.format(pages=pages, out=folder / "peer.parquet")).fetchall()
        assert found


def _by_day(folder: Path) -> None:
    rows = f"'{folder}/collections/.tables/v1/posts/*/*/*.parquet'"
    _by_duck(_BY_DAY.format(rows=rows), folder)


_STEPS: dict[str, Callable[[Path], None]] = {
    "nothing": lambda _: None,
    "build": _build,
    "peer": lambda folder: _by_duck(_PEER, folder),
    "by_day": _by_day,
    "by_day_of_pages": lambda folder: _by_duck(_BY_DAY.format(rows=_OF_PAGES), folder),
}

if __name__ == "__main__":
    _STEPS[sys.argv[1]](Path(sys.argv[2]))
