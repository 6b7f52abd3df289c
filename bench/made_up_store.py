"""Writes a store of made-up pages, for what reads collections: `python -m bench.made_up_store FOLDER POSTS`.

Words, tags and accounts are as frequent as in texts (Zipf), dates spread over a year, 2 % have a place.
"""

import gzip
import hashlib
import itertools
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

COLLECTION = "bench"
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_PER_FILE, _PER_PAGE = 25_000, 100
_EPOCH_MS = 1_288_834_974_657
_LETTERS = "abcdefghijklmnop"


class _Zipf:
    """Values of which the first are drawn most often."""

    def __init__(self, draw: Random, values: Sequence[Any], *, flat: int = 1) -> None:
        self._draw, self._values = draw, values
        self._weights = list(itertools.accumulate(1 / (at + flat) for at in range(len(values))))

    def some(self, number: int) -> list[Any]:
        return self._draw.choices(self._values, cum_weights=self._weights, k=number)


class _Posts:
    def __init__(self, seed: int) -> None:
        self.draw = draw = Random(seed)
        self.words = _Zipf(draw, _words())
        self.tags = _Zipf(draw, [f"tag{number}" for number in range(2_000)])
        self.users = _Zipf(draw, [_user(number) for number in range(50_000)], flat=10)

    def page(self, first: int, retrieved: datetime) -> bytes:
        users = self.users.some(_PER_PAGE)
        posts = [self._post(first + at, user["id"]) for at, user in enumerate(users)]
        line = {
            "data": posts,
            "includes": {"users": [*{user["id"]: user for user in users}.values()]},
            "__twarc": {"retrieved_at": retrieved.isoformat()},
        }
        return orjson.dumps(line)

    def _post(self, number: int, author: str) -> dict[str, Any]:
        draw = self.draw
        ms = int(_BEGAN.timestamp() * 1000) + draw.randrange(365 * 86_400_000)
        created = datetime.fromtimestamp(ms / 1000, UTC)
        tags = self.tags.some(draw.choice((0, 0, 1, 2)))
        more: dict[str, Any] = {}
        if draw.random() < 0.02:
            place = [draw.uniform(5, 15), draw.uniform(45, 55)]
            more["geo"] = {"coordinates": {"type": "Point", "coordinates": place}}
        return {
            "id": str((ms - _EPOCH_MS) << 22 | number & 0x3FFFFF),
            "text": " ".join([*self.words.some(18), *(f"#{tag}" for tag in tags)]),
            "author_id": author,
            "created_at": f"{created:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z",
            "lang": draw.choice(("en", "de", "fr")),
            "conversation_id": "1",
            "edit_history_tweet_ids": ["1"],
            "possibly_sensitive": False,
            "entities": {
                "hashtags": [{"start": 1, "end": 2, "tag": tag} for tag in tags],
                "urls": [{"url": "https://t.co/abcdefghij", "expanded_url": f"https://example.org/{number}"}],
            },
            "public_metrics": {"retweet_count": 1, "reply_count": 2, "like_count": number % 99},
            **more,
        }


def _words() -> list[str]:
    draw = Random(2)
    return ["".join(draw.choices(_LETTERS, k=draw.randint(3, 9))) for _ in range(30_000)]


def word(place: int) -> str:
    """The word that is so far from the most frequent one."""
    return _words()[place]


def _user(number: int) -> dict[str, Any]:
    return {
        "id": str(10**9 + number),
        "username": f"user{number}",
        "name": f"User {number}",
        "description": "collected for a measurement",
        "created_at": "2015-01-01T00:00:00.000Z",
        "protected": False,
        "public_metrics": {"followers_count": number, "following_count": 5, "tweet_count": 7},
    }


def write(folder: Path, posts: int, *, per_file: int = _PER_FILE, seed: int = 1) -> None:
    """A collection with one harvest a file."""
    made = _Posts(seed)
    (folder / COLLECTION).mkdir(parents=True)
    tree = {"id": COLLECTION, "type": "user_timeline", "users": {}}
    (folder / COLLECTION / "collection.json").write_bytes(orjson.dumps(tree))
    for number, first in enumerate(range(0, posts, per_file)):
        started = _BEGAN + timedelta(days=366, minutes=number)
        here = folder / COLLECTION / f"harvests/{started:%Y/%m/%d/%H/%M/%S}"
        here.mkdir(parents=True)
        last = min(posts, first + per_file)
        lines = [made.page(at, started) for at in range(first, last, _PER_PAGE)]
        data = gzip.compress(b"\n".join([*lines, b""]), 2)
        name = f"tweets-{started:%Y%m%d%H%M%S}-000001.jsonl.gz"
        (here / name).write_bytes(data)
        for algorithm in ("sha1", "sha256"):
            digest = hashlib.new(algorithm, data).hexdigest()
            (here / f"manifest-{algorithm}.txt").write_text(f"{digest}  {name}\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
