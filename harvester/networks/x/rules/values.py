"""The values of rules and of v1.1's filter, taken apart in one way, and brought into one spelling.

Those that read lists append what cannot be meant to `problems`, so that all is reported at once.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from harvester.networks.x.post_ids import is_id

KEYWORD, HASHTAG, USERNAME, USERID, GEO, NATIVE = (
    *("keyword", "hashtag", "username", "userid", "geo", "native"),
)
TYPES = (KEYWORD, HASHTAG, USERNAME, USERID, GEO, NATIVE)

Box = tuple[float, float, float, float]

_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")
# Of a degree: 0.1 m.
_DIGITS = 6


def spelled(kind: str, given: Any) -> str:
    """The value of a rule of this type in its canonical spelling; ValueError says what is wrong."""
    if kind == GEO:
        return canonical(_box(given))
    if kind == USERID and isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if not isinstance(given, str):
        raise ValueError(f"its value is {repr(given)[:60]}, which is not text")
    return _SPELLED[kind](given.strip())


def words(phrase: str) -> list[str]:
    """The words and quoted phrases of one phrase of `track`, without those of punctuation alone."""
    found = re.findall(r'"[^"]*"|[^\s"]+', phrase)
    # Symbols beyond ASCII are letters or emoji.
    return [word for word in found if re.search(r"\w|[^\x00-\x7f]", word)]


def keyword(text: str) -> str:
    """Words and phrases, one blank between them; empty if there is none."""
    # A comma separates words as a blank does, but not within a phrase.
    found = [word for part in re.findall(r'(?:"[^"]*"|[^,])+', text) for word in words(part)]
    return " ".join(f'"{" ".join(word[1:-1].split())}"' if word.startswith('"') else word for word in found)


def is_token(word: str) -> bool:
    """Whether X reads it as one word."""
    # Marks and joiners belong to the words of many scripts, and symbols beyond ASCII are emoji.
    return bool(word) and all(
        letter.isalnum()
        or letter == "_"
        or (not letter.isascii() and unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf", "So", "Sk"))
        for letter in word
    )


def is_tag(word: str) -> bool:
    """Whether X reads it as one word behind `#`, `$` or `@`, where signs as emoji end it."""
    return is_token(word) and all(unicodedata.category(letter) not in ("So", "Sk") for letter in word)


def as_matched(kind: str, value: str) -> str:
    """A value in the form in which X compares it: words in lower case, except `OR`.

    Arguments of operators may be case-sensitive, so native values with an operator are not changed.
    """
    if kind in (KEYWORD, HASHTAG):
        return value.lower()
    if kind != NATIVE or ":" in value:
        return value
    return re.sub(r'"[^"]*"|[^\s()]+', lambda found: _uncapital(found[0]), value)


def _uncapital(word: str) -> str:
    return word if word in ("OR", "AND", "NOT") else word.lower()


def unclosed(text: str) -> str:
    """The brackets or quotes of X's own language that are not matched; empty if all are."""
    rest = re.sub(r'"(?:\\.|[^"\\])*"', "", text)
    if '"' in rest:
        return "a quote that is not closed"
    depth = 0
    for bracket in re.findall("[()]", rest):
        depth += 1 if bracket == "(" else -1
        if depth < 0:
            return "a bracket that is not opened"
    return "a bracket that is not closed" if depth else ""


def _keywords(text: str) -> str:
    if not (found := keyword(text)):
        raise ValueError(f"{text[:60]!r} holds no word, and punctuation alone matches no post")
    return found


def _hashtags(text: str) -> str:
    tags = [word.lstrip("#\uff03") for word in text.replace(",", " ").split()]
    for tag in tags:
        if not is_tag(tag):
            raise ValueError(f"#{tag[:60]} is not a hashtag, which has letters, digits and '_'")
    return " ".join(f"#{tag}" for tag in tags)


def _name(text: str) -> str:
    name = text.removeprefix("@")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{text[:60]!r} is not the name of an account, which has 1 to 15 of a-z, 0-9 and '_'"
        )
    return name.lower()


def _user_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"{text[:60]!r} is not a user id, which is a number")
    return text


