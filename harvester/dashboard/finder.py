"""Answers the search page from the index of this machine, else from tables, or from files with few posts."""

from typing import TYPE_CHECKING

from harvester.dashboard.overview import Overview
from harvester.errors import HarvesterError
from harvester.errors.packages import missing_package
from harvester.networks.rows import PostRow
from harvester.reading import BadRecord, lines, record_files
from harvester.search.answers import FACETS, Answer, Question, expression_of
from harvester.search.hits import METRICS, Hit
from harvester.search.scan import scan
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader, reader
from harvester.tables.posts import Tables, of_post
from harvester.text import printable

if TYPE_CHECKING:
    from harvester.dashboard.place import Place
    from harvester.search.asking import Search

# The maximum number of posts that are read for one page without an index.
_READ_AT_MOST = 20_000
_HITS = 20
_OF_SIGHTINGS = ("id", "key", "included", "retrieved_at", *METRICS)
NO_INDEX = "There is no search index of these collections on this machine yet"


def _pass(_: BadRecord) -> None:
    """Damaged records beside a post do not matter: the post itself was found."""


def _rows_in_tables(tables: Tables, keys: CollectionKeys, post_id: str) -> list[PostRow]:
    found = tables.posts(keys)
    assert found
    with found.opened() as opened:
        return [row for row, _, _ in opened.rows(_OF_SIGHTINGS, of_post(post_id))]


def _rows_in_files(read: Reader, keys: CollectionKeys, post_id: str) -> list[PostRow]:
    stored = (line for file in record_files(read, keys) for line in lines(read, file, on_bad=_pass))
    return [row for line in stored for row in line.rows.posts if row.id == post_id]


class Finder:
    """The search of one run of the dashboard; safe to use from many threads."""

    def __init__(self, place: "Place", overview: Overview) -> None:
        self._place, self._overview = place, overview
        self.cache = place.cache
        self._search: Search | None = None
        self._lacks: HarvesterError | None = None
        try:
            from harvester.search.asking import Search as Found
        except ModuleNotFoundError as error:
            name = (error.name or "tantivy").partition(".")[0]
            self._lacks = missing_package(name, "The search index", requirements="requirements-explore.txt")
        else:
            self._search = Found(self.cache)

    def ask(self, text: str, *, collection: str, sort: str, before: str) -> tuple[Answer | None, str]:
        """The answer and a note about its source; None if there is no answer."""
        question = Question(
            text=text,
            collections=(collection,) if collection else (),
            sort=sort or "newest",
            limit=_HITS,
            before=before,
            facets=FACETS,
            cells=True,
        )
        # An invalid query is refused, whichever source would answer it.
        expression_of(question)
        if self._search and self._search.exists:
            return self._search.ask(question), ""
        why = f"{self._lacks.message} {self._lacks.hint}" if self._lacks else f"{NO_INDEX}: {self.command}."
        # Only the index has other orders than newest first.
        found = None if sort else self._scan(question, [collection] if collection else self._readable())
        if found is None:
            return None, why
        return found, f"{'Tables' if found.source == 'tables' else 'All files'} were read for this. {why}"

    def _scan(self, question: Question, ids: list[str]) -> Answer | None:
        """The answer from the tables or the files; None if there is too much to read."""
        is_large = self._posts(ids) > _READ_AT_MOST
        tables = self._tables(ids) if is_large else None
        if is_large and not tables:
            return None
        return scan(reader(self._place.store), ids, question, tables=tables)

    def _tables(self, ids: list[str]) -> Tables | None:
        """The tables of these collections, if they can be read and are current."""
        store = self._place.store
        tables = Tables(store, reader(store), self.cache.folder / "tables")
        # Without the package for the index, that for tables is missing, too.
        if self._lacks or not all(tables.posts(CollectionKeys(each)) for each in ids):
            return None
        return tables

    @property
    def command(self) -> str:
        """The command that builds the index."""
        return f"`{self._place.program} search index` makes one"

    def post(self, collection: str, post_id: str) -> Hit | None:
        """One post, by the index, or by reading all of a small collection."""
        if self._search and self._search.exists:
            return self._search.post(collection, post_id)
        if self._posts([collection]) > _READ_AT_MOST:
            raise HarvesterError(f"{NO_INDEX}, and {collection} is too large to be read.", hint=self.command)
        found = scan(reader(self._place.store), [collection], Question(limit=10_000, included=True))
        return next((hit for hit in found.hits if hit.id == printable(post_id)), None)

    def sightings(self, collection: str, post_id: str) -> list[PostRow]:
        """The collected copies of a post, earliest first; none if they are too many to be looked through."""
        keys = CollectionKeys(collection)
        if tables := self._tables([collection]):
            rows = _rows_in_tables(tables, keys, post_id)
        elif self._posts([collection]) <= _READ_AT_MOST:
            rows = _rows_in_files(reader(self._place.store), keys, post_id)
        else:
            return []
        return sorted((row for row in rows if not row.included), key=lambda row: row.retrieved_at)

    def _readable(self) -> list[str]:
        return [row["id"] for row in self._overview.rows() if not row["problem"]]

    def _posts(self, ids: list[str]) -> int:
        return sum(self._overview.histories.of(CollectionKeys(each)).posts for each in ids)
