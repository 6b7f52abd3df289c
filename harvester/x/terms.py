"""The words of v1.1's filter, which collections are written in, as terms of the query language of v2.

Each function appends what it cannot translate to `problems`, so that a person is told everything at once.
"""

import math
import re
import unicodedata
from typing import Any

# X refuses a side above 25 miles (40.2 km); a little less, as the earth is no sphere.
SIDE_KM = 40.0
KM_A_DEGREE = 111.32


def tracked(track: Any, problems: list[str]) -> list[str]:
    """Terms of v1.1's track: a comma is OR, a blank AND; quotes make a phrase."""
    found = []
    for phrase in _listed(track, "track", problems):
        words = [_word(word) for word in re.findall(r'"[^"]*"|[^\s"]+', phrase)]
        words = [word for word in words if word]
        if words:
            found.append(words[0] if len(words) == 1 else f"({' '.join(words)})")
    return found


def _word(word: str) -> str:
    """One word as the query language takes it: as it is, or quoted where it would read as something else."""
    if word.startswith('"'):
        phrase = " ".join(word.strip('"').split())
        return f'"{phrase}"' if phrase else ""
    if word not in ("OR", "AND", "NOT") and _is_token(word[1:] if word[0] in "#@$" else word):
        return word
    # Punctuation alone is no token, so that nothing would ever match it.
    bare = word.replace("\\", "")
    return f'"{bare}"' if re.search(r"\w|[^\x00-\x7f]", bare) else ""


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
    found: list[str] = []
    for account in _listed(follow, "follow", problems):
        name = account.removeprefix("@")
        if not re.fullmatch(r"[0-9]{1,19}" if name == account else r"[A-Za-z0-9_]{1,15}", name):
            problems.append(f"{account!r} in follow is neither a user id nor an @name.")
            continue
        found.extend(f"{operator}:{name}" for operator in ("from", "to", "retweets_of"))
    return found


def boxes(locations: Any, problems: list[str], *, rules: int) -> list[str]:
    """v1.1's boxes, cut into boxes of at most 25 miles a side."""
    numbers = _corners(locations, problems)
    if len(numbers) % 4:
        problems.append(f"locations holds {len(numbers)} numbers; a box has four: west, south, east, north.")
        return []
    found: list[str] = []
    for west, south, east, north in zip(*[iter(numbers)] * 4, strict=True):
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            problems.append(f"{west},{south},{east},{north} is not west,south,east,north in degrees.")
            continue
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


def _listed(value: Any, name: str, problems: list[str]) -> list[str]:
    """A list, or text with commas, as parts without blanks around them."""
    if value is None:
        return []
    parts = value if isinstance(value, list) else [value]
    found: list[str] = []
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, str | int):
            problems.append(f"{name} holds {part!r}, which is no text.")
        else:
            # A comma within quotes belongs to the phrase.
            found.extend(re.findall(r'(?:"[^"]*"|[^,])+', str(part)))
    return [stripped for stripped in (part.strip() for part in found) if stripped]


def _corners(locations: Any, problems: list[str]) -> list[float]:
    flat: list[Any] = []
    for part in locations if isinstance(locations, list) else [locations]:
        flat.extend(part if isinstance(part, list) else str(part).split(",") if part is not None else [])
    numbers = []
    for part in flat:
        try:
            numbers.append(float(part))
        except (TypeError, ValueError):
            problems.append(f"{part!r} in locations is no number.")
    return numbers
