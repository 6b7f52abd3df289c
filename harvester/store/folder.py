"""A store in a folder of this machine: the same keys as paths, with atomic and durable writes."""

import errno
import fcntl
import hashlib
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from harvester.errors import Conflict, HarvesterError, NotFound, StoreAway
from harvester.layout import ROOT
from harvester.store import Entry, Stored

_SCRATCH = ".scratch"
_FORGOTTEN_AFTER = 86_400
_GUARDS = 64


class FolderStore:
    """`root` stands for the key prefix `collections/`.

    Files are written to a scratch folder, synced, and then linked or renamed into their place.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._forget_scratch()

    @property
    def name(self) -> str:
        return str(self.root)

    def read(self, key: str) -> Stored:
        path = self._path(key)
        with _told(key), path.open("rb") as file:
            # One open file is one version, however often the name is given to another meanwhile.
            data, status = file.read(), os.fstat(file.fileno())
        return Stored(data, _version(status), _modified(status))

    def create(self, key: str, data: bytes) -> str:
        with self._written(key, data) as scratch:
            return self._link(scratch, self._path(key), key)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        path = self._path(key)
        with self._written(key, data) as scratch:
            with self._exclusive(key):
                self._require_version(path, key, version)
                written = _version(scratch.stat())
                scratch.replace(path)
            _sync_folder(path.parent)
        return written

    def upload(self, key: str, path: Path, *, sha256: str) -> None:
        target = self._path(key)
        with _told(key):
            scratch = self._scratch()
            try:
                try:
                    os.link(path, scratch)
                except OSError as error:
                    if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK):
                        raise
                    shutil.copyfile(path, scratch)
                _sync_file(scratch)
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    self._link(scratch, target, key)
                except Conflict:
                    if _sha256(target) != sha256:
                        raise
            finally:
                scratch.unlink(missing_ok=True)

    def download(self, key: str, path: Path) -> None:
        partial = path.with_name(f"{path.name}.part")
        with _told(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._path(key), partial)
            _sync_file(partial)
            partial.replace(path)

    def remove(self, key: str, *, version: str | None = None) -> None:
        path = self._path(key)
        with _told(key), suppress(FileNotFoundError):
            if version is None:
                path.unlink()
            else:
                with self._exclusive(key):
                    self._require_version(path, key, version, gone_is_fine=True)
                    path.unlink()
            _sync_folder(path.parent)
            self._remove_empty_folders(path.parent)

    def entries(self, prefix: str) -> Iterator[Entry]:
        # The part of the prefix after the last '/' is the beginning of a name.
        top = self._path(prefix[: prefix.rfind("/") + 1])
        found = []
        for folder, below, names in os.walk(top):
            below[:] = [name for name in below if name != _SCRATCH]
            found += [Path(folder, name) for name in names]
        for key, path in sorted((ROOT + path.relative_to(self.root).as_posix(), path) for path in found):
            if not key.startswith(prefix):
                continue
            with suppress(FileNotFoundError):
                status = path.stat()
                yield Entry(key, status.st_size, _version(status), _modified(status))

    def folders(self, prefix: str) -> Iterator[str]:
        with _told(prefix), suppress(FileNotFoundError):
            below = sorted(path.name for path in self._path(prefix).iterdir() if path.is_dir())
            yield from (name for name in below if name != _SCRATCH)

    def now(self) -> datetime:
        # The clock of the file system, which on a network share is not this machine's.
        with _told("the store's clock"):
            scratch = self._scratch()
            scratch.touch()
            try:
                return _modified(scratch.stat())
            finally:
                scratch.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not key.startswith(ROOT) or ".." in key.split("/"):
            raise HarvesterError(f"The key {key!r} leads out of the store.")
        return self.root / key.removeprefix(ROOT)

    def _scratch(self) -> Path:
        folder = self.root / _SCRATCH
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _forget_scratch(self) -> None:
        """Remove what killed processes left half-written, long after any of them can still be at it."""
        with suppress(OSError):
            for path in (self.root / _SCRATCH).iterdir():
                if path.is_file() and time.time() - path.stat().st_mtime > _FORGOTTEN_AFTER:
                    path.unlink(missing_ok=True)

    @contextmanager
    def _written(self, key: str, data: bytes) -> Iterator[Path]:
        with _told(key):
            scratch = self._scratch()
            try:
                with scratch.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                self._path(key).parent.mkdir(parents=True, exist_ok=True)
                yield scratch
            finally:
                scratch.unlink(missing_ok=True)

    def _link(self, scratch: Path, path: Path, key: str) -> str:
        try:
            os.link(scratch, path)
        except FileExistsError:
            raise Conflict(f"{key} is in {self.name} already.") from None
        _sync_folder(path.parent)
        return _version(scratch.stat())

    @contextmanager
    def _exclusive(self, key: str) -> Iterator[None]:
        """Compare-and-rename is two steps; this makes them one for all processes on this folder."""
        guards = self.root / _SCRATCH / "guards"
        guards.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + 10
        with (guards / f"{zlib.crc32(key.encode()) % _GUARDS:02d}").open("a") as guard:
            while True:
                try:
                    fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StoreAway(
                            f"Another process has held {key} for 10 s.", hint="End it if it is stopped."
                        ) from None
                    time.sleep(0.002)
            yield

    def _require_version(self, path: Path, key: str, version: str, *, gone_is_fine: bool = False) -> None:
        try:
            current = _version(path.stat())
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


def _version(status: os.stat_result) -> str:
    # Each write makes a new file; its number may be used again, but not with the same time to the nanosecond.
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


def _modified(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(status.st_mtime, UTC)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    # What is new in a folder is durable only once the folder is; its own name, once its parent is.
    for path in (folder, folder.parent):
        _sync_file(path)


@contextmanager
def _told(key: str) -> Iterator[None]:
    """Errors of the file system in the words of a store."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(f"{key} is not there.") from error
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "Check the folder; the harvest goes on from what is kept.")
        raise StoreAway(f"{key} cannot be used: {error.strerror or error}.", hint=hint) from error


_HINTS = {
    errno.ENOSPC: "The disk is full: make room, then start the harvest again.",
    errno.EDQUOT: "The quota is used up: make room, then start the harvest again.",
    errno.EACCES: "The folder is not yours to write: change its permissions, then start the harvest again.",
    errno.EROFS: "The folder is read-only: choose another, or make it writable.",
}
