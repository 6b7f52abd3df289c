"""The same answers without an index: from tables where these are current, else by reading all files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from sys import intern

from harvester.ledger.rollups import day_name
from harvester.networks.rows import PostRow
from harvester.reading import BadRecord, lines, record_files
from harvester.reading.lines import OnBad
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
from harvester.search.hits import METRICS, Hit, packed, unpacked
from harvester.search.plain import matches
from harvester.search.prefilter import prefilter
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader
from harvester.tables.posts import TablePosts, Tables
from harvester.text import counted

_SECONDS_A_DAY = 86_400
# What of a post is looked at, and what is shown.
_COLUMNS = (
    *("id", "key", "created_at", "author_id", "username", "text", "kind", "lang", "hashtags", "urls"),
    *("mention_names", "media_keys", "lat", "lon", "place_name", "retrieved_at", "included", *METRICS),
)
# Receives a text to show, and its numbers for programs.
Show = Callable[..., None]


@dataclass(frozen=True, slots=True)
class _Copy:
    """The copy of a post that was retrieved last, and its properties if it matches."""

    # When it was retrieved, and for those of one moment where it is stored: the last one counts.
    place: tuple[str, int, int]
    found: tuple[Facts, bytes, str, str] | None


# A post with the key of its file, and the place of that among the others, and the line.
_Stored = tuple[PostRow, str, int, int]


def scan(
    reader: Reader,
    collections: Sequence[str],
    question: Question,
    *,
    tables: Tables | None = None,
    show: Show | None = None,
) -> Answer:
    """The newest posts that match a question, with its figures; sorting by relevance needs an index."""
    expression, warnings = expression_of(question)
    copies: dict[int, _Copy] = {}
    sources = set()
    bad: list[BadRecord] = []
    for collection in collections:
        keys = CollectionKeys(collection)
        if posts := tables.posts(keys) if tables else None:
            sources.add("tables")
            _take_from(posts, copies, expression, collection)
        else:
            sources.add("records")
            for stored in _of_records(reader, keys, copies, bad.append, show):
                _take(stored, copies, expression, collection)
    if bad:
        warnings.append(f"{counted(len(bad), 'record')} could not be read, the first: {bad[0].message}")
    found = [copy.found for copy in copies.values() if copy.found]
    found.sort(key=lambda each: each[0].key, reverse=True)
    source = "tables" if sources == {"tables"} else "records"
    answer = Answer(question.text, warnings, count=len(found), source=source)
    _count(answer, question, [facts for facts, *_ in found])
    if question.place:
        key, shown = question.place
        found = [each for each in found if each[0].key <= key][shown:]
    answer.hits = [_hit(row, facts.key, name, file) for facts, row, name, file in found[: question.limit]]
    answer.next = next_page(question, [hit.key for hit in answer.hits])
    return answer


def _of_records(
    reader: Reader, keys: CollectionKeys, copies: dict[int, _Copy], on_bad: OnBad, show: Show | None
) -> Iterator[_Stored]:
    for place, file in enumerate(record_files(reader, keys)):
        if show:
            show(f"reading {file.key}: {len(copies):,} posts", posts=len(copies))
        for line in lines(reader, file, on_bad=on_bad):
            for row in line.rows.posts:
                yield row, file.key, place, line.number


def _take(stored: _Stored, copies: dict[int, _Copy], expression: Expression, collection: str) -> None:
    row, key, at, line = stored
    facts = facts_of(row, collection)
    # All copies are held until the last is read; those of a page have the same time and file.
    place = intern(row.retrieved_at), at, line
    known = copies.get(facts.identity)
    if known and place < known.place:
        return
    found = None
    if matches(expression, facts, collection):
        shown = packed(row, at=facts.at, collection=0, file=0, line=line)
        found = facts.without_words, shown, collection, intern(key)
    copies[facts.identity] = _Copy(place, found)


def _take_from(posts: TablePosts, copies: dict[int, _Copy], expression: Expression, collection: str) -> None:
    """Posts that may match, then their other copies, of which one may be newer."""
    where = prefilter(expression, collection)
    others = f"NOT coalesce({where}, false) AND id IN (SELECT id FROM posts WHERE {where})"
    with posts.opened() as opened:
        for condition in (where, others):
            for row, file, line in opened.rows(_COLUMNS, condition):
                _take((row, file, posts.places[file], line), copies, expression, collection)


def _hit(row: bytes, key: int, collection: str, file: str) -> Hit:
    return unpacked(row, key, {0: collection}, {0: file})


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
