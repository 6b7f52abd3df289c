"""Durable files that appear under their names only when complete, with clear errors."""

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path
from uuid import uuid4

from harvester.errors import NotFound, StoreAway
from harvester.errors.files import broken_link, explained, naming

_PART = re.compile(r"\.[0-9a-f]{32}\.part")
_CHECK = "Check the folder; the harvest continues from what is stored."


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Errors of the file system in the words of a store."""
    try:
        yield
    except OSError as error:
        if is_gone(error):
            raise NotFound(f"{key} is not there.") from error
        found = explained(error, key)
        away = StoreAway(found.message, hint=found.hint or _CHECK)
        away.lasting = not found.passing
        raise away from error


def is_gone(error: OSError) -> bool:
    """Whether nothing is there; not a link to a disk that is not mounted."""
    return isinstance(error, FileNotFoundError) and not broken_link(Path(error.filename or ""))


def real(path: Path) -> Path:
    """The full path with links followed; a link that leads to itself stays, and fails where it is used."""
    return Path(os.path.realpath(path))


def opened(path: Path) -> BufferedReader:
    """The file, to be read. A pipe in its place is not waited for, but refused."""
    return os.fdopen(_descriptor(path, os.O_RDONLY), "rb")


def opened_to_append(path: Path) -> BufferedWriter:
    """The file, to be written at its end, and made if there is none; else like `opened`."""
    return os.fdopen(_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")


def _descriptor(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:
            # A pipe that no process reads, or a socket.
            raise _no_file(path, stat.S_IFIFO) from None
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise _no_file(path, mode)


def _no_file(path: Path, mode: int) -> OSError:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return OSError(errno.EINVAL, "it is not a file", str(path))


def part_of(path: Path) -> Path:
    """A name beside `path` for what is not yet, or no longer, it."""
    return path.with_name(f"{path.name}.{uuid4().hex}.part")


@contextmanager
def held(part: Path) -> Iterator[None]:
    """While this lasts, `remove_dead` leaves the part alone; where the file system has locks, only then."""
    descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def remove_dead(path: Path) -> None:
    """Remove the held parts of `path` whose processes were killed."""
    with suppress(OSError):
        for part in path.parent.iterdir():
            if part.name.startswith(f"{path.name}.") and _PART.fullmatch(part.name[len(path.name) :]):
                _remove_if_dead(part)


def _remove_if_dead(part: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # The lock of a process ends with it, however it ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink()
        finally:
            os.close(descriptor)


@contextmanager
def whole(path: Path, *, hold: bool = False) -> Iterator[Path]:
    """A name to write to; the file becomes `path` at the end, and is removed on an error.

    Only a file is replaced: as root, a rename would do the same to a device. With `hold` there is an empty
    file of that name, which is `held`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise _no_file(path, path.stat().st_mode)
    partial = part_of(path)
    try:
        with naming(path), ExitStack() as stack:
            if hold:
                partial.touch(exist_ok=False)
                stack.enter_context(held(partial))
            yield partial
            sync(partial)
            partial.replace(path)
    except OSError as error:
        # A person knows the file under its own name.
        if str(error.filename) == str(partial):
            error.filename = str(path)
        raise
    finally:
        # The first error is what counts.
        with suppress(OSError):
            partial.unlink()


def sync(path: Path) -> None:
    """A file's bytes, or a folder's names, survive a power cut from here on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make the folder and those above it; each is durable once the one above it is synced.

    FileNotFoundError if another removes them meanwhile; NotADirectoryError if a file is in the way.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        try:
            path.mkdir()
        except FileExistsError as error:
            # Not by mkdir's own exist_ok, for which one that is gone again by now is no folder either.
            if path.is_file() or path.is_symlink():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error
        sync(path.parent)
