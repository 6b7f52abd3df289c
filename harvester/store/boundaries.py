"""Folder stores are recognised by their contents, so that nothing else is written there.

A copy that `collection download` made has the layout of a stored collection, and an index beside it.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from harvester.store.disk import real
from harvester.store.keys import CHANGESETS, COLLECTION, HARVESTS, REPAIRS, is_changeset

_SCRATCH = ".scratch"
INDEX = "index.jsonl"
_YEAR = re.compile(r"\d{4}")


def index_folder(copy: Path) -> Path:
    """Where a download keeps its index of the copy in this folder."""
    return copy.with_name(f".{copy.name}.downloaded")


def is_store(folder: Path) -> bool:
    """Whether a collection is stored in a folder directly below this one."""
    scratch = (folder / _SCRATCH).is_dir()
    return any(
        # A link leads to a collection of the store that it lies in, or of another one.
        _described(below) if scratch else is_collection(below) and not below.is_symlink()
        for below in _folders(folder)
        if not _is_copy(below)
    )


def is_collection(folder: Path) -> bool:
    """Whether a collection is stored in this folder."""
    return not _is_copy(folder) and has_layout(folder)


def has_layout(folder: Path) -> bool:
    """Whether the folder has a description with a history or harvests, as collections have."""
    return (
        _described(folder)
        and (
            any(is_changeset(name) for name in _names(folder / CHANGESETS))
            or any(_YEAR.fullmatch(name) for name in _names(folder / HARVESTS))
        )
        # The repairs of a collection are a part of it.
        and not (folder.name == REPAIRS.rstrip("/") and has_layout(folder.parent))
    )


def store_around(path: Path) -> Path | None:
    """The folder store that `path`, which need not exist, is or lies in, links followed."""
    found = real(path)
    return next((folder for folder in (found, *found.parents) if is_store(folder)), None)


def store_below(folder: Path) -> Path | None:
    """A folder store somewhere below; links are not followed."""
    for top, _, _ in os.walk(folder):
        if is_store(Path(top)):
            return Path(top)
    return None


def collection_around(folder: Path) -> Path | None:
    """The folder of the stored collection that `folder` is or lies in, links followed."""
    found = real(folder)
    return next((above for above in (found, *found.parents) if is_collection(above)), None)


def relation(folder: Path, other: Path) -> str:
    """`is`, `holds` or `lies in`, links followed; empty if the two have nothing in common."""
    folder, other = real(folder), real(other)
    if folder == other:
        return "is"
    if other.is_relative_to(folder):
        return "holds"
    return "lies in" if folder.is_relative_to(other) else ""


def _described(folder: Path) -> bool:
    return os.path.lexists(folder / COLLECTION)


def _is_copy(folder: Path) -> bool:
    # A name that is too long for an index, or may not be looked at, has none.
    with suppress(OSError):
        return bool(folder.name) and (index_folder(folder) / INDEX).is_file()
    return False


def _folders(folder: Path) -> Iterator[Path]:
    # What may not be listed cannot be recognised.
    with suppress(OSError), os.scandir(folder) as found:
        yield from (Path(entry.path) for entry in found if entry.is_dir() and entry.name != _SCRATCH)


def _names(folder: Path) -> list[str]:
    with suppress(OSError):
        return [path.name for path in folder.iterdir()]
    return []
