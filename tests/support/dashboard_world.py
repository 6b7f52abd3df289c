"""A folder of collections for looking at: months of harvests with every state, gaps, and hostile words."""

import gzip
import hashlib
import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harvester.clock import SystemClock, timestamp
from harvester.collection import history
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

# When the world is looked at.
NOW = datetime(2026, 11, 26, 9, 31, 7, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script> <img src=x onerror=alert(1)> \u202etxt.exe javascript:alert(1)'

# Those that can be read.
COLLECTIONS = ("museums", "election", "storms", "new-year", "hostile")
_NAMES = ("britishmuseum", "rijksmuseum", "metmuseum", "oldgallery", "moma", "tate", "hermitage", "prado")
_REASONS = {
    "failed": "X answers 503: Service Unavailable.",
    "partial": "1 user failed",
    "interrupted": "it died; the next harvest stored what it left",
    "stopped": "a stop was requested",
}


class WorldClock(SystemClock):
    """At one moment, while seconds pass."""

    def now(self) -> datetime:
        return NOW


def made_up(folder: Path, *, days: int = 100, with_strange: bool = True) -> FolderStore:
    """The collections below `folder`, the same each time; `with_strange` also hostile and damaged ones."""
    store, chance = FolderStore(folder), random.Random(2026)
    users = {
        str(100 + number): {
            "screen_name": name,
            "tweet_count": chance.randint(900, 40_000),
            "looked_up": "2026-11-25",
        }
        for number, name in enumerate(_NAMES)
    }
    users["103"]["sightings"] = {"suspended": 3}
    users["106"]["sightings"] = {"protected": 2}
    _add(store, "museums", "user_timeline", title="Museums of the world", users=users)
    _add(
        store, "election", "search", title="The election", search={"query": "election OR vote"}, budget_usd=50
    )
    _add(store, "storms", "filter", title="Storms, as they come", filter={"track": "storm,flood"})
    _add(store, "new-year", "search", title="Wishes", search={"query": "#2027"})
    for name, each, hours in (("museums", 1, 1), ("election", 1, 0.4), ("storms", 4, 95)):
        for began in _times(days, each):
            _harvest(folder / name, name, began, hours, chance)
    if with_strange:
        _strange(store, folder, chance)
        _crawl(store, folder / "followers")
    return store


def _crawl(store: FolderStore, folder: Path) -> None:
    """A crawl that waits for the approval of its second depth."""
    began = (NOW - timedelta(days=1)).replace(microsecond=0)
    started = timestamp(began)
    crawl = {"started": started, "depth": 0, "users": 2}
    select = {"min_followers": 5}
    section = {"max_depth": 1, "select": select, "crawl": {"started": started, "depth": 1}}
    users = {"100": {"screen_name": _NAMES[0]}, "101": {"screen_name": _NAMES[1]}}
    _add(store, "followers", "graph", title="Who follows them", users=users, graph=section, budget_usd=50)
    figures = {
        "crawl": timestamp(began),
        "depth": 1,
        "users": 3,
        "found": 9,
        "usd_at_most": 41.5,
        "usd_less_overlap": 40.0,
        "known_share": 0.04,
        "uncounted": 0,
        "rejected": {"min_followers": 6},
    }
    keys = CollectionKeys("followers").crawl(began)
    store.create(keys.depth(0), gzip.compress(b"100\n101\n", mtime=0))
    store.create(keys.figures(1), json.dumps(figures).encode())
    store.create(keys.order(1), gzip.compress(b"7\t50\n8\t900\n9\t3200\n", mtime=0))
    store.create(keys.depth(1), gzip.compress(b"7\n8\n9\n", mtime=0))
    here = folder / "harvests" / f"{began:%Y/%m/%d/%H/%M/%S}"
    here.mkdir(parents=True)
    summary = {
        "collection_id": "followers",
        "harvest_timestamp": timestamp(began),
        "state": "complete",
        "reason": "",
        "tweets": 0,
        "files": 1,
        "file_bytes": 9_000,
        "gaps": [],
        "crawl": crawl,
        "counts": {"edges": 12, "users": 12, "users_done": 1, "users_unavailable": 1, "pages": 1},
        "billed": {"usd": 0.14, "prices_as_of": "2026-08-22", "by_endpoint": {}},
        "updated": timestamp(began),
        "harvest_end_timestamp": timestamp(began),
        "exit_code": 0,
    }
    (here / "harvest.json").write_text(json.dumps(summary))
    pointer = {"harvest_id": timestamp(began), "state": "complete"}
    (folder / "last_harvest.json").write_text(json.dumps(pointer))


def _strange(store: FolderStore, folder: Path, chance: random.Random) -> None:
    _add(store, "hostile", "search", title=HOSTILE, search={"query": HOSTILE}, notes=HOSTILE)
    (folder / "damaged").mkdir()
    (folder / "damaged" / "collection.json").write_text('{"id": "damaged", ')
    _harvest(folder / "hostile", "hostile", NOW - timedelta(days=2), 0.1, chance, reason=HOSTILE)


def _add(store: FolderStore, name: str, kind: str, **more: Any) -> None:
    history.add(store, CollectionKeys(name), {"id": name, "type": kind, **more})


def _times(days: int, each: int) -> Iterator[datetime]:
    for number in range(days, 0, -each):
        yield (NOW - timedelta(days=number)).replace(hour=6, minute=0, second=5)


def _harvest(
    folder: Path, name: str, began: datetime, hours: float, chance: random.Random, *, reason: str = ""
) -> None:
    state = chance.choices(("complete", "partial", "failed", "stopped", "interrupted"), (80, 9, 5, 3, 3))[0]
    season = 1 + 0.6 * math.sin(began.toordinal() / 6)
    posts = 0 if state == "failed" or chance.random() < 0.05 else int(chance.gauss(1200, 250) * season) + 40
    end = began + timedelta(hours=hours)
    gaps = [_gap(began, hours, chance)] if hours > 2 and chance.random() < 0.35 else []
    here = folder / "harvests" / f"{began:%Y/%m/%d/%H/%M/%S}"
    here.mkdir(parents=True)
    summary = {
        "collection_id": name,
        "harvest_timestamp": timestamp(began),
        "state": state if not reason else "failed",
        "reason": reason or _REASONS.get(state, ""),
        "tweets": posts,
        "files": int(posts > 0),
        "file_bytes": posts * 590,
        "gaps": gaps,
        "billed": {
            "usd": round(posts * 0.005, 2),
            "prices_as_of": "2026-08-22",
            "by_endpoint": {"tweets/search/all": {"posts": posts, "users": 0, "requests": posts // 100 + 1}},
        },
        "software": "twarc-cloud 2.0.0",
        "updated": timestamp(end),
        "harvest_end_timestamp": timestamp(end),
        "exit_code": 0 if state != "failed" else 1,
    }
    (here / "harvest.json").write_text(json.dumps(summary))
    if posts:
        _write_records(here, began, posts // 60 + 1, chance, hostile=bool(reason))
    events = [{"event": "disconnect", "message": HOSTILE if reason else "a silence of 20 s"}, *gaps]
    (here / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    pointer = {"harvest_id": timestamp(began), "state": summary["state"]}
    (folder / "last_harvest.json").write_text(json.dumps(pointer))


_WORDS = (
    *(
        "museum",
        "night",
        "storm",
        "flood",
        "library",
        "harbour",
        "election",
        "vote",
        "rain",
        "river",
        "light",
    ),
    *(
        "open",
        "today",
        "new",
        "old",
        "city",
        "archive",
        "letters",
        "map",
        "garden",
        "winter",
        "Zürich",
        "東京",
    ),
)
_PLACES = ((52.52, 13.4), (48.86, 2.35), (40.71, -74.0), (35.68, 139.7), (-33.9, 151.2), (47.1, 9.9))


def _write_records(
    folder: Path, began: datetime, posts: int, chance: random.Random, *, hostile: bool
) -> None:
    """A page of X with the given number of posts, with its authors, and its two manifests."""
    made = [_post(began - timedelta(minutes=13 * each), chance, hostile=hostile) for each in range(posts)]
    users = [{"id": str(100 + number), "username": name, "name": name} for number, name in enumerate(_NAMES)]
    page = {
        "data": made,
        "includes": {"users": users},
        "meta": {"result_count": posts},
        "__twarc": {
            "url": "https://api.twitter.com/2/tweets/search/all",
            "version": "2.14.0",
            "retrieved_at": f"{began:%Y-%m-%dT%H:%M:%S}+00:00",
        },
    }
    name = f"tweets-{began:%Y%m%d%H%M%S}-000001.jsonl.gz"
    data = gzip.compress(json.dumps(page, ensure_ascii=False).encode() + b"\n", 6, mtime=0)
    (folder / name).write_bytes(data)
    for algorithm in ("sha1", "sha256"):
        digest = hashlib.new(algorithm, data).hexdigest()
        (folder / f"manifest-{algorithm}.txt").write_text(f"{digest}  {name}\n")


def _post(at: datetime, chance: random.Random, *, hostile: bool) -> dict[str, Any]:
    number = (int(at.timestamp() * 1000) - 1_288_834_974_657) << 22 | chance.getrandbits(22)
    tag = chance.choice(_WORDS[:12])
    words = HOSTILE if hostile else " ".join(chance.choices(_WORDS, k=chance.randint(5, 18)))
    text = f"{words} #{tag}"
    post: dict[str, Any] = {
        "id": str(number),
        "text": text,
        "author_id": str(100 + chance.randrange(len(_NAMES))),
        "created_at": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
        "lang": chance.choice(("en", "en", "en", "de", "fr", "ja")),
        "conversation_id": str(number),
        "edit_history_tweet_ids": [str(number)],
        "entities": {"hashtags": [{"start": len(words) + 1, "end": len(text), "tag": tag}]},
        "public_metrics": {
            name: chance.randint(0, 90)
            for name in ("like_count", "retweet_count", "reply_count", "quote_count", "bookmark_count")
        },
    }
    if chance.random() < 0.2:
        latitude, longitude = chance.choice(_PLACES)
        point = [longitude + chance.uniform(-2, 2), latitude + chance.uniform(-2, 2)]
        post["geo"] = {"coordinates": {"type": "Point", "coordinates": point}}
    return post


def _gap(began: datetime, hours: float, chance: random.Random) -> dict[str, Any]:
    since = began + timedelta(hours=chance.uniform(0, hours - 2))
    until = since + timedelta(minutes=chance.uniform(3, 100))
    return {
        "event": "gap",
        "from": timestamp(since),
        "to": timestamp(until),
        "reason": "the connection was lost",
    }
