"""A found post, as the index stores it and as it is returned to people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from harvester.networks.rows import PostRow
from harvester.search.facts import milliseconds
from harvester.text import counted

# Each with the word for one of it.
_METRICS = {
    "likes": "like",
    "reposts": "repost",
    "replies": "reply",
    "quotes": "quote",
    "bookmarks": "bookmark",
    "impressions": "impression",
}
METRICS = tuple(_METRICS)


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


def metrics_in_words(metrics: Mapping[str, int]) -> str:
    """Those that are not 0, as in `1 like, 2 quotes`."""
    return ", ".join(counted(number, _METRICS.get(name, name)) for name, number in metrics.items() if number)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def packed(row: PostRow, *, at: int, collection: int, file: int, line: int) -> bytes:
    """The part of a post that the index stores, to show it; `at` is its time in seconds.

    Its key is a field of the index.
    """
    found = [
        # For X, the id is the key.
        None if row.id == str(row.key) else row.id,
        *(collection, _shortened(row.created_at, at, row.key), _number(row.author_id), row.username),
        *(row.text, row.kind, row.lang),
        [row.likes, row.reposts, row.replies, row.quotes, row.bookmarks, row.impressions],
        *(row.lat, row.lon, row.place_name, row.retrieved_at, row.included, file, line),
    ]
    try:
        return _encode(found)
    except UnicodeEncodeError:
        # Half of a surrogate pair.
        clean = [
            each.encode("utf-8", "replace").decode() if isinstance(each, str) else each for each in found
        ]
        return _encode(clean)


def _number(text: str) -> int | str:
    """An id that is a number, which takes half of the room."""
    is_one = len(text) < 20 and text.isascii() and text.isdecimal() and text[0] != "0"
    return int(text) if is_one else text


def _shortened(created_at: str, at: int, key: int) -> int | str:
    """How many milliseconds a post is older than its key, if it says its time in the usual form."""
    if len(created_at) == 24 and created_at[20:23].isdecimal():
        ms = at * 1000 + int(created_at[20:23])
        if _moment(ms) == created_at:
            return milliseconds(key) - ms
    return created_at


def _moment(ms: int) -> str:
    """Like `PostRow.created_at`."""
    seconds, ms = divmod(ms, 1000)
    day, seconds = divmod(seconds, 86_400)
    return f"{_day(day)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}Z"


@lru_cache(maxsize=5_000)
def _day(number: int) -> str:
    try:
        return f"{datetime.fromtimestamp(number * 86_400, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return ""


def unpacked(data: bytes, key: int, collections: Mapping[int, str], files: Mapping[int, str]) -> Hit:
    """The hit with this key; `collections` and `files` have the names behind the numbers."""
    id, collection, created, author, name, text, kind, lang, metrics, lat, lon, place, *rest = _decode(data)
    retrieved, included, file, line = rest
    created_at = _moment(milliseconds(key) - created) if isinstance(created, int) else created
    return Hit(
        *(
            str(key) if id is None else id,
            key,
            collections.get(collection, ""),
            created_at,
            str(author),
            name,
            text,
            kind,
        ),
        lang,
        {metric: value for metric, value in zip(METRICS, metrics, strict=True) if value is not None},
        *(lat, lon, place, retrieved, included, files.get(file, ""), line),
    )


def file_number(data: bytes) -> int:
    return int(_decode(data)[-2])


def retrieved_at(data: bytes) -> str:
    return str(_decode(data)[-4])
