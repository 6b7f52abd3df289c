"""The same answers without an index: from tables where these are current, else by reading all files."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nlargest

from harvester.ledger.rollups import SECONDS_A_DAY, day_name
from harvester.reading import BadRecord, lines, record_files
from harvester.reading.external_sort import MEMORY, Sorter
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
from harvester.search.copies import Copies, Found
from harvester.search.expression import Expression
from harvester.search.facts import cell_centre
from harvester.search.hits import METRICS, Hit, unpacked
from harvester.search.prefilter import prefilter
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader
from harvester.tables.posts import TablePosts, Tables
from harvester.text import counted

# What of a post is looked at, and what is shown.
_COLUMNS = (
    *("id", "key", "created_at", "author_id", "username", "text", "kind", "lang", "hashtags", "urls"),
    *("mention_names", "media_keys", "lat", "lon", "place_name", "retrieved_at", "included", *METRICS),
)
# Receives a text to show, and its numbers for programs.
Show = Callable[..., None]


def scan(
    reader: Reader,
    collections: Sequence[str],
    question: Question,
    *,
    tables: Tables | None = None,
    show: Show | None = None,
    memory: int = MEMORY,
) -> Answer:
    """The newest posts that match a question, with its figures; sorting by relevance needs an index.

    Copies of posts take `memory` bytes and the disk for temporary files. Beside these, only the values of
    facets are held.
    """
    expression, warnings = expression_of(question)
    sources = set()
    bad: list[BadRecord] = []
    with Sorter(unique=True, memory=memory) as sorter:
        copies = Copies(sorter, expression)
        for collection in collections:
            keys = CollectionKeys(collection)
            if posts := tables.posts(keys) if tables else None:
                sources.add("tables")
                _add_of_tables(posts, copies, expression, collection)
            else:
                sources.add("records")
                _add_of_records(reader, keys, copies, bad.append, show)
        if bad:
            warnings.append(f"{counted(len(bad), 'record')} could not be read, the first: {bad[0].message}")
        source = "tables" if sources == {"tables"} else "records"
        answer = Answer(question.text, warnings, source=source)
        _answer(answer, question, copies.matching())
    return answer


def _add_of_records(
    reader: Reader, keys: CollectionKeys, copies: Copies, on_bad: OnBad, show: Show | None
) -> None:
    for place, file in enumerate(record_files(reader, keys)):
        if show:
            show(f"reading {file.key}: {copies.posts:,} posts", posts=copies.posts)
        for line in lines(reader, file, on_bad=on_bad):
            for row in line.rows.posts:
                copies.add(row, keys.id, file=file.key, place=place, line=line.number)


def _add_of_tables(posts: TablePosts, copies: Copies, expression: Expression, collection: str) -> None:
    """Posts that may match, then their other copies, of which one may be newer."""
    where = prefilter(expression, collection)
    others = f"NOT coalesce({where}, false) AND id IN (SELECT id FROM posts WHERE {where})"
    with posts.opened() as opened:
        for condition in (where, others):
            for row, file, line in opened.rows(_COLUMNS, condition):
                copies.add(row, collection, file=file, place=posts.places[file], line=line)


def _answer(answer: Answer, question: Question, matching: Iterator[Found]) -> None:
    """Count the posts, and take those of the page."""
    facets: dict[str, Counter[str]] = {name: Counter() for name in question.facets}
    cells: Counter[int] = Counter()

    def up_to_page() -> Iterator[Found]:
        for found in matching:
            answer.count += 1
            for name, counts in facets.items():
                counts.update(_VALUES[name](found))
            if question.cells and found.cell is not None:
                cells[found.cell] += 1
            if question.place is None or found.key <= question.place[0]:
                yield found

    _, shown = question.place or (0, 0)
    # All are counted, also for a page without posts.
    newest = nlargest(max(1, question.limit + shown), up_to_page(), key=lambda found: found.key)
    answer.hits = [_hit(found) for found in newest[shown : shown + question.limit]]
    answer.next = next_page(question, [hit.key for hit in answer.hits])
    for name, counts in facets.items():
        answer.facets[name] = sorted(counts.items()) if name == DAY else largest(counts)
    answer.cells = [(*cell_centre(cell), posts) for cell, posts in cells.items()]


def _hit(found: Found) -> Hit:
    return unpacked(found.row, found.key, {0: found.collection}, {0: found.file})


_VALUES: Mapping[str, Callable[[Found], Sequence[str]]] = {
    DAY: lambda found: [day_name(found.at // SECONDS_A_DAY)],
    TAG: lambda found: found.tags,
    USER: lambda found: [found.author] if found.author else [],
    LANG: lambda found: [found.lang] if found.lang else [],
}
