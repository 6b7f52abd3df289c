"""Records go into gzip files that are complete up to every synced byte, however the process ends.

They are compressed thoroughly where they come slowly enough for that, else quickly. A file may hold both: a
compressor that takes over at a synced byte needs nothing of what another wrote before it.
"""

import hashlib
import os
import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isal import isal_zlib
from zlib_ng import zlib_ng

from harvester.documents import FinishedFile
from harvester.documents.lines import count_lines
from harvester.errors import HarvesterError

# zlib-ng's level 6 makes files a seventh to a quarter smaller than igzip's level 2, for five times the CPU.
_QUICK = (isal_zlib, 2)
_THOROUGH = (zlib_ng, 6)
_GZIP, _RAW = 31, -15
_MEMORY = 8

# No name, no date, no system: https://www.rfc-editor.org/rfc/rfc1952#section-2.3
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

# An empty last block of fixed codes: https://www.rfc-editor.org/rfc/rfc1951#section-3.2.6
_LAST_BLOCK = b"\x03\x00"
_CHUNK = 1 << 18
_NOT_GZIP: Any = isal_zlib.error


@dataclass(frozen=True)
class Finished:
    """A file that will not change any more. `posts` is 0 for files that hold other things.

    `side` is the side file of one of records, where it has one.
    """

    name: str
    size: int
    sha1: str
    sha256: str
    posts: int = 0
    side: "Finished | None" = None

    def to_tree(self) -> FinishedFile:
        tree: FinishedFile = {
            "name": self.name,
            "size": self.size,
            "sha1": self.sha1,
            "sha256": self.sha256,
            "posts": self.posts,
        }
        if self.side:
            tree["side"] = self.side.to_tree()
        return tree

    @classmethod
    def from_tree(cls, tree: FinishedFile) -> "Finished":
        """The reverse of `to_tree`; TypeError if it is not one."""
        fields: Any = dict(with_side(tree))
        if side := fields.pop("side", None):
            fields["side"] = cls.from_tree(side)
        return cls(**fields)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the file, and of its side file after it."""
        return (self.name, self.side.name) if self.side else (self.name,)


def with_side(tree: Any) -> Any:
    """What a journal or a checkpoint says of a file; until 2026-11-27 its side file was called `matches`."""
    if not isinstance(tree, dict):
        return tree
    return {"side" if name == "matches" else name: value for name, value in tree.items()}


class Segment:
    """One growing `jsonl.gz` file; the hashes are made while writing.

    `thorough` says whether what is written from the next sync on is to be made small, or with little CPU.
    """

    def __init__(self, path: Path, *, thorough: bool = False) -> None:
        self.path = path
        self.posts = self.lines = 0
        self.size = 0
        self.raw_bytes = 0
        self.thorough = self._is_thorough = thorough
        self._file = path.open("xb", buffering=0)
        self._deflate, self._checksum = _compressor(thorough=thorough), 0
        self._sha1, self._sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        self._put(_HEADER)

    @property
    def name(self) -> str:
        return self.path.name

    def write(self, lines: bytes, *, posts: int) -> None:
        """Add whole lines. They count only after `sync`."""
        self._put(self._deflate.compress(lines))
        self._checksum = isal_zlib.crc32(lines, self._checksum)
        self.posts += posts
        self.lines += count_lines(lines)
        self.raw_bytes += len(lines)

    def sync(self) -> int:
        """Hand all to the operating system; the size up to which the file can be made whole again."""
        self._put(self._deflate.flush(isal_zlib.Z_SYNC_FLUSH))
        if self._is_thorough != self.thorough:
            self._is_thorough = self.thorough
            self._deflate = _compressor(thorough=self.thorough)
        return self.size

    def make_durable(self) -> None:
        """What was synced survives a power cut, too."""
        os.fsync(self._file.fileno())

    def close(self) -> Finished:
        """Complete the file and make it durable."""
        self._put(self._deflate.flush(isal_zlib.Z_FINISH) + _trailer(self._checksum, self.raw_bytes))
        os.fsync(self._file.fileno())
        self._file.close()
        return Finished(
            self.name, self.size, self._sha1.hexdigest(), self._sha256.hexdigest(), posts=self.posts
        )

    def abandon(self) -> None:
        """Close the file as it is, for a later `completed`."""
        self._file.close()

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._sha1.update(data)
        self._sha256.update(data)
        self.size += len(data)


def _compressor(*, thorough: bool) -> Any:
    library, level = _THOROUGH if thorough else _QUICK
    return library.compressobj(level, isal_zlib.DEFLATED, _RAW, _MEMORY)


def _trailer(checksum: int, length: int) -> bytes:
    return struct.pack("<II", checksum, length & 0xFFFFFFFF)


def completed(path: Path, *, size: int, posts: int) -> Finished:
    """The file that a dead process left, cut at a synced `size` and made a whole gzip file."""
    status = path.stat()
    if status.st_size < size:
        raise HarvesterError(
            f"{path} has {status.st_size} bytes, and {size} had been written.",
            hint="Restore it, or move its folder away: what is not in the store is then requested again.",
        )
    if status.st_nlink > 1:
        # A folder store holds the very same file under another name; what is stored does not change.
        _part_from_others(path)
    with path.open("r+b") as file:
        ending = _LAST_BLOCK + _trailer(*_content_checksum(file, size))
        file.truncate(size)
        file.seek(size)
        file.write(ending)
        file.flush()
        os.fsync(file.fileno())
    return finished(path, posts=posts)


def _part_from_others(path: Path) -> None:
    copy = path.with_name(f"{path.name}.copy")
    shutil.copyfile(path, copy)
    copy.replace(path)


def _content_checksum(file: Any, size: int) -> tuple[int, int]:
    """Of what the first `size` bytes hold; raises if they are damaged, or end within a block."""
    gunzip = isal_zlib.decompressobj(_GZIP)
    checksum = length = 0
    left = size
    try:
        while chunk := file.read(min(_CHUNK, left)):
            left -= len(chunk)
            data = gunzip.decompress(chunk)
            checksum, length = zlib.crc32(data, checksum), length + len(data)
        gunzip.decompress(_LAST_BLOCK + _trailer(checksum, length))
    except _NOT_GZIP as error:
        raise _damaged(file.name, size) from error
    if not gunzip.eof:
        raise _damaged(file.name, size)
    return checksum, length


def _damaged(name: str, size: int) -> HarvesterError:
    return HarvesterError(
        f"The first {size} bytes of {name}, which a harvest that died wrote, are damaged.",
        hint="Restore it, or move its folder away: what is not in the store is then requested again.",
    )


def finished(path: Path, *, posts: int = 0) -> Finished:
    """The hashes of a file that no longer changes."""
    sha1, sha256, size = hashlib.sha1(usedforsecurity=False), hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha1.update(chunk)
            sha256.update(chunk)
            size += len(chunk)
    return Finished(path.name, size, sha1.hexdigest(), sha256.hexdigest(), posts=posts)
