"""The searchable properties of a post, taken from its row once, for the index and for the scan."""

import math
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

from harvester.networks.rows import PostRow
from harvester.search.words import folded, name_of, tag_of

# For posts without a known time; its day is far from all others.
_EPOCH_MS = 1_288_834_974_657
_BITS = 22


class Facts(msgspec.Struct, frozen=True, gc=False):
    """A post in searchable form. `identity` is the same for each copy in a collection."""

    identity: int
    key: int
    at: int
    author: str
    author_id: str
    mentions: list[str]
    words: str
    tags: list[str]
    lang: str
    kind: str
    has: list[str]
    lat: float | None
    lon: float | None
    included: bool

    @property
    def cell(self) -> int:
        return 0 if self.lat is None or self.lon is None else cell_of(self.lat, self.lon)


def facts_of(row: PostRow, collection: str) -> Facts:
    lat, lon = row.lat, row.lon
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        lat = lon = None
    return Facts(
        identity=identity_of(collection, row.id, included=row.included),
        key=row.key,
        at=_seconds(row),
        author=name_of(row.username),
        author_id=row.author_id,
        mentions=[name_of(name) for name in row.mention_names if name] if row.mention_names else [],
        words=folded(row.text),
        tags=list({tag_of(tag): None for tag in row.hashtags}) if row.hashtags else [],
        lang=row.lang.lower(),
        kind=row.kind,
        has=_has(row, lat),
        lat=lat,
        lon=lon,
        included=row.included,
    )


def identity_of(collection: str, post_id: str, *, included: bool) -> int:
    """The same for each copy of a post in a collection; an included post has a different one."""
    text = f"{collection}\0{post_id}\0{included:d}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), signed=True)


def _seconds(row: PostRow) -> int:
    if row.created_at:
        try:
            found = datetime.fromisoformat(row.created_at)
            return math.floor((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            pass
    return milliseconds(row.key) // 1000


def milliseconds(key: int) -> int:
    """The time in the key of a post."""
    return (key >> _BITS) + _EPOCH_MS


def _has(row: PostRow, lat: float | None) -> list[str]:
    found = [] if lat is None else ["geo"]
    if row.media_keys:
        found.append("media")
    if row.urls:
        found.append("link")
    return found


def cell_of(lat: float, lon: float) -> int:
    """The number of the square of a degree in which a place lies."""
    return (min(int(lat + 90), 179)) * 360 + min(int(lon + 180), 359)


def cell_centre(cell: int) -> tuple[float, float]:
    return cell // 360 - 89.5, cell % 360 - 179.5


_RADIUS_KM = 6371.0088


def kilometres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Between two places, on a sphere."""
    a, b = math.radians(lat), math.radians(other_lat)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * _RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))


Box = tuple[float, float, float, float]


def boxes(lat: float, lon: float, km: float) -> list[Box]:
    """South, north, west, east of what holds a circle; two where it crosses the line of 180 degrees."""
    # A little more, for what is rounded.
    reach = math.degrees(km / _RADIUS_KM) * 1.0001 + 1e-9
    south, north = max(-90.0, lat - reach), min(90.0, lat + reach)
    if lat + reach >= 90 or lat - reach <= -90:
        return [(south, north, -180.0, 180.0)]
    wide = math.degrees(math.asin(min(1.0, math.sin(math.radians(reach)) / math.cos(math.radians(lat)))))
    west, east = lon - wide * 1.0001 - 1e-9, lon + wide * 1.0001 + 1e-9
    if west < -180:
        return [(south, north, -180.0, east), (south, north, west + 360, 180.0)]
    if east > 180:
        return [(south, north, west, 180.0), (south, north, -180.0, east - 360)]
    return [(south, north, west, east)]