def _as_it_is(text: str) -> str:
    return text


_SPELLED: Mapping[str, Callable[[str], str]] = {
    KEYWORD: _keywords,
    HASHTAG: _hashtags,
    USERNAME: _name,
    USERID: _user_id,
    NATIVE: _as_it_is,
}


def phrases(track: Any, problems: list[str]) -> list[str]:
    """What stands between commas, in text or in a list of texts."""
    return _listed(track, "track", problems, str)


def accounts(follow: Any, problems: list[str]) -> list[tuple[str, str]]:
    """User ids, and names without their @, each with its type."""
    found: list[tuple[str, str]] = []
    for account in _listed(follow, "follow", problems, str | int):
        kind = USERNAME if account.startswith("@") else USERID
        try:
            found.append((kind, spelled(kind, account)))
        except ValueError:
            problems.append(f"{account!r} in filter.follow is neither a user id nor an @name.")
    return found


def boxes(locations: Any, problems: list[str]) -> list[Box]:
    """Boxes of west, south, east and north; in 2019 these could be a list, too."""
    before = len(problems)
    numbers = _numbers(locations, problems)
    if len(problems) > before:
        return []
    if len(numbers) % 4:
        problems.append(
            f"filter.locations holds {len(numbers)} numbers; a box has four: west, south, east, north."
        )
        return []
    found: list[Box] = []
    for corners in zip(*[iter(numbers)] * 4, strict=True):
        try:
            found.append(_checked(corners))
        except ValueError as error:
            problems.append(f"{_shown(corners)} in filter.locations is not west,south,east,north: {error}.")
    return found


def canonical(box: Box) -> str:
    return ",".join(map(degrees, box))


def degrees(value: float) -> str:
    text = f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def corners(value: str) -> Box:
    """The box of a canonical value."""
    west, south, east, north = map(float, value.split(","))
    return west, south, east, north


def _box(given: Any) -> Box:
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, list) or len(parts) != 4:
        raise ValueError(f"{repr(given)[:60]} is not a box, which has four numbers: west, south, east, north")
    try:
        return _checked(tuple(map(_number, parts)))
    except ValueError as error:
        raise ValueError(f"the box {repr(given)[:60]}: {error}") from None


def _checked(given: tuple[float, ...]) -> Box:
    west, south, east, north = (round(value, _DIGITS) + 0.0 for value in given)
    for name, most, values in (("longitude", 180, (west, east)), ("latitude", 90, (south, north))):
        for value in values:
            if not -most <= value <= most:
                raise ValueError(f"{name} {degrees(value)} is out of range, -{most} to {most}")
    if west == east or south == north:
        raise ValueError("it has no area")
    if west > east:
        raise ValueError("west is not west of east; a box across longitude 180 is two boxes")
    if south > north:
        raise ValueError("south is not south of north")
    return west, south, east, north


def _number(given: Any) -> float:
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(given, bool) or not math.isfinite(number):
        raise ValueError(f"{repr(given)[:60]} is not a number")
    return number


def _listed(value: Any, name: str, problems: list[str], kind: Any) -> list[str]:
    """A list, or text with commas, as parts without blanks around them."""
    if value is None:
        return []
    found: list[str] = []
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, bool) or not isinstance(part, kind):
            problems.append(f"filter.{name} holds {part!r}, which is not text.")
        else:
            # A comma within quotes belongs to the phrase.
            found.extend(re.findall(r'(?:"[^"]*"|[^,])+', str(part)))
    return [stripped for stripped in (part.strip() for part in found) if stripped]


def _numbers(locations: Any, problems: list[str]) -> list[float]:
    flat: list[Any] = []
    for part in locations if isinstance(locations, list) else [locations]:
        # As empty text left what was not wanted in 2019.
        if part is not None and part != "":
            flat.extend(part if isinstance(part, list) else str(part).split(","))
    numbers = []
    for part in flat:
        try:
            numbers.append(_number(part))
        except ValueError:
            problems.append(f"{part!r} in filter.locations is not a number.")
    return numbers


def _shown(numbers: tuple[float, ...]) -> str:
    return ",".join(f"{number:g}" for number in numbers)
