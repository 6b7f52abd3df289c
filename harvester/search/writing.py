"""Posts are put into the index, each once in a collection: the copy that was retrieved last stays."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import tantivy

from harvester.ledger.cache import Cache
from harvester.networks.rows import PostRow
from harvester.search.facts import Facts
from harvester.search.hits import packed, retrieved_at
from harvester.search.index import HEAP, created, property_of, schema, unusable

# The number of posts of which existing copies are looked for together.
_AT_ONCE = 1_000
# 8 MB. With five million posts, 7 % of the others seem to be there.
_BITS = 1 << 26


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
        # Documents by identity: of two copies, the one that was added last.
        self._waiting: dict[int, str] = {}
        # Of an index that was empty, the identities that were added, as bits: of others there is no copy.
        is_empty = self._index.searcher().num_docs == 0
        self._known = bytearray(_BITS >> 3) if is_empty else None
        self._copies: list[int] = []
        self.pending = 0

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            raise unusable(self._cache, error) from error

    def delete_file(self, number: int) -> None:
        self._put()
        with self._in_words():
            self._writer.delete_documents_by_term("file", number)

    def delete_collection(self, number: int) -> None:
        self._put()
        with self._in_words():
            self._writer.delete_documents_by_term("collection", number)

    def add(self, row: PostRow, facts: Facts, *, collection: int, file: int, line: int) -> None:
        """Add a post, replacing the existing copy."""
        stored = packed(row, at=facts.at, collection=collection, file=file, line=line)
        if self._may_be_there(facts.identity):
            self._copies.append(facts.identity)
        self._waiting[facts.identity] = _document(facts, stored, collection=collection, file=file)
        if len(self._waiting) >= _AT_ONCE:
            self._put()
        self.pending += 1
        if self._added is not None:
            self._added[facts.identity] = row.retrieved_at

    def _put(self) -> None:
        """Pass on what waits; existing copies are deleted by one query, which is faster than one for each."""
        if not self._waiting:
            return
        with self._in_words():
            if self._copies:
                copies = tantivy.Query.term_set_query(self._schema, "identity", self._copies)
                self._writer.delete_documents_by_query(copies)
            for document in self._waiting.values():
                self._writer.add_json(document)
        self._waiting, self._copies = {}, []

    def _may_be_there(self, identity: int) -> bool:
        if self._known is None:
            return True
        at, bit = (identity & _BITS - 1) >> 3, 1 << (identity & 7)
        known = self._known[at] & bit
        self._known[at] |= bit
        return bool(known)

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
        self._put()
        with self._in_words():
            self._writer.commit()
        self._searcher = None
        self._added, self.pending = None, 0

    def close(self) -> None:
        """Wait for the merging of segments; uncommitted posts are discarded."""
        with self._in_words():
            self._writer.rollback()
            self._writer.wait_merging_threads()


def _document(facts: Facts, row: bytes, *, collection: int, file: int) -> str:
    """A document as JSON, which tantivy reads in half the time that a call for each field takes."""
    found: dict[str, Any] = {
        "identity": facts.identity,
        "key": facts.key,
        "at": facts.at,
        "collection": collection,
        "file": file,
        "words": facts.words,
        "property": _properties(facts),
        "row": b64encode(row).decode(),
    }
    if facts.author:
        found["author"] = facts.author
    if facts.lang:
        found["lang"] = facts.lang
    if facts.tags:
        found["tag"] = facts.tags
    if facts.lat is not None and facts.lon is not None:
        found |= {"lat": facts.lat, "lon": facts.lon, "cell": facts.cell, "spot": facts.identity}
    try:
        return orjson.dumps(found).decode()
    except TypeError:
        # Half of a surrogate pair.
        return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace").decode()


def _properties(facts: Facts) -> list[str]:
    found = [property_of("kind", facts.kind)]
    if facts.author_id:
        found.append(property_of("author_id", facts.author_id))
    found += [property_of("mention", name) for name in facts.mentions]
    found += [property_of("has", what) for what in facts.has]
    if facts.included:
        found.append(property_of("included", "yes"))
    return found
