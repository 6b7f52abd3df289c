"""Reads an object once, in constant memory: digests, completeness and contents."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from harvester.documents.foreign import loaded
from harvester.networks.records import BrokenLine, Records, object_of
from harvester.reading.splitting import LONGEST_LINE, Gunzip, Unreadable
from harvester.store.keys import EDGES, is_side

Ids = Callable[[list[str]], None]


class Counter(Protocol):
    """What whole lines of a network's records hold."""

    def __call__(self, block: bytes, *, ids: bool) -> Records: ...


@dataclass(frozen=True)
class Start:
    """The first bytes of an object that has more."""

    size: int
    sha1: str
    sha256: str

    def digest(self, algorithm: str) -> str:
        return self.sha1 if algorithm == "sha1" else self.sha256


@dataclass(frozen=True)
class Content:
    """What reading an object found. `problem` is empty if the object is whole.

    `starts` are those that end where gzip ends and more follows: one may be all that was stored.
    """

    size: int
    sha1: str
    sha256: str
    raw_bytes: int = 0
    lines: int = 0
    posts: int = 0
    # Of a side file: the highest line number of the records that it describes.
    last_line: int = 0
    # Of a file of edges: how many ids are on the pages.
    edges: int = 0
    problem: str = ""
    starts: tuple[Start, ...] = ()

    def digest(self, algorithm: str) -> str:
        return self.sha1 if algorithm == "sha1" else self.sha256


def content(name: str, pieces: Iterable[memoryview], records: Counter, *, ids: Ids | None = None) -> Content:
    """Read an object, whose name ends as what it holds; `ids` is given those of all posts."""
    side = _SideLines("ids" if name.startswith(EDGES) else "rules") if is_side(name) else None
    lines = _Lines(side or records, ids, whole=name.endswith(".json"))
    if name.endswith(".gz"):
        found = _read(pieces, _Gunzip(lines))
        return replace(found, last_line=side.last, edges=side.edges) if side else found
    if name.endswith((".jsonl", ".json")):
        return _read(pieces, _Plain(lines))
    return _read(pieces, _Plain(None))


def _read(pieces: Iterable[memoryview], sink: "_Plain | _Gunzip") -> Content:
    digests, problem, starts = _Digests(), "", list[Start]()
    for piece in pieces:
        before = digests.copy()
        digests.add(piece)
        if not problem:
            problem = _problem(lambda piece=piece: sink.take(piece))  # type: ignore[misc]
            # Each end of gzip in this piece that is not the end of the object.
            ends = [end for end in sink.ends if before.size <= end < digests.size]
            starts += [before.start(piece, end) for end in ends]
    problem = problem or _problem(sink.end)
    lines = sink.lines
    return Content(
        digests.size,
        digests.sha1.hexdigest(),
        digests.sha256.hexdigest(),
        raw_bytes=sink.raw_bytes,
        lines=lines.lines if lines else 0,
        posts=lines.posts if lines else 0,
        problem=problem,
        starts=tuple(starts),
    )


_OF_A_LATER = {"rules": "rules a later record matched", "ids": "ids a later record has"}


class _SideLines:
    """Counts the lines of a side file, each of which is for a later record, or for another post of it."""

    def __init__(self, member: str) -> None:
        self.last, self._member = 0, member
        self.edges = 0

    def __call__(self, block: bytes, *, ids: bool) -> Records:
        del ids
        lines = block.splitlines()
        for number, line in enumerate(lines, 1):
            entry = object_of(line, number)
            at, listed = entry.get("line"), entry.get(self._member)
            if type(at) is not int or at < max(1, self.last) or not isinstance(listed, list) or not listed:
                raise BrokenLine(number, f"does not say which {_OF_A_LATER[self._member]}")
            self.last = at
            self.edges += len(listed) if self._member == "ids" else 0
        return Records(len(lines), 0)


