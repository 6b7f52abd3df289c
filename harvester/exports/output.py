"""Output files get their names when they are complete, and are counted and hashed while written."""

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from isal import igzip

from harvester.errors import Exit, HarvesterError
from harvester.errors.files import naming, require_links
from harvester.store.boundaries import collection_around
from harvester.store.disk import held, part_of, real, remove_dead, sync, whole

STANDARD_OUTPUT = "-"
_LEVEL = 2
_BLOCK = 1 << 20


class Output:
    """Bytes on their way to a file; the hash is that of the file's content."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.bytes = 0
        self._sha256 = hashlib.sha256()
        # For a compressed file, the file below that receives the compressed bytes.
        self.within: Output | None = None
        self._waiting: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        """Write it, some time until `flush`."""
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _BLOCK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Write buffered bytes."""
        data = b"".join(self._waiting)
        self._waiting, self._size = [], 0
        self.bytes += len(data)
        self._sha256.update(data)
        self._write(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def hashed(path: Path) -> tuple[int, str]:
    """The size and SHA-256 of a file that another program has written."""
    with naming(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def require_free(path: str, *, replace: bool, option: str = "-o") -> None:
    """Raise if something exists that would be overwritten, or in the folder of a stored collection."""
    place = Path(path)
    require_links(place)
    if path == STANDARD_OUTPUT:
        return
    other = f"Choose another name with {option}"
    if stored := collection_around(place):
        kept = "belongs to" if place.exists() else "would be in"
        problem = f"{path} {kept} the stored collection {stored}, of which copies and bags are made."
        raise HarvesterError(problem, hint=f"{other}.", exit_code=Exit.USAGE)
    if not place.exists():
        return
    if not place.is_file() and not place.is_dir():
        hint = f"{other}; `{option} {STANDARD_OUTPUT}` is standard output."
        raise HarvesterError(f"{path} is neither a file nor a folder.", hint=hint, exit_code=Exit.USAGE)
    if not replace:
        raise HarvesterError(f"{path} exists.", hint=f"{other}, or --replace it.", exit_code=Exit.USAGE)


@contextmanager
def output(path: str) -> Iterator[Output]:
    """A file, compressed if its name ends in .gz; `-` is standard output."""
    if path == STANDARD_OUTPUT:
        written = Output(sys.stdout.buffer.write)
        yield written
        written.flush()
        sys.stdout.flush()
        return
    goal = Path(path)
    was_there = goal.exists()
    with whole_alone(goal) as partial, naming(goal), partial.open("wb") as file:
        written = Output(file.write)
        if path.endswith(".gz"):
            with _packed(written) as packed:
                unpacked = Output(packed.write)
                unpacked.within = written
                yield unpacked
                unpacked.flush()
        else:
            yield written
        written.flush()
        if goal.exists() and not was_there:
            raise _made_meanwhile(goal)


@contextmanager
def whole_alone(goal: Path) -> Iterator[Path]:
    """As `whole`; what a killed export left of the file is removed before.

    That of a file in a folder is removed with what was left of the folder.
    """
    is_inside = any(parent.suffix == ".part" for parent in goal.parents)
    if not is_inside:
        remove_dead(goal)
    with whole(goal, hold=not is_inside) as partial:
        yield partial


def _packed(written: Output) -> Any:
    """A gzip header without name and time, so that the same posts produce the same bytes."""
    made: Any = igzip.IGzipFile
    return made("", "wb", _LEVEL, written, 0)


@contextmanager
def folder(path: str, *, known_by: Iterable[str]) -> Iterator[Path]:
    """A folder that gets its name when all in it is written.

    What has this name is replaced if it holds what one of the patterns `known_by` matches, as every
    folder that this export makes does.
    """
    if path == STANDARD_OUTPUT:
        raise HarvesterError("This makes a folder.", hint="Name it with -o.", exit_code=Exit.USAGE)
    goal = real(Path(path))
    _require_replaceable(goal, path, known_by)
    was_there = goal.exists()
    goal.parent.mkdir(parents=True, exist_ok=True)
    partial = part_of(goal)
    try:
        with naming(goal):
            partial.mkdir()
            with held(partial):
                yield partial
                sync(partial)
                _rename(partial, goal, replaces=was_there)
        # Not before: where one was killed while it replaced the folder, this is all that is left of both.
        remove_dead(goal)
    except OSError as error:
        # A person knows the folder under its own name.
        if Path(str(error.filename)).is_relative_to(partial):
            error.filename = str(goal / Path(str(error.filename)).relative_to(partial))
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _rename(made: Path, goal: Path, *, replaces: bool) -> None:
    """Give a folder its name; what got that name since the export began is kept."""
    old = part_of(goal)
    try:
        with ExitStack() as stack:
            if replaces:
                with suppress(FileNotFoundError):
                    # So that no other export that ends now removes it.
                    stack.enter_context(held(goal))
                    goal.rename(old)
            made.rename(goal)
    except BaseException as error:
        # Also after a signal: until the new folder has the name, the old one is kept.
        with suppress(OSError):
            old.rename(goal)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _made_meanwhile(goal) from error
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _made_meanwhile(goal: Path) -> HarvesterError:
    return HarvesterError(
        f"{goal} was made by another program meanwhile, and is kept.", hint="Choose another name with -o."
    )


def _require_replaceable(goal: Path, path: str, known_by: Iterable[str]) -> None:
    """Raise unless nothing is there, or a folder that is empty or was made by an export of this kind."""
    if not goal.exists():
        return
    if not goal.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(goal))
    if Path.cwd().is_relative_to(goal):
        problem = f"{path} is the current folder, or holds it."
    elif any(goal.iterdir()) and not any(any(goal.glob(pattern)) for pattern in known_by):
        problem = f"{path} is not empty, and was not made by this export."
    else:
        return
    hint = "It was not replaced. Choose another name with -o."
    raise HarvesterError(problem, hint=hint, exit_code=Exit.USAGE)
