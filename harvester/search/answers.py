"""Questions and answers of a search, independent of the source: an index, or a scan of all files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harvester.search.expression import Both, Either, Everything, Expression, Term, Without, uses
from harvester.search.hits import Hit
from harvester.search.parsing import parsed
from harvester.search.terms import refused

NEWEST, BEST = "newest", "best"
DAY, TAG, USER, LANG = "day", "tag", "user", "lang"
FACETS = (DAY, TAG, USER, LANG)
# Values of a facet that are shown; of days all are.
TOP = 10
_MOST_HITS = 10_000


@dataclass(frozen=True)
class Question:
    """A question. `before` is the `next` of the answer whose page precedes this one."""

    text: str = ""
    collections: Sequence[str] = ()
    sort: str = NEWEST
    limit: int = 20
    before: str = ""
    facets: Sequence[str] = ()
    cells: bool = False
    included: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= _MOST_HITS:
            raise refused(f"{self.limit:,} posts are too many for a page.", f"Use at most {_MOST_HITS:,}.")
        if self.before and self.sort == BEST:
            raise refused("Only a search for the newest posts has further pages.", "Use --sort newest.")
        _place(self.before)

    @property
    def place(self) -> tuple[int, int] | None:
        """The key of the last post before this page, and how many posts with that key were shown."""
        return _place(self.before)


def _place(before: str) -> tuple[int, int] | None:
    if not before:
        return None
    key, _, shown = before.removeprefix("before=").partition(".")
    try:
        found = int(key), int(shown or 0)
    except ValueError:
        found = 0, -1
    # Keys of posts of before November 2010 are below zero.
    if not (-(2**63) <= found[0] < 2**63 and 0 <= found[1] <= _MOST_HITS):
        raise refused(f"{before} is not where a page ends.", "Use the value that the page before ends with.")
    return found


@dataclass
class Answer:
    """One page of found posts, and figures of all of them. `exact` is False if a figure is not exact."""

    query: str
    warnings: list[str]
    count: int = 0
    exact: bool = True
    facets: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    cells: list[tuple[float, float, int]] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    next: str = ""
    as_of: str = ""
    behind_files: int | None = None
    behind_collections: tuple[str, ...] = ()
    source: str = "index"

    def document(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {
            "query": self.query,
            "warnings": self.warnings,
            "count": self.count,
            "exact": self.exact,
            "source": self.source,
            "index": {"as_of": self.as_of, "behind_files": self.behind_files},
            "facets": {name: [list(each) for each in found] for name, found in self.facets.items()},
            "hits": [hit.document() for hit in self.hits],
            "next": f"before={self.next}" if self.next else "",
        }


def expression_of(question: Question) -> tuple[Expression, list[str]]:
    """The complete condition of a question, including its options; and warnings."""
    query = parsed(question.text)
    parts: list[Expression] = [] if isinstance(query.expression, Everything) else [query.expression]
    if question.collections:
        parts.append(Either(tuple(Term("collection", (each,)) for each in question.collections)))
    if not question.included and not uses(query.expression, "included"):
        parts.append(Without(Term("included", ("yes",))))
    if not parts:
        return Everything(), query.warnings
    return parts[0] if len(parts) == 1 else Both(tuple(parts)), query.warnings


def next_page(question: Question, keys: Sequence[int]) -> str:
    """The begin of the page after one with these keys; "" if this page was not full."""
    if question.sort == BEST or not keys or len(keys) < question.limit:
        return ""
    last = keys[-1]
    shown = sum(key == last for key in keys)
    if question.place and question.place[0] == last:
        shown += question.place[1]
    return f"{last}.{shown}"


def largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The values of a facet with most posts."""
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:TOP]
