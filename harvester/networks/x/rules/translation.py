"""The words of v1.1's filter, which collections are written in, as terms of the query language of v2.

Each function appends what it cannot translate to `problems`, so that a person is told everything at once.
"""

import math
import unicodedata
from typing import Any

from harvester.networks.x.rules.values import accounts, boxes, phrases, words

# X refuses a side above 25 miles (40.2 km); a little less, as the earth is no sphere.
SIDE_KM = 40.0
KM_A_DEGREE = 111.32


def tracked(track: Any, problems: list[str]) -> list[str]:
    """Terms of v1.1's track: a comma is OR, a blank AND; quotes make a phrase."""
    found = []
    for phrase in phrases(track, problems):
        # Punctuation alone is no token, so that nothing would ever match it.
        if parts := [_word(word) for word in words(phrase)]:
            found.append(parts[0] if len(parts) == 1 else f"({' '.join(parts)})")
    return found


def _word(word: str) -> str:
    """One word as the query language takes it: as it is, or quoted where it would read as something else."""
    if word.startswith('"'):
        phrase = " ".join(word.strip('"').split())
        return f'"{phrase}"'
    if word not in ("OR", "AND", "NOT") and _is_token(word[1:] if word[0] in "#@$" else word):
        return word
    return '"{}"'.format(word.replace("\\", ""))


def _is_token(word: str) -> bool:
    # Marks and joiners belong to the words of many scripts, and symbols beyond ASCII are emoji.
    return bool(word) and all(
        letter.isalnum()
        or letter == "_"
        or (not letter.isascii() and unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf", "So", "Sk"))
        for letter in word
    )


def followed(follow: Any, problems: list[str]) -> list[str]:
    """v1.1's follow of an account: its posts, replies to it, and others' retweets of it."""
    return [
        f"{operator}:{name}"
        for name in accounts(follow, problems)
        for operator in ("from", "to", "retweets_of")
    ]


def located(locations: Any, problems: list[str], *, rules: int) -> list[str]:
    """v1.1's boxes, cut into boxes of at most 25 miles a side."""
    found: list[str] = []
    for west, south, east, north in boxes(locations, problems):
        columns, rows = _tiles(west, south, east, north)
        # About twenty boxes fit into a rule; counted before they are made, as the earth has three million.
        if columns * rows > rules * 30:
            problems.append(
                f"{west},{south},{east},{north} needs {columns * rows:,} boxes of 25 miles, too many for "
                f"{rules} rules."
            )
            continue
        found.extend(_cut(west, south, east, north, columns=columns, rows=rows))
    return found


def _tiles(west: float, south: float, east: float, north: float) -> tuple[int, int]:
    # A degree of longitude is longest where the box is nearest to the equator.
    nearest = 0.0 if south <= 0 <= north else min(abs(south), abs(north))
    width = (east - west) * KM_A_DEGREE * math.cos(math.radians(nearest))
    height = (north - south) * KM_A_DEGREE
    return max(1, math.ceil(width / SIDE_KM)), max(1, math.ceil(height / SIDE_KM))


def _cut(west: float, south: float, east: float, north: float, *, columns: int, rows: int) -> list[str]:
    longitudes = [_degrees(west + (east - west) * step / columns) for step in range(columns + 1)]
    latitudes = [_degrees(south + (north - south) * step / rows) for step in range(rows + 1)]
    return [
        f"bounding_box:[{longitudes[x]} {latitudes[y]} {longitudes[x + 1]} {latitudes[y + 1]}]"
        for y in range(rows)
        for x in range(columns)
    ]


def _degrees(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
