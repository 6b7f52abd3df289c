"""Conditions as queries of tantivy, made from values, so that no text is parsed a second time."""

from collections.abc import Sequence
from dataclasses import dataclass

import tantivy

from harvester.search.expression import (
    Both,
    Either,
    Everything,
    Expression,
    Near,
    Published,
    Term,
    Without,
    Words,
)
from harvester.search.facts import boxes, kilometres
from harvester.search.index import PROPERTIES, property_of, schema

_MUST, _SHOULD, _NOT = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot
_INTEGER, _FLOAT = tantivy.FieldType.Integer, tantivy.FieldType.Float
_GREATEST = 2**63 - 1
# The maximum number of posts around a place whose distance is measured.
_MOST_NEAR = 200_000
# The maximum number of words that a '*' within a phrase stands for.
_MOST_WORDS = 5_000
# Characters with a meaning in a regular expression are in no word (`words`), other than in emoji.
_REGEX = {ord(each): f"\\{each}" for each in r"\.+*?()|[]{}^$#&-~"}


@dataclass
class Conditions:
    """Makes queries for one searcher; `exact` is False after one that finds more or fewer than was asked."""

    searcher: tantivy.Searcher
    # The numbers of collections by their ids.
    collections: dict[str, int]
    exact: bool = True

    def __post_init__(self) -> None:
        self._schema = schema()

    def query(self, expression: Expression) -> tantivy.Query:
        if isinstance(expression, Both):
            return self.all_of([self.query(part) for part in expression.parts])
        if isinstance(expression, Either):
            return self.any_of([self.query(part) for part in expression.parts])
        if isinstance(expression, Without):
            return self.all_of([tantivy.Query.all_query()], without=[self.query(expression.part)])
        if isinstance(expression, Words):
            return self._words(expression)
        if isinstance(expression, Term):
            return self._term(expression)
        if isinstance(expression, Published):
            return self._between("at", expression.since, expression.before)
        if isinstance(expression, Near):
            return self._near(expression)
        assert isinstance(expression, Everything)
        return tantivy.Query.all_query()

    def all_of(
        self, queries: Sequence[tantivy.Query], *, without: Sequence[tantivy.Query] = ()
    ) -> tantivy.Query:
        if len(queries) == 1 and not without:
            return queries[0]
        parts = [*((_MUST, each) for each in queries), *((_NOT, each) for each in without)]
        return tantivy.Query.boolean_query(parts)

    def any_of(self, queries: Sequence[tantivy.Query]) -> tantivy.Query:
        if not queries:
            return tantivy.Query.empty_query()
        return tantivy.Query.boolean_query([(_SHOULD, each) for each in queries])

    def up_to(self, key: int) -> tantivy.Query:
        """Posts with this key and older ones."""
        return self._between("key", None, key + 1 if key < _GREATEST else None)

    def _between(self, name: str, low: int | None, high: int | None) -> tantivy.Query:
        # Both ends are given, as a range without an end is another query in tantivy.
        lower, upper = -_GREATEST - 1 if low is None else low, _GREATEST if high is None else high
        return tantivy.Query.range_query(
            self._schema, name, _INTEGER, lower, upper, include_upper=high is None
        )

    def _words(self, wanted: Words) -> tantivy.Query:
        *whole, last = wanted.words
        if not wanted.prefix:
            return self._phrase([*whole, last])
        if not whole:
            return tantivy.Query.regex_query(self._schema, "words", f"{last.translate(_REGEX)}.*")
        found = self.searcher.terms_with_prefix("words", last, limit=_MOST_WORDS)
        self.exact = self.exact and len(found) < _MOST_WORDS
        return self.any_of([self._phrase([*whole, word]) for word, _ in found])

    def _phrase(self, words: list[str]) -> tantivy.Query:
        if len(words) == 1:
            return tantivy.Query.term_query(self._schema, "words", words[0])
        return tantivy.Query.phrase_query(self._schema, "words", list(words))

    def _term(self, wanted: Term) -> tantivy.Query:
        if wanted.name == "collection":
            numbers = [self.collections[each] for each in wanted.values if each in self.collections]
            return self.any_of([self.equal("collection", number) for number in numbers])
        return self.any_of([self.equal(wanted.name, value) for value in wanted.values])

    def equal(self, name: str, value: object) -> tantivy.Query:
        if name in PROPERTIES:
            name, value = "property", property_of(name, value)
        return tantivy.Query.term_query(self._schema, name, value, index_option="basic")

    def _near(self, wanted: Near) -> tantivy.Query:
        """The posts in a box around the circle that are near enough."""
        around = self.any_of(
            [
                self.all_of([self._range("lat", south, north), self._range("lon", west, east)])
                for south, north, west, east in boxes(wanted.lat, wanted.lon, wanted.km)
            ]
        )
        found = self.searcher.search(around, limit=_MOST_NEAR, count=False, order_by_field="key").hits
        if len(found) >= _MOST_NEAR:
            self.exact = False
            return around
        places = [address for _, address in found]
        if not places:
            return tantivy.Query.empty_query()
        lats, lons, identities = (
            self.searcher.fast_field_values(name, places) for name in ("lat", "lon", "spot")
        )
        near = [
            identity
            for lat, lon, identity in zip(lats, lons, identities, strict=True)
            if lat is not None and lon is not None
            if kilometres(wanted.lat, wanted.lon, lat, lon) <= wanted.km
        ]
        return tantivy.Query.term_set_query(self._schema, "identity", near)

    def _range(self, name: str, low: float, high: float) -> tantivy.Query:
        return tantivy.Query.range_query(self._schema, name, _FLOAT, low, high)
