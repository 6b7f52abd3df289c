"""A local copy of a collection: each file appears under its name only when complete and verified.

Beside the folder, `.<name>.downloaded` holds what is on its way, of what this is a copy, and an index: for
each file the version of the object that it was, and the digest of what was written. An index may be old, for
what it says is believed only of a file that still has that digest. A folder without one is no copy, and stays
as it is unless it is empty.
"""

import fcntl
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from harvester.curation.origin import ORIGIN, Origin, holds_something, named, not_a_copy, object_of
from harvester.errors import HarvesterError
from harvester.errors.files import naming
from harvester.store.boundaries import INDEX, has_layout, index_folder
from harvester.store.disk import opened_to_append

_PARTIAL, _LOCKED = "partial", "locked"
_LONGEST_NAME = 255
# Parts that are empty or lead to where they are or above, what no name should hold, no UTF-8, and drives.
_CROOKED = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f\\\ud800-\udfff]|^.:")


class Mismatch(HarvesterError):
    """The bytes that came are not those that the manifest names."""


class DownloadStopped(HarvesterError):
    """Abandoned, as a stop was requested."""


@dataclass(frozen=True)
class Digest:
    """What a manifest says of a file."""

    algorithm: str
    hex: str


@dataclass(frozen=True)
class _Known:
    """What the index says of a file; `changed` when the bytes kept are not all that came."""

    version: str
    sha256: str
    changed: bool = False


