"""A question is answered from the index: the posts of one page, their number, and figures of all of them."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import tantivy

from harvester.ledger import files, rollups
from harvester.ledger.cache import Cache
from harvester.ledger.database import Ledger
from harvester.search.answers import (
    BEST,
    DAY,
    LANG,
    TAG,
    TOP,
    USER,
    Answer,
    Question,
    expression_of,
    next_page,
)
from harvester.search.conditions import Conditions
from harvester.search.expression import Both, Either, Expression, Term, Without
from harvester.search.facts import cell_centre, identity_of
from harvester.search.hits import Hit, file_number, unpacked
from harvester.search.index import opened, unusable, version

_ALL_CELLS = 180 * 360
# The number of values of each segment that are added up; rarer ones are not among the top ten.
_OF_A_SEGMENT = 10_000
_AGGREGATES: Mapping[str, dict[str, Any]] = {
    DAY: {"histogram": {"field": "at", "interval": rollups.SECONDS_A_DAY, "min_doc_count": 1}},
    TAG: {"terms": {"field": "tag", "size": TOP, "segment_size": _OF_A_SEGMENT}},
    USER: {"terms": {"field": "author", "size": TOP, "segment_size": _OF_A_SEGMENT}},
    LANG: {"terms": {"field": "lang", "size": TOP, "segment_size": _OF_A_SEGMENT}},
}


class Search:
    """Answers from the last committed index of a store; safe to use from many threads."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._index: tantivy.Index | None = None
        self._opened = (0, 0)

    @property
    def exists(self) -> bool:
        """Whether there is an index that this version reads."""
        with Ledger.reading(self._cache) as ledger:
            if ledger.is_empty or ledger.noted("index") != version():
                return False
        return self._searcher() is not None

    @property
    def files(self) -> int:
        """How many files are in it."""
        with Ledger.reading(self._cache) as ledger:
            return files.totals(ledger)[0]

    def ask(self, question: Question) -> Answer:
        """The answer; an empty one if there is no index."""
        expression, warnings = expression_of(question)
        answer = Answer(question.text, warnings)
        searcher = self._searcher()
        if searcher is None:
            return answer
        with Ledger.reading(self._cache) as ledger:
            answer.as_of = ledger.as_of
            names = files.collection_names(ledger)
            conditions = Conditions(searcher, {name: number for number, name in names.items()})
            try:
                query = conditions.query(expression)
                found = _page(searcher, conditions, query, question)
                answer.count = _count(searcher, query) if question.before else found.count
                rows = _rows(searcher, found)
                rolled_up = _rolled_up(ledger, searcher, conditions, question, expression)
                _figures(searcher, query, question, answer, rolled_up)
            except ValueError as error:
                raise unusable(self._cache, error) from error
            answer.hits = _hits(ledger, rows, names)
        if question.place:
            answer.hits = _after(answer.hits, *question.place)
        answer.hits = answer.hits[: question.limit]
        answer.next = next_page(question, [hit.key for hit in answer.hits])
        answer.exact = conditions.exact
        return answer

    def post(self, collection: str, post_id: str) -> Hit | None:
        """One post of a collection, or one included with its posts; None if there is none."""
        searcher = self._searcher()
        if searcher is None:
            return None
        with Ledger.reading(self._cache) as ledger:
            names = files.collection_names(ledger)
            conditions = Conditions(searcher, {})
            for included in (False, True):
                identity = identity_of(collection, post_id, included=included)
                query = conditions.any_of([conditions.equal("identity", identity)])
                if rows := _rows(searcher, searcher.search(query, limit=1)):
                    return _hits(ledger, rows, names)[0]
        return None

    def _searcher(self) -> tantivy.Searcher | None:
        with self._lock:
            # Each commit replaces this file.
            stamp = (0, 0)
            with suppress(OSError):
                status = (self._cache.index / "meta.json").stat()
                stamp = (status.st_ino, status.st_mtime_ns)
            if stamp != self._opened or self._index is None:
                self._index = opened(self._cache)
                self._opened = stamp
            return self._index.searcher() if self._index else None


