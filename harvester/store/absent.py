"""The error for a missing collection names the one that may have been meant."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from harvester.errors import Exit, HarvesterError, NotFound
from harvester.store.keys import ROOT, CollectionKeys
from harvester.text import similar


class _Place(Protocol):
    """A store, or its reader."""

    @property
    def name(self) -> str: ...

    def folders(self, prefix: str) -> Iterator[str]: ...


def no_collection(place: _Place, keys: CollectionKeys) -> NotFound:
    if _has_history(place, keys):
        hint = (
            f"Its history is still there: `collection-config download {keys.id} --as-of TIME` and "
            "`collection add` restore it, with its since_ids."
        )
    elif near := _near(place, keys):
        hint = f"Did you mean {near}?"
    else:
        hint = "Check the id (`collection list`), or add the collection first: `collection add`."
    return NotFound(
        f"There is no collection {keys.id} in {place.name}.", hint=hint, exit_code=Exit.NO_COLLECTION
    )


def _has_history(place: _Place, keys: CollectionKeys) -> bool:
    with suppress(HarvesterError):
        return keys.changesets.removeprefix(keys.folder).rstrip("/") in place.folders(keys.folder)
    return False


def _near(place: _Place, keys: CollectionKeys) -> str:
    """A collection whose id is much like this one; empty if there is none, or none can be seen."""
    with suppress(HarvesterError):
        others = [name for name in place.folders(ROOT) if name != keys.id]
        typed, by_name = keys.id.lower(), {name.lower(): name for name in others}
        close = similar(typed, by_name) or [name for name in by_name if typed in name]
        return by_name[close[0]] if close else ""
    return ""
