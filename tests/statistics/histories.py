"""A collection with figures of two harvests, as they are stored."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from harvester.clock import timestamp
from harvester.collection import history
from harvester.store import Store
from harvester.store.keys import CollectionKeys

KEYS = CollectionKeys("storms")
BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def line(at: datetime, minute: int, **more: Any) -> dict[str, Any]:
    """Of a stream of 200 posts a minute."""
    return {
        "at": timestamp(at),
        "tweets": 200 * minute,
        "files": 1 + minute // 31,
        "file_bytes": 160_000 * minute,
        "gaps": 0,
        "requests": 1,
        "usd": float(minute),
        "waiting_s": 0.0,
        "rss_mb": 88,
        **more,
    }


def lines(began: datetime, number: int, **more: Any) -> list[dict[str, Any]]:
    return [line(began + timedelta(minutes=n - 1), n, **more) for n in range(1, number + 1)]


def harvest(store: Store, began: datetime, found: Sequence[dict[str, Any]], **summary: Any) -> None:
    """One that ended, with these lines; with none of them where there are none."""
    here = KEYS.harvest(began)
    tree = {"collection_id": KEYS.id, "harvest_timestamp": timestamp(began), "state": "complete", **summary}
    store.create(here.harvest, orjson.dumps(tree))
    if found:
        store.create(here.stats, b"".join(orjson.dumps(each) + b"\n" for each in found))


def storms(store: Store) -> None:
    """Two harvests, of an hour and of half an hour."""
    history.add(store, KEYS, {"id": KEYS.id, "type": "filter", "filter": {"track": "storm"}})
    harvest(store, BEGAN, [{**each, "usd": each["tweets"] * 0.005} for each in lines(BEGAN, 60)])
    later = BEGAN + timedelta(hours=1)
    second = lines(later, 30, gaps=1, waiting_s=4.5, rss_mb=91)
    harvest(store, later, [{**each, "usd": each["tweets"] * 0.005} for each in second])
