"""Posts are put into the index, each once in a collection: the copy that was retrieved last stays."""

from collections.abc import Iterator
from contextlib import contextmanager

import tantivy

from harvester.ledger.cache import Cache
from harvester.networks.rows import PostRow
from harvester.search.facts import Facts
from harvester.search.hits import packed, retrieved_at
from harvester.search.index import HEAP, created, schema, unusable


class IndexWriter:
    """Adds and deletes are seen by searches at the next `commit`, all at once; without one none is."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._index = created(cache)
        self._schema = schema()
        with self._in_words():
            self._writer = self._index.writer(HEAP, 1)
        # The retrieval times of posts added since the last commit, by identity; None if they are not kept.
        self._added: dict[int, str] | None = None
        self._searcher: tantivy.Searcher | None = None
        self.pending = 0

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            raise unusable(self._cache, error) from error

    def delete_file(self, number: int) -> None:
        with self._in_words():
            self._writer.delete_documents_by_term("file", number)

    def delete_collection(self, number: int) -> None:
        with self._in_words():
            self._writer.delete_documents_by_term("collection", number)

    def add(self, row: PostRow, facts: Facts, *, collection: int, file: int, line: int) -> None:
        """Add a post, replacing the existing copy."""
        document = tantivy.Document()
        _fill(document, facts)
        document.add_integer("collection", collection)
        document.add_integer("file", file)
        document.add_bytes("row", packed(row, collection=collection, file=file, line=line))
        # A context manager for each post would cost a tenth of the whole.
        try:
            self._writer.delete_documents_by_term("identity", facts.identity)
            self._writer.add_document(document)
        except (ValueError, OSError) as error:
            raise unusable(self._cache, error) from error
        self.pending += 1
        if self._added is not None:
            self._added[facts.identity] = row.retrieved_at

    def retrieved(self, identity: int) -> str:
        """The retrieval time of the existing copy of a post; "" without one."""
        if self._added is None:
            self.commit()
            self._added = {}
            # Only here, as to open segments takes memory.
            self._index.reload()
            self._searcher = self._index.searcher()
        if identity in self._added:
            return self._added[identity]
        assert self._searcher is not None
        query = tantivy.Query.term_query(self._schema, "identity", identity)
        found = self._searcher.search(query, limit=1, count=False).hits
        return retrieved_at(self._searcher.doc(found[0][1])["row"][0]) if found else ""

    def commit(self) -> None:
        with self._in_words():
            self._writer.commit()
        self._searcher = None
        self._added, self.pending = None, 0

    def close(self) -> None:
        """Wait for the merging of segments; uncommitted posts are discarded."""
        with self._in_words():
            self._writer.rollback()
            self._writer.wait_merging_threads()


def _fill(document: tantivy.Document, facts: Facts) -> None:
    text = document.add_text
    document.add_integer("identity", facts.identity)
    document.add_integer("key", facts.key)
    document.add_integer("at", facts.at)
    text("words", facts.words)
    for name in ("author", "author_id", "lang", "kind"):
        if value := getattr(facts, name):
            text(name, value)
    for tag in facts.tags:
        text("tag", tag)
    for name in facts.mentions:
        text("mention", name)
    for what in facts.has:
        text("has", what)
    if facts.included:
        text("included", "yes")
    if facts.lat is not None and facts.lon is not None:
        document.add_float("lat", facts.lat)
        document.add_float("lon", facts.lon)
        document.add_integer("cell", facts.cell)
        document.add_integer("spot", facts.identity)
