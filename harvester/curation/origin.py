"""Which store a folder is a copy of; only empty folders and copies are written to."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.documents.foreign import loaded
from harvester.errors import Exit, HarvesterError
from harvester.store.boundaries import INDEX, index_folder, relation, store_around, store_below
from harvester.store.disk import real

ORIGIN = "origin.json"
_HINT = "Choose another folder."


def not_a_copy(folder: Path) -> HarvesterError:
    return HarvesterError(
        f"{folder} is not empty and was not made by a download.", hint=_HINT, exit_code=Exit.USAGE
    )


@dataclass(frozen=True)
class Origin:
    """What begins with `prefix` in `store`, the name of a bucket or the full path of a folder."""

    prefix: str
    store: str | Path

    def require(self, folder: Path) -> None:
        """Raise unless the folder is empty or a copy of this collection, and apart from all folder stores."""
        if problem := self._problem(folder):
            raise HarvesterError(problem, hint=_HINT, exit_code=Exit.USAGE)

    def write(self, index: Path) -> None:
        """Note it in the folder of a copy's index."""
        # Not by orjson, for which the path of a folder must be UTF-8.
        content = json.dumps({"collection": self.prefix, "store": str(self.store)})
        (index / ORIGIN).write_text(content, encoding="ascii")

    def _problem(self, folder: Path) -> str:
        return self._place_problem(folder) or self._content_problem(folder)

    def _place_problem(self, folder: Path) -> str:
        if isinstance(self.store, Path) and (related := relation(folder, self.store)):
            return f"{folder} {related} the store {self.store}."
        index = index_folder(folder)
        if index.is_symlink() or (index.exists() and not index.is_dir()):
            return f"{index} is in the way of the index of a copy."
        return ""

    def _content_problem(self, folder: Path) -> str:
        index = index_folder(folder)
        full = holds_something(folder)
        # A copy that lost its index looks like a stored collection; those beside it stay copies.
        known = full and (index / ORIGIN).is_file()
        if not known and (store := store_around(folder)):
            return f"{folder} lies in the store {store}."
        if full and not (index / INDEX).is_file():
            raise not_a_copy(folder)
        if full and (store := store_below(folder)):
            return f"{folder} holds the store {store}."
        return self._problem_of(folder, index / ORIGIN) if known else ""

    def _problem_of(self, folder: Path, path: Path) -> str:
        origin = object_of(path.read_bytes())
        prefix, store = origin.get("collection"), str(origin.get("store"))
        # A folder store that was moved is the same one still.
        moved = isinstance(self.store, Path) and Path(store).is_absolute() and not Path(store).exists()
        if prefix == self.prefix and (store == str(self.store) or moved):
            return ""
        return f"{folder} is a copy of {prefix} of {store}."


def named(folder: Path) -> Path:
    """The folder's full path, whose last part is a name and perhaps a link."""
    return real(folder) if folder.name in ("", "..") else real(folder.parent) / folder.name


def object_of(data: bytes) -> dict[str, Any]:
    """A JSON object; an empty one if it is not one. Names that are not UTF-8 are lone surrogates in it."""
    try:
        found = loaded(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def holds_something(folder: Path) -> bool:
    if not folder.is_dir():
        return os.path.lexists(folder) and not folder.is_symlink()
    with os.scandir(folder) as found:
        return any(found)
