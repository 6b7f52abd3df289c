"""A found post, as the index stores it and as it is returned to people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from harvester.networks.rows import PostRow

METRICS = ("likes", "reposts", "replies", "quotes", "bookmarks", "impressions")


@dataclass(frozen=True)
class Hit:
    """A post with the place of its bytes: the key of the file and the line in it, from 1 on."""

    id: str
    key: int
    collection: str
    created_at: str
    author_id: str
    username: str
    text: str
    kind: str
    lang: str
    metrics: Mapping[str, int]
    lat: float | None
    lon: float | None
    place: str
    retrieved_at: str
    included: bool
    file: str
    line: int

    def document(self) -> dict[str, Any]:
        """The hit as JSON."""
        where = {"name": self.place, "lat": self.lat, "lon": self.lon}
        return {
            "id": self.id,
            "collection": self.collection,
            "created_at": self.created_at,
            "author": {"id": self.author_id, "username": self.username},
            "text": self.text,
            "kind": self.kind,
            "lang": self.lang,
            "included": self.included,
            "metrics": dict(self.metrics),
            "place": where if self.place or self.lat is not None else None,
            "retrieved_at": self.retrieved_at,
            "file": self.file,
            "line": self.line,
        }


def packed(row: PostRow, *, collection: int, file: int, line: int) -> bytes:
    """The part of a post that the index stores, to show it."""
    found = [
        row.id,
        # For X, the id is the key.
        0 if row.id == str(row.key) else row.key,
        *(collection, row.created_at, row.author_id, row.username, row.text, row.kind, row.lang),
        [row.likes, row.reposts, row.replies, row.quotes, row.bookmarks, row.impressions],
        *(row.lat, row.lon, row.place_name, row.retrieved_at, int(row.included), file, line),
    ]
    try:
        return orjson.dumps(found)
    except TypeError:
        # Half of a surrogate pair.
        clean = [
            each.encode("utf-8", "replace").decode() if isinstance(each, str) else each for each in found
        ]
        return orjson.dumps(clean)


def unpacked(data: bytes, collections: Mapping[int, str], files: Mapping[int, str]) -> Hit:
    """The hit; `collections` and `files` have the names behind the numbers."""
    id, key, collection, created, author, name, text, kind, lang, metrics, lat, lon, place, *rest = (
        orjson.loads(data)
    )
    retrieved, included, file, line = rest
    return Hit(
        *(id, key or int(id), collections.get(collection, ""), created, author, name, text, kind, lang),
        {metric: value for metric, value in zip(METRICS, metrics, strict=True) if value is not None},
        *(lat, lon, place, retrieved, bool(included), files.get(file, ""), line),
    )


def file_number(data: bytes) -> int:
    return int(orjson.loads(data)[-2])


def retrieved_at(data: bytes) -> str:
    return str(orjson.loads(data)[-4])
