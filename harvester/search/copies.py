"""Of each post that a scan reads, the copy retrieved last, and whether it matches; many are on disk."""

import marshal
from collections.abc import Iterator
from typing import NamedTuple

from harvester.networks.rows import PostRow
from harvester.reading.external_sort import Sorter
from harvester.search.expression import Expression
from harvester.search.facts import Facts, cell_of, facts_of
from harvester.search.hits import packed
from harvester.search.plain import matches

# What comes before the content of a copy, after when it was retrieved: place, line, number.
_PLACE = 16


class Found(NamedTuple):
    """What is counted and shown of a post that matches; `row` is for `hits.unpacked`."""

    key: int
    at: int
    author: str
    tags: list[str]
    lang: str
    lat: float | None
    lon: float | None
    row: bytes
    collection: str
    file: str

    @property
    def cell(self) -> int | None:
        return None if self.lat is None or self.lon is None else cell_of(self.lat, self.lon)


class Copies:
    """The copies of posts in a sorter, which is used within `with`."""

    def __init__(self, sorter: Sorter, expression: Expression) -> None:
        self._sorter, self._expression = sorter, expression
        self.posts = 0

    def add(self, row: PostRow, collection: str, *, file: str, place: int, line: int) -> None:
        """A copy in a line of a file; `place` is that of the file among the others of its collection."""
        facts = facts_of(row, collection)
        self.posts += 1
        # Of the copies of one moment, the one that is stored last counts.
        stored = place.to_bytes(4) + line.to_bytes(6) + self.posts.to_bytes(6)
        moment = row.retrieved_at.replace("\0", " ").encode("utf-8", "surrogatepass") + b"\0"
        content = b""
        if matches(self._expression, facts, collection):
            # Read by this process only. It holds any text, also half of a surrogate pair.
            content = marshal.dumps(tuple(_found(facts, row, collection, file, line)))
        self._sorter.add(facts.identity.to_bytes(8, signed=True), moment + stored + content)

    def matching(self) -> Iterator[Found]:
        """The posts whose last copy matches, in the same order in each scan of the same posts."""
        for _, value in self._sorter:
            content = value[value.index(b"\0") + 1 + _PLACE :]
            if content:
                yield Found(*marshal.loads(content))


def _found(facts: Facts, row: PostRow, collection: str, file: str, line: int) -> Found:
    return Found(
        key=facts.key,
        at=facts.at,
        author=facts.author,
        tags=facts.tags,
        lang=facts.lang,
        lat=facts.lat,
        lon=facts.lon,
        row=packed(row, at=facts.at, collection=0, file=0, line=line),
        collection=collection,
        file=file,
    )