class _Digests:
    """Of the bytes so far."""

    def __init__(self) -> None:
        self.size, self.sha1, self.sha256 = 0, hashlib.sha1(usedforsecurity=False), hashlib.sha256()

    def copy(self) -> "_Digests":
        made = _Digests()
        made.size, made.sha1, made.sha256 = self.size, self.sha1.copy(), self.sha256.copy()
        return made

    def add(self, piece: memoryview) -> None:
        self.size += len(piece)
        self.sha1.update(piece)
        self.sha256.update(piece)

    def start(self, piece: memoryview, end: int) -> Start:
        """The object up to this end, in the piece that follows these bytes."""
        made = self.copy()
        made.add(piece[: end - self.size])
        return Start(end, made.sha1.hexdigest(), made.sha256.hexdigest())


def _problem(step: Callable[[], None]) -> str:
    try:
        step()
    except _Broken as error:
        return str(error)
    return ""


class _Broken(Exception):
    """The object is not what its name says."""


class _Plain:
    """Bytes as they are."""

    # Nothing in them says where they end.
    ends: tuple[int, ...] = ()

    def __init__(self, lines: "_Lines | None") -> None:
        self.lines, self.raw_bytes = lines, 0

    def take(self, piece: memoryview) -> None:
        self.raw_bytes += len(piece)
        if self.lines:
            self.lines.take(bytes(piece))

    def end(self) -> None:
        if self.lines:
            self.lines.end()


class _Gunzip:
    """The content of a gzip file."""

    def __init__(self, lines: "_Lines") -> None:
        self.lines, self.raw_bytes = lines, 0
        self._gunzip = Gunzip()

    @property
    def ends(self) -> list[int]:
        return self._gunzip.ends

    def take(self, piece: memoryview) -> None:
        try:
            for raw in self._gunzip.unpack(piece):
                self.raw_bytes += len(raw)
                self.lines.take(raw)
        except Unreadable as error:
            raise _Broken(self._strange() or f"it is not whole gzip: {error}") from None

    def end(self) -> None:
        if not self._gunzip.is_complete:
            raise _Broken(self._strange() or "its gzip has no end")
        self.lines.end()

    def _strange(self) -> str:
        return f"what follows byte {self.ends[-1]:,} is not a whole gzip" if self.ends else ""


class _Lines:
    """Lines of JSON objects, or one JSON value in all (`whole`); how many posts they hold."""

    def __init__(self, records: Counter, ids: Ids | None, *, whole: bool) -> None:
        self.lines = self.posts = 0
        self._records, self._ids, self._whole = records, ids, whole
        self._tail: list[bytes] = []
        self._held = 0

    def take(self, raw: bytes) -> None:
        end = -1 if self._whole else raw.rfind(b"\n")
        if end < 0:
            self._hold(raw)
            return
        block = b"".join([*self._tail, raw[: end + 1]])
        self._tail, self._held = [], 0
        self._hold(raw[end + 1 :])
        self._count(block)

    def end(self) -> None:
        rest = b"".join(self._tail)
        if self._whole:
            _prove_json(rest)
        elif rest:
            raise _Broken(f"its last line has no end: {rest[:60]!r}")

    def _hold(self, raw: bytes) -> None:
        self._tail.append(raw)
        self._held += len(raw)
        if self._held > LONGEST_LINE:
            raise _Broken(f"a line of it has more than {LONGEST_LINE >> 20} MB")

    def _count(self, block: bytes) -> None:
        try:
            found = self._records(block, ids=self._ids is not None)
        except BrokenLine as error:
            raise _Broken(f"line {self.lines + error.number} of it {error.why}") from None
        self.lines += found.lines
        self.posts += found.posts
        if self._ids:
            self._ids(found.ids)


def _prove_json(data: bytes) -> None:
    try:
        loaded(data, constants=True)
    except ValueError as error:
        raise _Broken(f"it is not JSON: {error}") from None