class LocalCopy:
    """The copy in `folder` of the objects whose keys begin with `prefix`.

    Used within `open`, from any thread. `store` is the name of the store that is copied, or its folder.
    """

    def __init__(self, folder: Path, prefix: str, *, store: str | Path = "") -> None:
        # A person chose the place of the folder: links are followed only up to it.
        self.folder, self.prefix = named(folder), prefix
        self.beside = index_folder(self.folder)
        self._origin = Origin(prefix, store)
        self._known: dict[str, _Known] = {}
        self._sound = {""}
        self._lock = threading.Lock()
        self._number = 0
        self._index: BinaryIO | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """For this process alone; incomplete files of an earlier one are removed."""
        self._require_a_copy()
        self.beside.mkdir(parents=True, exist_ok=True)
        with opened_to_append(self.beside / _LOCKED) as locked:
            try:
                fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HarvesterError(
                    f"Another download is writing to {self.folder}.", hint="Wait for it, or stop it."
                ) from None
            shutil.rmtree(self.beside / _PARTIAL, ignore_errors=True)
            (self.beside / _PARTIAL).mkdir()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._load()
            with naming(self.beside):
                self._tidy_index()
                self._origin.write(self.beside)
            try:
                # Unbuffered: without the names of what it wrote, a killed download could not be continued.
                with (self.beside / INDEX).open("ab", buffering=0) as self._index:
                    yield
            finally:
                shutil.rmtree(self.beside / _PARTIAL, ignore_errors=True)
                self._leave_nothing_empty()

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """In place of `open` to see what is here: nothing is created."""
        self._require_a_copy()
        yield

    def _require_a_copy(self) -> None:
        """Raise unless nothing is here but what downloads of this collection wrote, or nothing at all."""
        self._origin.require(self.folder)
        self._load()
        # Another folder may have got the name of a copy that was moved away.
        ours = not holds_something(self.folder) or has_layout(self.folder)
        if not ours and not any(self.put_here([name]) for name in sorted(self._known, key=len)):
            raise not_a_copy(self.folder)

    def name(self, key: str) -> str:
        """The path of an object below the folder; raises for a key that is no path of a file in it."""
        name = key.removeprefix(self.prefix)
        if _CROOKED.search(name) or not key.startswith(self.prefix):
            raise HarvesterError(f"{key!r} is not a file name within {self.folder}; skipped.")
        if len(name) > _LONGEST_NAME // 4 and any(
            len(os.fsencode(part)) > _LONGEST_NAME for part in name.split("/")
        ):
            raise HarvesterError(f"{key!r} is too long for a file name; skipped.")
        return name

    def holds(self, key: str, version: str, digest: Digest | None) -> bool:
        """Whether the file is here and right: by its manifest's digest, else by version and own digest."""
        name = self.name(key)
        path = self.folder / name
        if path.is_symlink() or not path.is_file():
            return False
        known = self._known.get(name)
        if known and known.version == version and (known.changed or digest is None):
            return _digest(path, "sha256") == known.sha256
        return digest is not None and _digest(path, digest.algorithm) == digest.hex

    def keep(
        self,
        key: str,
        pieces: Iterable[memoryview],
        *,
        version: str,
        digest: Digest | None,
        stopped: Callable[[], bool],
        cleaned: Callable[[bytes], bytes] | None = None,
    ) -> int:
        """Write the file, check it and give it its name; how many bytes came.

        `cleaned` makes of the bytes of a small file what of them may be kept.
        """
        name = self.name(key)
        partial = self._partial()
        changed = False
        if cleaned is not None:
            # In memory, so that what may not be kept is not on the disk for a moment either.
            data = b"".join(pieces)
            kept = cleaned(data)
            changed = kept != data
            if changed and digest:
                _require(key, digest, hashlib.new(digest.algorithm, data, usedforsecurity=False).hexdigest())
                digest = None
            pieces = [memoryview(kept)]
        try:
            size, found, sha256 = _written(partial, pieces, digest.algorithm if digest else "", stopped)
            if digest:
                _require(key, digest, found)
            # Before the file has its name, for a file that is not in the index looks like another program's.
            self._note(name, _Known(version, sha256, changed))
            self._place(partial, name)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return size

    def others(self, names: set[str]) -> list[str]:
        """The files here that are not among `names`."""
        found = []
        for folder, _, files in os.walk(self.folder):
            found += [Path(folder, file).relative_to(self.folder).as_posix() for file in files]
        return sorted(set(found) - names)

    def put_here(self, names: Iterable[str]) -> list[str]:
        """Those of the files here that a download wrote, and that were not changed since."""
        found = []
        for name in names:
            path, known = self.folder / name, self._known.get(name)
            if known and path.is_file() and not path.is_symlink() and _digest(path, "sha256") == known.sha256:
                found.append(name)
        return found

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that `put_here` found, and the folders that are empty then."""
        for name in names:
            path = self.folder / name
            path.unlink(missing_ok=True)
            while (path := path.parent) != self.folder and not any(path.iterdir()):
                path.rmdir()

    def _leave_nothing_empty(self) -> None:
        with suppress(OSError):
            self.folder.rmdir()
            for name in (INDEX, ORIGIN, _LOCKED):
                (self.beside / name).unlink(missing_ok=True)
            self.beside.rmdir()

    def _partial(self) -> Path:
        with self._lock:
            self._number += 1
            return self.beside / _PARTIAL / f"{self._number:08d}"

    def _place(self, partial: Path, name: str) -> None:
        above = name.rpartition("/")[0]
        if above not in self._sound:
            self._make(self.folder / above)
            self._sound.add(above)
        try:
            # Takes the place of a link, too, and not of what that leads to.
            partial.replace(f"{self.folder}/{name}")
        except IsADirectoryError as error:
            raise HarvesterError(f"{name} is a folder here and an object in the store; skipped.") from error

    def _make(self, folder: Path) -> None:
        """Make the folder; none on the way to it may be a link, which could lead anywhere."""
        if folder == self.folder:
            return
        self._make(folder.parent)
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise HarvesterError(f"{folder} is in the way and is not a folder.", hint="Move it away.")
        folder.mkdir(exist_ok=True)

    def _load(self) -> None:
        path = self.beside / INDEX
        for line in path.read_bytes().splitlines() if path.exists() else []:
            entry = object_of(line)
            # Cut by a power failure: that file is fetched again.
            if entry.keys() == _ENTRY and isinstance(entry["name"], str):
                name = entry.pop("name")
                self._known[name] = _Known(**entry)

    def _tidy_index(self) -> None:
        path = self.beside / INDEX
        fresh = path.with_suffix(".new")
        fresh.write_bytes(b"".join(_line(name, known) for name, known in self._known.items()))
        fresh.replace(path)

    def _note(self, name: str, known: _Known) -> None:
        with self._lock:
            self._known[name] = known
            if self._index:
                self._index.write(_line(name, known))


_ENTRY = {"name", *_Known.__dataclass_fields__}


def _line(name: str, known: _Known) -> bytes:
    return orjson.dumps({"name": name, **vars(known)}, option=orjson.OPT_APPEND_NEWLINE)


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _written(
    partial: Path, pieces: Iterable[memoryview], algorithm: str, stopped: Callable[[], bool]
) -> tuple[int, str, str]:
    """Write the pieces to a new file, durably: its size, the digest asked for and that of the index."""
    sha256, size = hashlib.sha256(), 0
    other = hashlib.new(algorithm, usedforsecurity=False) if algorithm not in ("", "sha256") else None
    with partial.open("xb", buffering=0) as file:
        for piece in pieces:
            if stopped():
                raise DownloadStopped("The download was stopped.")
            size += len(piece)
            sha256.update(piece)
            if other:
                other.update(piece)
            while piece:
                piece = piece[file.write(piece) :]
        os.fsync(file.fileno())
    return size, (other or sha256).hexdigest(), sha256.hexdigest()


def _require(key: str, digest: Digest, found: str) -> None:
    if found != digest.hex:
        raise Mismatch(
            f"{key} is not what its manifest says: its {digest.algorithm} is {found} and not {digest.hex}."
        )
