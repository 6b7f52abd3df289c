"""A store in a local folder: keys are paths, writes are atomic and durable."""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harvester.errors import Conflict, HarvesterError, StoreAway
from harvester.store import Entry, Stored, outside, require_key, root_of
from harvester.store.disk import is_gone, make_folder, opened, opened_to_append, real, sync, translated, whole
from harvester.store.keys import REPORTS, ROOT, TABLES

_SCRATCH = ".scratch"
# The folders of the other roots, among the collections, whose ids begin with no dot.
_BESIDE = {TABLES: ".tables", REPORTS: ".reports"}
_OTHERS = (_SCRATCH, *_BESIDE.values())
_FORGOTTEN_AFTER = 86_400
_GUARDS = 64
_GUARD_SECONDS = 10.0
_LINK_TRIES = 20

_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK)


class FolderStore:
    """`root` stands for the key prefix `collections/`, or for that of one other root alone.

    Files are written to a scratch folder, synced, and then linked or renamed into their place.
    """

    def __init__(self, root: Path, *, prefix: str = ROOT) -> None:
        self.root = real(root)
        beside = _BESIDE if prefix == ROOT else {}
        self._places = {prefix: self.root} | {key: self.root / name for key, name in beside.items()}
        self._forget_scratch()

    @property
    def name(self) -> str:
        return str(self.root)

    @property
    def removes_conditionally(self) -> bool:
        return True

    @property
    def is_billed(self) -> bool:
        return False

    def read(self, key: str) -> Stored:
        path = self.file_of(key)
        with translated(key), opened(path) as file:
            # One open file is one version, however often the name is given to another meanwhile.
            data, status = file.read(), os.fstat(file.fileno())
        return Stored(data, version_of(status), modified_at(status))

    def create(self, key: str, data: bytes) -> str:
        path = self.file_of(key)
        with self._written(key, data) as scratch:
            return self._link(scratch, path, key)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        path = self.file_of(key)
        with self._written(key, data) as scratch:
            _stamp(scratch)
            written = version_of(scratch.stat())
            with self._exclusive(key):
                self._require_version(path, key, version)
                scratch.replace(path)
            sync(path.parent)
        return written

    @property
    def composes(self) -> bool:
        # A file becomes an object by getting another name.
        return False

    def begin_upload(self, *_: Any, **__: Any) -> str:
        return ""

    def abandon_upload(self, key: str, name: str) -> None:
        pass

    def compose(self, key: str, path: Path, *, sha256: str, **_: Any) -> str:
        return self.upload(key, path, sha256=sha256)

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        target = self.file_of(key)
        with translated(key), self._scratch() as scratch:
            try:
                os.link(path, scratch)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                shutil.copyfile(path, scratch)
            sync(scratch)
            try:
                return self._link(scratch, target, key)
            except Conflict:
                if _sha256(target) != sha256:
                    raise
                return ""

    def download(self, key: str, path: Path) -> None:
        source = self.file_of(key)
        with translated(key), opened(source), whole(path) as partial:
            shutil.copyfile(source, partial)

    def remove(self, key: str, *, version: str | None = None) -> None:
        path = self.file_of(key)
        with translated(key), suppress(FileNotFoundError):
            with self._exclusive(key):
                if version is not None:
                    self._require_version(path, key, version, gone_is_fine=True)
                path.unlink()
            sync(path.parent)
            self._remove_empty_folders(path.parent)

    def entries(self, prefix: str) -> Iterator[Entry]:
        require_key(prefix)
        # What follows the last '/' is the beginning of a name.
        top = self.file_of(prefix[: prefix.rfind("/") + 1])
        root = root_of(prefix)
        place = self._places[root]
        with translated(prefix):
            found = sorted((root + path.relative_to(place).as_posix(), path) for path in self._files(top))
            for key, path in found:
                if key.startswith(prefix):
                    with suppress(FileNotFoundError):
                        status = path.stat()
                        yield Entry(key, status.st_size, version_of(status), modified_at(status))

    def folders(self, prefix: str) -> Iterator[str]:
        with translated(prefix), suppress(FileNotFoundError):
            below = sorted(path.name for path in self.file_of(prefix).iterdir() if path.is_dir())
            yield from (name for name in below if name not in _OTHERS)

    def now(self) -> datetime:
        # The clock of the file system, which on a network share is not this machine's.
        with translated(self.name), self._scratch() as scratch:
            scratch.touch()
            return modified_at(scratch.stat())

    def probe(self) -> bool:
        key = f"{ROOT}probe-{uuid.uuid4().hex}/probe.json"
        first = self.create(key, b"1")
        try:
            second = self.replace(key, b"2", version=first)
            for write in (
                lambda: self.create(key, b"3"),
                lambda: self.replace(key, b"4", version=first),
                lambda: self.remove(key, version=first),
            ):
                with suppress(Conflict):
                    write()
                    raise HarvesterError(
                        f"{self.name} does not support conditional writes.",
                        hint="Use a folder on a file system with hard links and file locks.",
                    )
            self.remove(key, version=second)
        finally:
            self.remove(key)
        return True

    def file_of(self, key: str) -> Path:
        """The path of a key's file."""
        require_key(key)
        root = root_of(key)
        if root not in self._places:
            raise outside(key)
        return self._places[root] / key.removeprefix(root)

    def _files(self, top: Path) -> Iterator[Path]:
        def tell(error: OSError) -> None:
            # Folders may go while this walks; one that cannot be read must not look empty.
            if not is_gone(error):
                raise error

        for folder, below, names in os.walk(top, onerror=tell):
            below[:] = [name for name in below if name not in _OTHERS]
            yield from (Path(folder, name) for name in names)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        folder = self.root / _SCRATCH
        make_folder(folder)
        scratch = folder / uuid.uuid4().hex
        try:
            yield scratch
        finally:
            scratch.unlink(missing_ok=True)

    def _forget_scratch(self) -> None:
        """Remove what killed processes left half-written, long after any of them can still write."""
        with suppress(OSError):
            for path in (self.root / _SCRATCH).iterdir():
                if path.is_file() and time.time() - path.stat().st_mtime > _FORGOTTEN_AFTER:
                    path.unlink(missing_ok=True)

    @contextmanager
    def _written(self, key: str, data: bytes) -> Iterator[Path]:
        with translated(key), self._scratch() as scratch:
            with scratch.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield scratch

    def _link(self, scratch: Path, path: Path, key: str) -> str:
        for _ in range(_LINK_TRIES):
            try:
                # Not a conflict where a file is in the way: who tries the next name would find the same.
                make_folder(path.parent)
                if not path.exists():
                    # This may be another name of an existing file, whose date must stay.
                    _stamp(scratch)
                os.link(scratch, path)
            except FileExistsError:
                raise Conflict(f"{key} already exists in {self.name}.") from None
            except FileNotFoundError:
                # Another process removed the last file, and with it the folder, at this very moment.
                continue
            version = version_of(scratch.stat())
            with suppress(FileNotFoundError):
                sync(path.parent)
            return version
        raise StoreAway(f"{key}: its folder keeps disappearing.", hint="Stop the program that removes it.")

    @contextmanager
    def _exclusive(self, key: str) -> Iterator[None]:
        """Compare-and-rename is two steps; this makes them one for all processes on this folder."""
        guards = self.root / _SCRATCH / "guards"
        make_folder(guards)
        deadline = time.monotonic() + _GUARD_SECONDS
        number = zlib.crc32(key.encode(errors="surrogateescape")) % _GUARDS
        with opened_to_append(guards / f"{number:02d}") as guard:
            while True:
                try:
                    fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StoreAway(
                            f"Another process has locked {key} for {_GUARD_SECONDS:.0f} s.",
                            hint="End that process if it hangs.",
                        ) from None
                    time.sleep(0.002)
            yield

    def _require_version(self, path: Path, key: str, version: str, *, gone_is_fine: bool = False) -> None:
        try:
            current = version_of(path.stat())
        except FileNotFoundError:
            if gone_is_fine:
                raise
            raise Conflict(f"{key} was removed from {self.name}.") from None
        if current != version:
            raise Conflict(f"{key} was changed in {self.name}.")

    def _remove_empty_folders(self, folder: Path) -> None:
        # An object store has no empty folders, so neither has this one.
        with suppress(OSError):
            while folder != self.root:
                folder.rmdir()
                folder = folder.parent


def version_of(status: os.stat_result) -> str:
    """The version of an object whose file has this status."""
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


def _stamp(path: Path) -> None:
    """Date it now, by the file system's clock: what `modified` says is when it came into its place."""
    os.utime(path)
    # Each write makes a new file, but its number is used again, and the file system's clock ticks in
    # milliseconds: what is below them is drawn, so that no two versions look alike.
    milliseconds = path.stat().st_mtime_ns // 1_000_000
    drawn = milliseconds * 1_000_000 + secrets.randbelow(1_000_000)
    os.utime(path, ns=(drawn, drawn))


def modified_at(status: os.stat_result) -> datetime:
    """When it came into its place, by the file system's clock."""
    return datetime.fromtimestamp(status.st_mtime, UTC)


def _sha256(path: Path) -> str:
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
