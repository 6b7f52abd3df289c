"""The posts of collections or of files, one after the other, in the form that an export needs."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.exports.duplicates import KEEP, left_out
from harvester.exports.selection import Selection
from harvester.networks import Network
from harvester.networks.records import BrokenLine
from harvester.networks.rows import AccountRow, PostRow, Rows
from harvester.reading.files import RecordFile
from harvester.reading.lines import REPAIRED, BadRecord, OnBad, RawLine, local_raw_lines, raw_lines, read_rows
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader

if TYPE_CHECKING:
    from harvester.tables.posts import Tables

# The number of lines after which progress is reported; of pages, each may hold 500 posts.
_TOLD = 16


class Source(Protocol):
    """A file of records."""

    @property
    def name(self) -> str: ...

    @property
    def harvested(self) -> str:
        """When its harvest began; empty if not known."""
        ...

    def lines(self, on_bad: OnBad | None) -> Iterator[RawLine]: ...


@dataclass(frozen=True)
class Stored:
    """A file of a collection."""

    reader: Reader = field(repr=False)
    file: RecordFile

    @property
    def name(self) -> str:
        return self.file.key

    @property
    def harvested(self) -> str:
        return self.file.harvest

    def lines(self, on_bad: OnBad | None) -> Iterator[RawLine]:
        return raw_lines(self.reader, self.file, on_bad=on_bad)


@dataclass(frozen=True)
class Local:
    """A file of this machine, or standard input."""

    name: str
    harvested: str = ""

    def lines(self, on_bad: OnBad | None) -> Iterator[RawLine]:
        return local_raw_lines(self.name, on_bad=on_bad)


class Whole(NamedTuple):
    """The location of the exported collections."""

    reader: Reader
    collections: tuple[CollectionKeys, ...]
    tables: "Tables | None" = None


class Post(NamedTuple):
    """A post with its row, and its flattened record where that was asked for."""

    row: PostRow
    tree: Tree
    file: str
    line: int


@dataclass
class Progress:
    """How far an export is, and what could not be read."""

    files: int = 0
    file: int = 0
    posts: int = 0
    duplicates: int = 0
    bad: list[str] = field(default_factory=list)
    bad_records: int = 0
    # Files that are not what their manifest names, each with why, and files that are missing.
    damaged: list[str] = field(default_factory=list)


_MOST_BAD = 100
# A line, its content, and the selected part of it.
_Group = tuple[Source, RawLine, Rows, list[PostRow]]


class Posts:
    """The source of an export, which may be read several times; if `strict`, no record may be bad."""

    def __init__(
        self,
        sources: Iterable[Source],
        network: Network,
        selection: Selection | None = None,
        *,
        duplicates: str = KEEP,
        strict: bool = False,
        whole: Whole | None = None,
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.sources, self.network = list(sources), network
        self._flat = network.flat
        self.selection = selection or Selection()
        self.progress = Progress(len(self.sources))
        self.duplicates, self._strict, self._whole = duplicates, strict, whole
        self._left_out: array[int] | None = None
        self.tell = tell
        # Hashes of the places of bad records: an export may read each several times.
        self._bad: set[int] = set()

    @property
    def whole(self) -> Whole:
        """The collections, for an export that takes more of them than their posts."""
        if self._whole is None:
            raise HarvesterError("This export is of collections.", hint="Name a collection.")
        return self._whole

    def read(self, *, trees: bool = False) -> Iterator[Post]:
        """The posts that are selected, with `trees` flattened, in the order in which they were stored."""
        for source, line, _rows, taken in self._staying():
            by_id = self._by_id(line.raw) if trees and taken else {}
            for row in taken:
                yield Post(row, by_id.get(row.id, {}), source.name, line.number)

    def groups(self) -> Iterator[tuple[list[PostRow], Rows]]:
        """The same by line, with all that the line holds; of some lines no post is selected."""
        return ((taken, rows) for _, _, rows, taken in self._staying())

    def trees(self) -> Iterator[Tree]:
        """The same flattened and without rows, in half the time, if all posts are selected."""
        if not self._is_all:
            yield from (post.tree for post in self.read(trees=True))
            return
        for source in self._each_source():
            for line in self._each_line(source):
                try:
                    found, _ = self._flat.posts(line.raw) if line.raw.strip() else ((), ())
                except BrokenLine as error:
                    self.hear(BadRecord(source.name, line.number, error.why))
                    continue
                yield from found

    def _selected(self) -> Iterator[_Group]:
        for source, line, rows in self._lines():
            taken = [row for row in rows.posts if self.selection.takes(row, harvested=source.harvested)]
            yield source, line, rows, taken

    def _staying(self) -> Iterator[_Group]:
        """Those that are selected, without duplicates."""
        if self.duplicates == KEEP:
            yield from self._selected()
            return
        if self._left_out is None:
            rows = (row for *_, taken in self._selected() for row in taken)
            self._left_out = left_out(rows, self.duplicates)
            self.progress.duplicates = len(self._left_out)
        left, position = iter(self._left_out), 0
        next_one = next(left, -1)
        for source, line, all_rows, taken in self._selected():
            staying = []
            for row in taken:
                if position == next_one:
                    next_one = next(left, -1)
                else:
                    staying.append(row)
                position += 1
            yield source, line, all_rows, staying

    def accounts(self) -> Iterator[AccountRow]:
        """The accounts of lines that hold a selected post, or all accounts if all posts are selected."""
        return (
            row for _, _, rows, taken in self._selected() if taken or self._is_all for row in rows.accounts
        )

    def raw(self) -> Iterator[bytes]:
        """The lines that hold a selected post, as they are stored."""
        return (line.raw for _, line, _, taken in self._staying() if taken or self._is_all)

    @property
    def _is_all(self) -> bool:
        return self.selection.is_all and self.duplicates == KEEP

    def _by_id(self, raw: bytes) -> dict[str, Tree]:
        collected, included = self._flat.posts(raw)
        # A post that was collected itself has priority over the same post included with another.
        return {_id(tree): tree for tree in (*included, *collected)}

    def _lines(self) -> Iterator[tuple[Source, RawLine, Rows]]:
        for source in self._each_source():
            for line in self._each_line(source):
                rows = read_rows(line, source.name, self.network, on_bad=self.hear)
                if rows is not None:
                    yield source, line, rows

    def _each_source(self) -> Iterator[Source]:
        for number, source in enumerate(self.sources, 1):
            self.progress.file = number
            self.tell(self.progress)
            yield source

    def _each_line(self, source: Source) -> Iterator[RawLine]:
        for line in source.lines(self.hear):
            if line.number % _TOLD == 0:
                self.tell(self.progress)
            yield line

    def hear(self, bad: BadRecord) -> None:
        """Count what cannot be read, once."""
        if self._strict:
            raise BadRecord(bad.file, bad.line, bad.why, hint=REPAIRED) from bad
        place = hash((bad.file, bad.line))
        if place in self._bad:
            return
        self._bad.add(place)
        self.progress.bad_records += 1
        if len(self.progress.bad) < _MOST_BAD:
            self.progress.bad.append(bad.message)


def _id(tree: Tree) -> str:
    return str(tree.get("id_str") or tree.get("id"))
