"""The meaning of each field in a query: `tag:`, `from:`, `since:` and others."""

import re
from collections.abc import Callable

from harvester.errors import Exit, HarvesterError
from harvester.ledger.dates import interval
from harvester.networks.rows import KINDS
from harvester.search.expression import Either, Expression, Near, Published, Term, Words
from harvester.search.words import name_of, tag_of

HAS = ("geo", "media", "link")


def refused(message: str, hint: str) -> HarvesterError:
    """A query that cannot be run."""
    return HarvesterError(message, hint=hint, exit_code=Exit.USAGE)


def _tag(value: str) -> Expression:
    return Term("tag", (tag_of(value),))


def _by(value: str) -> Expression:
    name = name_of(value)
    by_name = Term("author", (name,))
    return Either((by_name, Term("author_id", (name,)))) if _is_id(name) else by_name


def _by_or_about(value: str) -> Expression:
    name = name_of(value)
    return Either((_by(value), Term("mention", (name,))))


def _is_id(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _lang(value: str) -> Expression:
    return Term("lang", (value.lower(),))


def _kind(value: str) -> Expression:
    wanted = value.lower()
    if wanted == "included":
        return Term("included", ("yes",))
    return Term("kind", (_one_of("kind", wanted, KINDS, more=("included",)),))


def _has(value: str) -> Expression:
    return Term("has", (_one_of("has", value.lower(), HAS),))


def _one_of(field: str, value: str, known: tuple[str, ...], more: tuple[str, ...] = ()) -> str:
    if value not in known:
        raise refused(f"{field}:{value} is unknown.", f"Use one of {', '.join((*known, *more))}.")
    return value


def _collection(value: str) -> Expression:
    return Term("collection", (value,))


def _since(value: str) -> Expression:
    return Published(since=interval_of("since", value)[0])


def _until(value: str) -> Expression:
    return Published(before=interval_of("until", value)[1])


def interval_of(field: str, value: str) -> tuple[int, int]:
    """The begin and the end, in seconds since 1970, of the year, month, day or moment (UTC) that is named."""
    if found := interval(value):
        return found
    raise refused(f"{field}:{value} is not a date.", f"Use e.g. {field}:2026-11-23 or 2026-11-23T09:30.")


def _near(value: str) -> Expression:
    parts = value.lower().removesuffix("km").split(",")
    try:
        lat, lon, km = map(_number, parts)
    except ValueError:
        lat, lon, km = 91.0, 0.0, 0.0
    if not (-90 <= lat <= 90 and -180 <= lon <= 180 and 0 < km <= 20_100):
        raise refused(
            f"near:{value} is not a place.", "Use near:LATITUDE,LONGITUDE,KILOMETRES, e.g. near:47.1,9.9,200."
        )
    return Near(lat, lon, km)


def _number(text: str) -> float:
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,5}(\.[0-9]{0,15})?\s*", text):
        raise ValueError(text)
    return float(text)


FIELDS: dict[str, Callable[[str], Expression]] = {
    "tag": _tag,
    "user": _by_or_about,
    "from": _by,
    "lang": _lang,
    "kind": _kind,
    "collection": _collection,
    "since": _since,
    "until": _until,
    "near": _near,
    "has": _has,
}


def words_term(words: list[tuple[str, bool]]) -> Expression:
    """The words of a phrase, or of one word, as `words.sought` has them."""
    return Words(tuple(word for word, _ in words), prefix=words[-1][1])
