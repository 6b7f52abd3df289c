"""How many posts a CPU second are read and exported, beside the tools that do the same."""

import gzip
import hashlib
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench import harvests
from bench.measured import Cost, cost

_HERE = "collections/bench/harvests/2026/11/23/09/00/00"
_PAGE, _A_FILE = 100, 20_000
_USERS = 5_000
_TWARC2 = str(Path(sys.executable).with_name("twarc2"))
_ROOT = str(Path(__file__).resolve().parents[1])
_EXTRA = "author.public_metrics.like_count,author.public_metrics.media_count"

_READ = """
import sys; sys.path.insert(0, sys.argv[1])
from harvester.reading import local_lines
print(sum(len(line.rows.posts) for name in sys.argv[2:] for line in local_lines(name)))
"""
# The rows of mentions as networkx takes them, read by the same reader.
_NETWORKX = """
import sys; sys.path.insert(0, sys.argv[1])
import networkx
from harvester.reading import local_lines
graph = networkx.DiGraph()
for name in sys.argv[2:]:
    for line in local_lines(name):
        for post in line.rows.posts:
            for user in post.mentions:
                if graph.has_edge(post.author_id, user):
                    graph[post.author_id][user]["weight"] += 1
                else:
                    graph.add_edge(post.author_id, user, weight=1)
networkx.write_gexf(graph, "networkx.gexf")
"""

# The same with the mentions in the tables.
_NETWORKX_OF_TABLES = """
import duckdb, networkx
graph = networkx.DiGraph()
found = duckdb.execute("SELECT author_id, account_id FROM 'collections/.tables/v1/mentions/**/*.parquet'")
while rows := found.fetchmany(10_000):
    for author, user in rows:
        if graph.has_edge(author, user):
            graph[author][user]["weight"] += 1
        else:
            graph.add_edge(author, user, weight=1)
networkx.write_gexf(graph, "networkx-tables.gexf")
"""


@dataclass(frozen=True)
class Export:
    """One job by one tool."""

    job: str
    tool: str
    posts: int
    spent: Cost

    @property
    def rate(self) -> float:
        """Posts a CPU second."""
        return self.posts / self.spent.cpu