def _page(
    searcher: tantivy.Searcher, conditions: Conditions, query: tantivy.Query, question: Question
) -> Any:
    limit, by = question.limit, None if question.sort == BEST else "key"
    if question.place:
        key, shown = question.place
        query = conditions.all_of([query, conditions.up_to(key)])
        limit += shown
    return searcher.search(query, limit=max(limit, 1), count=not question.before, order_by_field=by)


def _count(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    found: Any = searcher.search(query, limit=1)
    return int(found.count)


def _after(hits: list[Hit], key: int, shown: int) -> list[Hit]:
    """The posts without those of this key that were on the previous page."""
    same = [hit for hit in hits if hit.key == key]
    return [*same[shown:], *hits[len(same) :]]


def _rows(searcher: tantivy.Searcher, found: Any) -> list[tuple[bytes, int]]:
    """The row and the key of each post that was found."""
    places = [address for _, address in found.hits]
    keys: list[Any] = searcher.fast_field_values("key", places) if places else []
    return [(searcher.doc(place)["row"][0], key) for place, key in zip(places, keys, strict=True)]


def _hits(ledger: Ledger, rows: list[tuple[bytes, int]], names: Mapping[int, str]) -> list[Hit]:
    files_of = files.keys_of(ledger, {file_number(data) for data, _ in rows})
    return [unpacked(data, key, names, files_of) for data, key in rows]


def _rolled_up(
    ledger: Ledger,
    searcher: tantivy.Searcher,
    conditions: Conditions,
    question: Question,
    expression: Expression,
) -> dict[str, list[tuple[str, int]]]:
    """The facets of a whole store or collection, if the ledger's sums are exact."""
    collection = _only_collection(expression)
    if collection is None or not {DAY, TAG} & set(question.facets):
        return {}
    files_read, posts, included = files.totals(ledger, collection)
    there = searcher.num_docs
    if collection:
        there = _count(searcher, conditions.query(Term("collection", (collection,))))
    # Posts that are in two files make the sums too high.
    if not files_read or there != posts + included:
        return {}
    return {
        DAY: rollups.days(ledger, collection),
        TAG: rollups.top_tags(ledger, collection, limit=TOP),
    }


def _only_collection(expression: Expression) -> str | None:
    """The collection if all of its posts are requested, "" if those of all are; None otherwise."""
    parts = list(expression.parts) if isinstance(expression, Both) else [expression]
    if (without := Without(Term("included", ("yes",)))) not in parts:
        return None
    parts.remove(without)
    match parts:
        case []:
            return ""
        case [Either((Term("collection", (name,)),))]:
            return name
    return None


def _figures(
    searcher: tantivy.Searcher,
    query: tantivy.Query,
    question: Question,
    answer: Answer,
    rolled_up: Mapping[str, list[tuple[str, int]]],
) -> None:
    asked = {name: _AGGREGATES[name] for name in question.facets if name not in rolled_up}
    if question.cells:
        asked["cell"] = {"terms": {"field": "cell", "size": _ALL_CELLS}}
    found = searcher.aggregate(query, asked) if asked else {}
    for name in question.facets:
        answer.facets[name] = rolled_up.get(name) or _facet(name, found)
    if question.cells:
        places = (
            (*cell_centre(int(each["key"])), int(each["doc_count"])) for each in _buckets(found, "cell")
        )
        answer.cells = list(places)


def _facet(name: str, found: Mapping[str, Any]) -> list[tuple[str, int]]:
    if name == DAY:
        return [
            (rollups.day_name(int(each["key"]) // rollups.SECONDS_A_DAY), int(each["doc_count"]))
            for each in _buckets(found, name)
        ]
    return [(str(each["key"]), int(each["doc_count"])) for each in _buckets(found, name)]


def _buckets(found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    buckets: list[Mapping[str, Any]] = found.get(name, {}).get("buckets", [])
    return [each for each in buckets if each["doc_count"]]
