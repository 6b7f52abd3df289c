"""Reads an object once, in constant memory: digests, completeness and contents."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from isal import isal_zlib

from harvester.networks.records import BrokenLine, Records

_GZIP = 31
# Larger blocks are slower: each is memory that the system has to hand over anew.
_MOST = 256 << 10
# Longer than any page; a file without a line end is not read into memory as a whole.
_LONGEST_LINE = 256 << 20

_NOT_GZIP: Any = isal_zlib.error

Ids = Callable[[list[str]], None]


class Counter(Protocol):
    """What whole lines of a network's records hold."""

    def __call__(self, block: bytes, *, ids: bool) -> Records: ...


@dataclass(frozen=True)
class Content:
    """What reading an object found. `problem` is empty where the object is whole."""

    size: int
    sha1: str
    sha256: str
    raw_bytes: int = 0
    lines: int = 0
    posts: int = 0
    problem: str = ""

    def digest(self, algorithm: str) -> str:
        return self.sha1 if algorithm == "sha1" else self.sha256


def content(name: str, pieces: Iterable[memoryview], records: Counter, *, ids: Ids | None = None) -> Content:
    """Read an object, whose name ends as what it holds; `ids` is given those of all posts."""
    lines = _Lines(records, ids, whole=name.endswith(".json"))
    if name.endswith(".gz"):
        return _read(pieces, _Gunzip(lines))
    if name.endswith((".jsonl", ".json")):
        return _read(pieces, _Plain(lines))
    return _read(pieces, _Plain(None))


def _read(pieces: Iterable[memoryview], sink: "_Plain | _Gunzip") -> Content:
    sha1, sha256, size, problem = hashlib.sha1(usedforsecurity=False), hashlib.sha256(), 0, ""
    for piece in pieces:
        size += len(piece)
        sha1.update(piece)
        sha256.update(piece)
        if not problem:
            problem = _problem(lambda piece=piece: sink.take(piece))  # type: ignore[misc]
    problem = problem or _problem(sink.end)
    lines = sink.lines
    return Content(
        size,
        sha1.hexdigest(),
        sha256.hexdigest(),
        raw_bytes=sink.raw_bytes,
        lines=lines.lines if lines else 0,
        posts=lines.posts if lines else 0,
        problem=problem,
    )


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
    """The content of a gzip file of one or more members, each proven by its checksum and length."""

    def __init__(self, lines: "_Lines") -> None:
        self.lines, self.raw_bytes = lines, 0
        self._member: Any = None
        self._members = 0

    def take(self, piece: memoryview) -> None:
        data: Any = piece
        while data:
            if self._member is None:
                self._member = isal_zlib.decompressobj(_GZIP)
                self._members += 1
            try:
                raw = self._member.decompress(data, _MOST)
                self._add(raw)
                while self._member.unconsumed_tail:
                    self._add(self._member.decompress(self._member.unconsumed_tail, _MOST))
            except _NOT_GZIP as error:
                raise _Broken(f"it is not whole gzip: {error}") from None
            data = b""
            if self._member.eof:
                data, self._member = self._member.unused_data, None

    def end(self) -> None:
        if self._member is not None or not self._members:
            raise _Broken("it is cut: its gzip has no end")
        self.lines.end()

    def _add(self, raw: bytes) -> None:
        self.raw_bytes += len(raw)
        self.lines.take(raw)


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
        if self._held > _LONGEST_LINE:
            raise _Broken(f"a line of it has more than {_LONGEST_LINE >> 20} MB")

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
        json.loads(data)
    except ValueError as error:
        raise _Broken(f"it is not JSON: {error}") from None
