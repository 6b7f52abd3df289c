"""Durable files that appear under their names only when complete, with clear errors."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from uuid import uuid4

from harvester.errors import NotFound, StoreAway

_HINTS = {
    errno.ENOSPC: "The disk is full: free some space, then start the harvest again.",
    errno.EDQUOT: "The disk quota is used up: free some space, then start the harvest again.",
    errno.EFBIG: "Files of this size are not allowed here: raise the limit, then start the harvest again.",
    errno.EACCES: (
        "No permission to write to the folder: change its permissions, then start the harvest again."
    ),
    errno.EROFS: "The folder is read-only: choose another, or make it writable.",
}

# What a share on the network answers that comes back by itself.
_PASSING = {
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN),
    *(errno.ENETUNREACH, errno.EAGAIN, errno.EBUSY),
}


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Errors of the file system in the words of a store."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(f"{key} is not there.") from error
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "Check the folder; the harvest continues from what is stored.")
        away = StoreAway(f"{key} cannot be used: {error.strerror or error}.", hint=hint)
        away.lasting = error.errno not in _PASSING
        raise away from error


def real(path: Path) -> Path:
    """The full path with links followed; a link that leads to itself stays, and whoever uses it is told."""
    return Path(os.path.realpath(path))


def opened(path: Path) -> BufferedReader:
    """The file, to be read. A pipe in its place is not waited for, but refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it is not a file", str(path))


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to; what stands there becomes `path` at the end, and is gone if that is not reached."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        yield partial
        sync(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """A file's bytes, or a folder's names, survive a power cut from here on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make the folder and those above it; each is durable once the one above it is synced.

    FileNotFoundError where another removes them meanwhile; FileExistsError where a file is in the way.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        try:
            path.mkdir()
        except FileExistsError:
            # Not by mkdir's own exist_ok, for which one that is gone again by now is no folder either.
            if path.is_file() or path.is_symlink():
                raise
        sync(path.parent)
