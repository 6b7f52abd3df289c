"""Errors of the file system in words: what cannot be used, the file or folder at fault, and what to do."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harvester.errors import Exit, HarvesterError

_DENIED = (errno.EACCES, errno.EPERM)
_NOT_A_FOLDER = (errno.ENOTDIR, errno.EEXIST)
_LINKED = (errno.ENOENT, errno.ELOOP, *_NOT_A_FOLDER)
_PLACED = (*_DENIED, *_LINKED, errno.EROFS, errno.EISDIR, errno.EINVAL, errno.ENAMETOOLONG)
_RESTORE = "Mount or restore what it leads to, or remove the link."
_AGAIN = "then start again."

_IN_THE_WAY = {
    **dict.fromkeys(_NOT_A_FOLDER, "not a folder"),
    errno.EISDIR: "a folder",
}

_HINTS = {
    errno.ENOSPC: f"The disk is full: free some space, {_AGAIN}",
    errno.EDQUOT: f"The disk quota is used up: free some space, {_AGAIN}",
    errno.EFBIG: f"Files of this size are not allowed here: raise the limit, {_AGAIN}",
    **dict.fromkeys(_DENIED, "Check its permissions, and what its file system allows."),
    errno.EROFS: "Make it writable, or choose another folder.",
    errno.ENAMETOOLONG: "Choose a shorter path.",
    errno.EMFILE: f"Raise the limit of open files (`ulimit -n`), {_AGAIN}",
    errno.ENFILE: f"End programs that have many files open, {_AGAIN}",
    errno.EISDIR: "Move it away.",
    **dict.fromkeys(_NOT_A_FOLDER, "Move it away."),
}

# What a share on the network answers that comes back by itself.
_PASSING = {
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN),
    *(errno.ENETUNREACH, errno.EAGAIN, errno.EBUSY),
}


@dataclass(frozen=True)
class Explained:
    """An error in words; `passing` where the same may succeed later without anything being changed."""

    message: str
    hint: str
    passing: bool


def explained(error: OSError, what: str | Path = "") -> Explained:
    """The words for an error about `what`, or about the path that it names."""
    code = error.errno or 0
    named = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if _is_name(name)]
    if code == errno.ENOENT and not any(path.is_absolute() for path in named) and _stands_nowhere():
        return Explained("The current folder was removed.", "Change to another one, then start again.", False)
    if link := _broken(code, named):
        return Explained(f"{_link_words(link)}.", _RESTORE, False)
    return _explained_of(error, code, named, what)


def _broken(code: int, named: list[Path]) -> Path | None:
    """The symbolic link that an error of this kind is about."""
    links = filter(None, map(broken_link, named)) if code in _LINKED else iter(())
    return next(links, None)


def _explained_of(error: OSError, code: int, named: list[Path], what: str | Path) -> Explained:
    """The words for an error about one of the paths that it names, or about `what`."""
    faults = list(filter(None, (_at_fault(path, code) for path in named)))
    # Without a fault that can be seen, the error is about the very file.
    place = (faults or named if code in _PLACED else named[: not what])[:1]
    subject = _shown(place[0]) if place else what or "The output"
    reason = _IN_THE_WAY.get(code)
    if reason and (faults or code == errno.EISDIR):
        return Explained(f"{subject} is in the way and is {reason}.", _HINTS[code], False)
    hint = _permission_hint(faults[0]) if faults and code in _DENIED else _HINTS.get(code, "")
    return Explained(f"{subject} cannot be used: {error.strerror or error}.", hint, code in _PASSING)


def in_words(
    error: OSError, what: str | Path = "", *, hint: str = "", exit_code: Exit = Exit.ERROR
) -> HarvesterError:
    """The same to be raised; `hint` is what else can be done about `what`."""
    found = explained(error, what)
    return HarvesterError(found.message, hint=f"{found.hint} {hint}".strip(), exit_code=exit_code)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors that name no file, as that of a write to one that is open, are about `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def broken_link(path: Path) -> Path | None:
    """The first symbolic link on the way to `path` that leads nowhere."""
    return next((part for part in _way(path) if _leads_nowhere(part)), None)


def require_links(path: Path) -> None:
    """Raise unless the symbolic links on the way to `path` lead somewhere."""
    if link := broken_link(path):
        raise HarvesterError(f"{_link_words(link)}.", hint=_RESTORE, exit_code=Exit.USAGE)


def _link_words(link: Path) -> str:
    """Where a broken link leads, which may be a disk that is not mounted."""
    try:
        link.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return f"{link} is a symbolic link that leads to itself"
    return f"{link} is a symbolic link to {os.path.realpath(link)}, which is not there"


def _leads_nowhere(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno in _LINKED and path.is_symlink()
    return False


def _mode(path: Path) -> int:
    """Zero where nothing is there, or it may not be looked at."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _is_name(name: object) -> bool:
    # Of an open file it is the number.
    return isinstance(name, str | bytes | os.PathLike) and bool(name)


def _way(path: Path) -> list[Path]:
    """All folders down to `path`, from the top."""
    return [*reversed(path.parents), path]


def _at_fault(path: Path, code: int) -> Path | None:
    """What on the way to `path` an error of this kind came from; None if it cannot be seen."""
    if code in _DENIED:
        return _denied(path)
    if code in _NOT_A_FOLDER:
        return next((part for part in _way(path) if _mode(part) and not stat.S_ISDIR(_mode(part))), None)
    if code == errno.EROFS:
        return next((part for part in (path, *path.parents) if _mode(part)), None)
    return None


def _denied(path: Path) -> Path | None:
    for folder in _way(path)[:-1]:
        if stat.S_ISDIR(_mode(folder)) and not os.access(folder, os.X_OK):
            return folder
    if _mode(path) and not os.access(path, os.R_OK):
        return path
    # To create, rename and remove takes the folder's permission.
    return path.parent if _mode(path.parent) and not os.access(path.parent, os.W_OK) else None


def _shown(path: Path) -> Path:
    return path if path.name else path.absolute()


def _stands_nowhere() -> bool:
    """Whether the folder in which this process stands was removed."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _permission_hint(place: Path) -> str:
    try:
        owner = place.lstat().st_uid
    except OSError:
        return "Change its permissions."
    if owner == os.geteuid():
        return "Change its permissions."
    return f"It belongs to {_name(owner)}: change its permissions or its owner."


def _name(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
