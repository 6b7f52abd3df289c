"""Rules in the query language of X's v2: each as terms, of which a post has to match one."""

import math
from collections.abc import Callable, Mapping

from harvester.networks.x.rules.collection_rules import CollectionRule
from harvester.networks.x.rules.values import (
    GEO,
    HASHTAG,
    KEYWORD,
    NATIVE,
    USERID,
    USERNAME,
    corners,
    degrees,
    is_tag,
    is_token,
    words,
)

# X refuses a side above 25 miles (40.2 km); a little less, as the earth is no sphere.
SIDE_KM = 40.0
KM_A_DEGREE = 111.32


def terms(rule: CollectionRule) -> list[str]:
    """What may be joined by OR, with itself and with terms of other rules."""
    return _TERMS[rule.type](rule.value)


def tiles(value: str) -> int:
    """The number of boxes of 25 miles that a box needs; the earth needs three million."""
    columns, rows = _tiles(*corners(value))
    return columns * rows


def _all_words(value: str) -> list[str]:
    found = [_word(word) for word in words(value)]
    return [found[0] if len(found) == 1 else f"({' '.join(found)})"]


def _word(word: str) -> str:
    """One word as the query language takes it: as it is, or quoted where it would read as something else."""
    is_plain = is_tag(word[1:]) if word[0] in "#@$" else is_token(word)
    if is_plain and word not in ("OR", "AND", "NOT"):
        return word
    return '"{}"'.format(word.strip('"').replace("\\", ""))


def _account(value: str) -> list[str]:
    """v1.1's follow of an account: its posts, replies to it, and others' retweets of it."""
    return [f"{operator}:{value}" for operator in ("from", "to", "retweets_of")]


def _native(value: str) -> list[str]:
    return [f"({value})"]


def _located(value: str) -> list[str]:
    """v1.1's box, cut into boxes of at most 25 miles a side."""
    west, south, east, north = corners(value)
    columns, rows = _tiles(west, south, east, north)
    longitudes = [degrees(west + (east - west) * step / columns) for step in range(columns + 1)]
    latitudes = [degrees(south + (north - south) * step / rows) for step in range(rows + 1)]
    return [
        f"bounding_box:[{longitudes[x]} {latitudes[y]} {longitudes[x + 1]} {latitudes[y + 1]}]"
        for y in range(rows)
        for x in range(columns)
    ]


def _tiles(west: float, south: float, east: float, north: float) -> tuple[int, int]:
    # A degree of longitude is longest where the box is nearest to the equator.
    nearest = 0.0 if south <= 0 <= north else min(abs(south), abs(north))
    width = (east - west) * KM_A_DEGREE * math.cos(math.radians(nearest))
    height = (north - south) * KM_A_DEGREE
    return max(1, math.ceil(width / SIDE_KM)), max(1, math.ceil(height / SIDE_KM))


_TERMS: Mapping[str, Callable[[str], list[str]]] = {
    KEYWORD: _all_words,
    HASHTAG: _all_words,
    USERNAME: _account,
    USERID: _account,
    GEO: _located,
    NATIVE: _native,
}
