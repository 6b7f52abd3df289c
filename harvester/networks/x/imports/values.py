"""What the value of a rule of another program means at X, corrected where it is known how.

The corrections are those that such rules were loaded with before: ids within other text, parts of addresses
as words, and boxes with brackets or blanks. Each is reported, and none is made of a value that is usable.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harvester.networks.x.post_ids import is_id
from harvester.networks.x.screen_names import screen_name

# No id of an account that is hidden in other text is shorter; one that stands alone may be.
_ID_WITHIN = re.compile(r"(?<!\d)\d{7,19}(?!\d)")
_FROM = re.compile(r"from:\s*(\d+)")
_ADDRESS = re.compile(r'url_contains:\s*(?:"([^"]*)"|(\S+))', re.IGNORECASE)


@dataclass(frozen=True)
class Value:
    """A value of a type that collections know; `problem` says why there is none."""

    type: str
    text: str = ""
    corrected: bool = False
    problem: str = ""


def value_of(kind: str, given: Any) -> Value:
    """The value of a rule whose type is called `kind` where it comes from."""
    meaning = _TYPES.get(kind.strip().lower())
    if meaning is None:
        return Value("", problem=f"the type {kind} is not one of: {', '.join(_TYPES)}")
    if isinstance(given, bool | dict) or (isinstance(given, list) and meaning is not _box):
        return Value("", problem="its value is not text")
    if given is None or not _text(given):
        return Value("", problem="has no value")
    return meaning(given)


def _text(given: Any) -> str:
    if isinstance(given, list):
        return ",".join(map(str, given))
    return str(given).strip()


def _account(given: Any, *, bare_names: bool) -> Value:
    text = _text(given)
    if is_id(text):
        return Value("userid", text)
    if found := screen_name(text):
        written = text.lstrip("@")
        if text != written or found != written or bare_names:
            return Value("username", found, corrected=found != written)
    if len(set(_FROM.findall(text))) > 1:
        return Value("", problem="names several accounts; give each a row of its own, or the type native")
    within = _ID_WITHIN.search(text)
    if within and is_id(within[0]):
        return Value("userid", within[0], corrected=True)
    return Value("", problem=f"no account id; write @{found} for a name" if found else "no account id")


def _keyword(given: Any) -> Value:
    text = _text(given)
    words = _ADDRESS.sub(lambda found: found[1] or found[2] or "", text).replace(".", " ")
    words = " ".join(words.split())
    if not words:
        return Value("", problem="holds no word")
    corrected = words != " ".join(text.split())
    return Value("keyword", words if corrected else text, corrected=corrected)


def _box(given: Any) -> Value:
    text = _text(given)
    plain = all(_is_number(part) for part in text.split(","))
    numbers = text.split(",") if plain else re.split(r"[\s,]+", text.strip("[]() \t"))
    if len(numbers) != 4 or not all(map(_is_number, numbers)):
        return Value("", problem="is not a box of four numbers: west, south, east, north")
    return Value("geo", ",".join(number.strip() for number in numbers), corrected=not plain)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*", text, re.ASCII))


def _as_it_is(name: str) -> Callable[[Any], Value]:
    return lambda given: Value(name, _text(given))


def _follow(given: Any) -> Value:
    return _account(given, bare_names=False)


# The types of collections, and what else they are called.
_TYPES: Mapping[str, Callable[[Any], Value]] = {
    "keyword": _keyword,
    "track": _keyword,
    "hashtag": _as_it_is("hashtag"),
    "username": lambda given: _account(given, bare_names=True),
    "userid": _follow,
    "follow": _follow,
    "geo": _box,
    "locations": _box,
    "native": _as_it_is("native"),
}
TYPES = tuple(_TYPES)
