"""What a crawl selects: named conditions of which an account has to fulfil all."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from harvester.collection import patterns
from harvester.text import similar

# The counts of an account by the words of the conditions.
COUNTS: Mapping[str, str] = {"statuses": "posts", "followers": "followers", "following": "following"}
LEAST, MOST = "min_", "max_"
RATIO = "min_ratio"
AFTER, BEFORE = "created_after", "created_before"
TEXTS = ("username", "name", "description", "location", "url")
VERIFIED_TYPE = "verified_type"
FLAGS = ("verified", "protected", "has_url", "default_image")
IDS = "ids"
ANY, NOT = "any", "not"

_COUNTED = tuple(f"{bound}{count}" for bound in (LEAST, MOST) for count in COUNTS)
CONDITIONS = (*_COUNTED, RATIO, AFTER, BEFORE, *FLAGS, VERIFIED_TYPE, *TEXTS, IDS, ANY, NOT)
_DEEPEST = 5
_GREATEST = 10**12
# They are in collection.json, which is read and replaced often.
_MOST_IDS = 10_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

_NOT_OFFERED = {
    "lang": "an account has no language, and a guess is not offered; use ids of accounts whose posts have it",
    "ids_in_file": f"a harvest may run where the file is not; use ids, a list of up to {_MOST_IDS:,}",
}


def problems_of(select: Any, where: str = "graph.select") -> Iterator[str]:
    """What is wrong with the conditions, each a sentence that names its place."""
    yield from _problems(select, where, depth=0)


def moment_of(value: str) -> datetime:
    """The time that a condition names: a date is its first moment; ValueError if it is not one."""
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _problems(select: Any, where: str, *, depth: int) -> Iterator[str]:
    if not isinstance(select, dict):
        yield f"{where} is not an object of conditions."
        return
    if depth > _DEEPEST:
        yield f"{where} has conditions in conditions, more than {_DEEPEST} deep."
        return
    for name, value in select.items():
        place = f"{where}.{name}"
        if name in _NOT_OFFERED:
            yield f"{place} is not offered: {_NOT_OFFERED[name]}."
        elif name not in CONDITIONS:
            near = similar(name, CONDITIONS)
            yield f"Unknown condition {place}." + (f" Did you mean {where}.{near[0]}?" if near else "")
        elif name == NOT:
            yield from _problems(value, place, depth=depth + 1)
        elif name == ANY:
            yield from _any_problems(value, place, depth=depth + 1)
        elif problem := _value_problem(name, value):
            yield f"{place} {problem}."
    yield from _empty_ranges(select, where)


def _any_problems(value: Any, where: str, *, depth: int) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"{where} is not a list of conditions."
        return
    for number, each in enumerate(value):
        yield from _problems(each, f"{where}[{number}]", depth=depth)


def _value_problem(name: str, value: Any) -> str:
    return next((problem for names, problem in _CHECKS if name in names), _count_problem)(value)


def _count_problem(value: Any) -> str:
    fits = type(value) is int and 0 <= value <= _GREATEST
    return "" if fits else f"is {repr(value)[:30]}; it must be a whole number from 0"


def _ratio_problem(value: Any) -> str:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _GREATEST
    return "" if fits else f"is {repr(value)[:30]}; it must be a number from 0"


def _date_problem(value: Any) -> str:
    try:
        moment_of(value if isinstance(value, str) and _DAY.match(value) else "")
    except ValueError:
        return f"is {repr(value)[:30]}; it must be a date, e.g. 2015-06-30"
    return ""


def _flag_problem(value: Any) -> str:
    return "" if isinstance(value, bool) else f"is {repr(value)[:30]}; it must be true or false"


def _word_problem(value: Any) -> str:
    return "" if isinstance(value, str) and value else f"is {repr(value)[:30]}; it must be text, e.g. blue"


def _pattern_problem(value: Any) -> str:
    if not isinstance(value, str) or not value:
        return f"is {repr(value)[:30]}; it must be a regular expression"
    return patterns.problem(value)


def _ids_problem(value: Any) -> str:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        return 'is not a list of ids as text, e.g. ["12", "2244994945"]'
    return "" if len(value) <= _MOST_IDS else f"has {len(value):,} ids; it may have {_MOST_IDS:,}"


_CHECKS: tuple[tuple[tuple[str, ...], Callable[[Any], str]], ...] = (
    ((RATIO,), _ratio_problem),
    ((AFTER, BEFORE), _date_problem),
    (FLAGS, _flag_problem),
    ((VERIFIED_TYPE,), _word_problem),
    (TEXTS, _pattern_problem),
    ((IDS,), _ids_problem),
)


def _empty_ranges(select: Mapping[str, Any], where: str) -> Iterator[str]:
    """Bounds between which there is nothing."""
    for count in COUNTS:
        least, most = select.get(LEAST + count), select.get(MOST + count)
        if type(least) is int and type(most) is int and least > most:
            yield f"{where}.{LEAST}{count} is more than {MOST}{count}: no account fulfils both."
    after, before = select.get(AFTER), select.get(BEFORE)
    dated = after is not None and before is not None and not (_date_problem(after) or _date_problem(before))
    if dated and moment_of(str(after)) >= moment_of(str(before)):
        yield f"{where}.{AFTER} is not before {BEFORE}: no account fulfils both."