def measure(*, posts: int, slow_posts: int) -> Iterator[Export]:
    """Each job by this project first; tools that are slow get fewer posts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = _stored(folder, posts)
        few, number = folder / "few.jsonl", min(slow_posts, _A_FILE, posts)
        few.write_bytes(
            b"\n".join(gzip.decompress(files[0].read_bytes()).splitlines()[: number // _PAGE]) + b"\n"
        )
        names = [str(path) for path in files]
        jobs: list[tuple[str, str, int, list[str]]] = [
            ("read", "this project", posts, [sys.executable, "-c", _READ, _ROOT, *names]),
            ("csv", "this project", posts, _export("csv", "-o", "ours.csv")),
            (
                "csv",
                "twarc-csv",
                number,
                [_TWARC2, "csv", "--hide-progress", "--extra-input-columns", _EXTRA, str(few), "theirs.csv"],
            ),
            ("jsonl", "this project", posts, _export("jsonl", "-o", "ours.jsonl")),
            (
                "jsonl",
                "twarc2 flatten",
                number,
                [_TWARC2, "flatten", "--hide-progress", str(few), "theirs.jsonl"],
            ),
            ("network", "this project", posts, _export("network", "-o", "ours.gexf")),
            (
                "network",
                "twarc-network",
                number,
                [_TWARC2, "network", "--format", "gexf", str(few), "theirs.gexf"],
            ),
            (
                "network of mentions",
                "this project",
                posts,
                _export("network", "--edges", "mention", "-o", "mentions.gexf"),
            ),
            (
                "network of mentions",
                "networkx, our reader",
                posts,
                [sys.executable, "-c", _NETWORKX, _ROOT, *names],
            ),
            ("sorted", "this project", posts, _export("sorted", "-o", "sorted.jsonl.gz")),
            ("ids", "this project", posts, _export("ids", "-o", "ids.txt")),
            # From here on there are tables, which networks are counted in.
            ("tables", "this project", posts, harvests.HERE.person("tables", "build", "bench")),
            ("network, by tables", "this project", posts, _export("network", "-o", "tables.gexf")),
            (
                "mentions, by tables",
                "this project",
                posts,
                _export("network", "--edges", "mention", "-o", "tables-mentions.gexf"),
            ),
            (
                "mentions, by tables",
                "networkx, DuckDB",
                posts,
                [sys.executable, "-c", _NETWORKX_OF_TABLES],
            ),
        ]
        for job, tool, count, command in jobs:
            environment = {"BEARER_TOKEN": "none", "HOME": name, "TWARC_CLOUD_PROGRESS": "none"}
            yield Export(job, tool, count, cost(command, folder=folder, environment=environment))


def _export(form: str, *options: str) -> list[str]:
    return harvests.HERE.person("export", form, "bench", *options)


def _stored(folder: Path, posts: int) -> list[Path]:
    """A collection of pages with accounts, mentions and hashtags, as a harvest stores it."""
    harvests.write(folder, "bench", type="search", search={"query": "snow"})
    here = folder / _HERE
    here.mkdir(parents=True)
    chance = random.Random(1)
    words = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(5000)
    ]
    made = []
    for start in range(0, posts, _A_FILE):
        path = here / f"tweets-20261123090000-{start // _A_FILE + 1:06d}.jsonl.gz"
        pages = (_page(chance, words, at) for at in range(start, min(start + _A_FILE, posts), _PAGE))
        path.write_bytes(gzip.compress(b"".join(orjson.dumps(page) + b"\n" for page in pages), 3))
        made.append(path)
    for algorithm in ("sha1", "sha256"):
        lines = (f"{hashlib.new(algorithm, path.read_bytes()).hexdigest()}  {path.name}\n" for path in made)
        (here / f"manifest-{algorithm}.txt").write_text("".join(lines))
    return made


def _page(chance: random.Random, words: list[str], start: int) -> dict[str, Any]:
    """A page of about 2.5 KB a post, with the accounts of all authors and of who is mentioned."""
    posts = [_post(chance, words, start + number) for number in range(_PAGE)]
    users = {post["author_id"] for post in posts}
    users |= {each["id"] for post in posts for each in post["entities"]["mentions"]}
    return {
        "data": posts,
        "includes": {"users": [_user(number) for number in sorted(users)]},
        "meta": {"result_count": _PAGE},
        "__twarc": {
            "url": "https://api.x.com/2",
            "version": "2.14.0",
            "retrieved_at": "2026-11-23T09:00:01+00:00",
        },
    }


def _post(chance: random.Random, words: list[str], number: int) -> dict[str, Any]:
    mentions = [_number(chance) for _ in range(chance.randrange(3))]
    annotation = {"domain": {"id": "10", "name": "Person"}, "entity": {"id": "11", "name": "Someone"}}
    post_id = str((1_500_000_000_000 + number * 1000) << 22)
    return {
        "id": post_id,
        "text": " ".join(chance.choices(words, k=35)),
        "author_id": _number(chance),
        "conversation_id": post_id,
        "created_at": "2026-11-23T09:00:00.000Z",
        "lang": "en",
        "source": "X Web App",
        "possibly_sensitive": False,
        "reply_settings": "everyone",
        "context_annotations": [annotation] * 8,
        "entities": {
            "mentions": [{"start": 0, "end": 5, "username": f"user_{user}", "id": user} for user in mentions],
            "hashtags": [{"start": 9, "end": 15, "tag": chance.choice(words)} for _ in range(2)],
            "urls": [
                {
                    "url": "https://t.co/x",
                    "expanded_url": f"https://example.org/{number}",
                    "display_url": "example.org",
                }
            ],
        },
        "public_metrics": dict.fromkeys(
            (
                "retweet_count",
                "reply_count",
                "like_count",
                "quote_count",
                "bookmark_count",
                "impression_count",
            ),
            number % 1000,
        ),
        "edit_history_tweet_ids": [post_id],
        "edit_controls": {
            "edits_remaining": 5,
            "is_edit_eligible": True,
            "editable_until": "2026-11-23T10:00:00.000Z",
        },
    }


def _number(chance: random.Random) -> str:
    """Few accounts write much."""
    return str(10**9 + int(_USERS * chance.random() ** 3))


def _user(user: str) -> dict[str, Any]:
    counts = (
        "followers_count",
        "following_count",
        "tweet_count",
        "listed_count",
        "like_count",
        "media_count",
    )
    return {
        "id": user,
        "username": f"user_{user}",
        "name": f"User {user}",
        "created_at": "2010-01-01T00:00:00.000Z",
        "description": "One who writes about snow and other things, here and there.",
        "location": "Dornbirn",
        "protected": False,
        "verified": False,
        "verified_type": "none",
        "profile_image_url": "https://pbs.example.org/x.jpg",
        "public_metrics": dict.fromkeys(counts, 7),
    }
