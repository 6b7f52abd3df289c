"""The same answers without an index, by reading all files: for small stores, and to check the index."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harvester.ledger.rollups import day_name
from harvester.reading import Line, lines, record_files
from harvester.search.answers import (
    DAY,
    LANG,
    TAG,
    USER,
    Answer,
    Question,
    expression_of,
    largest,
    next_page,
)
from harvester.search.expression import Expression
from harvester.search.facts import Facts, cell_centre, facts_of
from harvester.search.hits import Hit, packed, unpacked
from harvester.search.plain import matches
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader

_SECONDS_A_DAY = 86_400
# Receives a text to show, and its numbers for programs.
Show = Callable[..., None]


@dataclass(frozen=True)
class _Copy:
    """The copy of a post that was retrieved last, and its properties if it matches."""

    retrieved: str
    found: tuple[Facts, bytes, str, str] | None


def scan(
    reader: Reader, collections: Sequence[str], question: Question, *, show: Show | None = None
) -> Answer:
    """The newest posts that match a question, with its figures; sorting by relevance needs an index."""
    expression, warnings = expression_of(question)
    copies: dict[int, _Copy] = {}
    for collection in collections:
        for file in record_files(reader, CollectionKeys(collection)):
            if show:
                show(f"reading {file.key}: {len(copies):,} posts", posts=len(copies))
            if file.size:
                _read(lines(reader, file), copies, expression, collection=collection, key=file.key)
    found = [copy.found for copy in copies.values() if copy.found]
    found.sort(key=lambda each: each[0].key, reverse=True)
    answer = Answer(question.text, warnings, count=len(found), source="records")
    _count(answer, question, [facts for facts, *_ in found])
    if question.place:
        key, shown = question.place
        found = [each for each in found if each[0].key <= key][shown:]
    answer.hits = [_hit(row, name, key) for _, row, name, key in found[: question.limit]]
    answer.next = next_page(question, [hit.key for hit in answer.hits])
    return answer


def _read(
    stored: Iterable[Line], copies: dict[int, _Copy], expression: Expression, *, collection: str, key: str
) -> None:
    for line in stored:
        for row in line.rows.posts:
            facts = facts_of(row, collection)
            known = copies.get(facts.identity)
            if known and row.retrieved_at < known.retrieved:
                continue
            found = None
            if matches(expression, facts, collection):
                found = facts, packed(row, collection=0, file=0, line=line.number), collection, key
            copies[facts.identity] = _Copy(row.retrieved_at, found)


def _hit(row: bytes, collection: str, key: str) -> Hit:
    return unpacked(row, {0: collection}, {0: key})


def _count(answer: Answer, question: Question, found: list[Facts]) -> None:
    for name in question.facets:
        counts: dict[str, int] = {}
        for facts in found:
            for value in _values(name, facts):
                counts[value] = counts.get(value, 0) + 1
        answer.facets[name] = sorted(counts.items()) if name == DAY else largest(counts)
    if question.cells:
        cells: dict[int, int] = {}
        for facts in found:
            if facts.lat is not None:
                cells[facts.cell] = cells.get(facts.cell, 0) + 1
        answer.cells = [(*cell_centre(cell), posts) for cell, posts in cells.items()]


def _values(name: str, facts: Facts) -> list[str]:
    return {
        DAY: lambda: [day_name(facts.at // _SECONDS_A_DAY)],
        TAG: lambda: facts.tags,
        USER: lambda: [facts.author] if facts.author else [],
        LANG: lambda: [facts.lang] if facts.lang else [],
    }[name]()
