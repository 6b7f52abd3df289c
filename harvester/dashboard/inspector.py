"""The query and content of the search page: form fields as one query, complete days, marked words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from harvester.dashboard.charts.bars import Day

FIELDS = ("tag", "user", "kind", "lang", "since", "until", "near", "has")
# The maximum number of daily bars; with more, bars are months.
_MOST_DAYS = 800
_LEAST_DAYS = 30
_MOST_MONTHS = 1200
_WORD = re.compile(r"(?<!\S)[#@]?(\w{2,})(?!\S)|\"([^\"]+)\"")


@dataclass(frozen=True)
class Wanted:
    """The fields of the form, each "" where it was left empty."""

    q: str = ""
    collection: str = ""
    sort: str = ""
    before: str = ""
    fields: Mapping[str, str] | None = None

    @property
    def text(self) -> str:
        """The query; each field is a word of it, in quotes where it would be two."""
        named = self.fields or {}
        parts = [self.q, *(f"{name}:{_value(named[name])}" for name in FIELDS if named.get(name))]
        return " ".join(part for part in parts if part)

    def address(self, **changes: str) -> str:
        """The page with other values; those that are "" are left out."""
        now = {"q": self.q, "collection": self.collection, "sort": self.sort, **(self.fields or {})}
        given = {name: value for name, value in {**now, **changes}.items() if value}
        return "/search?" + urlencode(given, errors="replace")


def wanted(given: Mapping[str, str]) -> Wanted:
    fields = {name: given.get(name, "").strip() for name in FIELDS}
    return Wanted(
        given.get("q", "").strip(),
        given.get("collection", "").strip(),
        given.get("sort", "") if given.get("sort") == "best" else "",
        given.get("before", ""),
        fields,
    )


def _value(value: str) -> str:
    clean = value.replace('"', " ").strip()
    return f'"{clean}"' if re.search(r"\s", clean) else clean


def filled(found: Sequence[tuple[str, int]]) -> tuple[list[Day], bool]:
    """A bar for each day from the first to the last, also those without posts; and whether they are days.

    For a long time they are months, and for a very long one only the last months.
    """
    if not found:
        return [], True
    first, last = date.fromisoformat(found[0][0]), date.fromisoformat(found[-1][0])
    if (last - first).days >= _MOST_DAYS:
        return _months(found, first, last), False
    posts = dict(found)
    # With fewer days the bars would be too wide.
    first = min(first, last - timedelta(days=_LEAST_DAYS - 1)) if first.year > 1 else first
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [Day(day.isoformat(), posts.get(day.isoformat(), 0)) for day in days], True


def _months(found: Sequence[tuple[str, int]], first: date, last: date) -> list[Day]:
    sums: dict[str, int] = {}
    for day, posts in found:
        sums[day[:7]] = sums.get(day[:7], 0) + posts
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    names = [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in numbers]
    return [Day(name, sums.get(name, 0)) for name in names[-_MOST_MONTHS:]]


def shifted(since: str, until: str, *, by: int) -> tuple[str, str] | None:
    """The window of the same length before (-1) or after (1); None if there is no window."""
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
        move = ((last - first) + timedelta(days=1)) * by
        return (first + move).isoformat(), (last + move).isoformat()
    except (ValueError, OverflowError):
        return None


def marked(text: str, query: str) -> list[tuple[str, bool]]:
    """The text in pieces, and which of them are words of the query."""
    words = [word or phrase for word, phrase in _WORD.findall(query)]
    words = [word for word in words if word != "OR"]
    if not words:
        return [(text, False)]
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    pieces = re.split(rf"(\b(?:{pattern})\b)", text, flags=re.IGNORECASE)
    return [(piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece]


def place(near: str) -> tuple[float, float, float] | None:
    """Latitude, longitude and kilometres; None if the text is not a place."""
    try:
        latitude, longitude, km = map(float, near.split(","))
    except ValueError:
        return None
    fits = abs(latitude) <= 90 and abs(longitude) <= 180 and 0 < km <= 20_100
    return (latitude, longitude, km) if fits else None
