"""How many finished files of a store the ledger does not have: one listing of each collection says it."""

from collections.abc import Sequence
from dataclasses import dataclass

from harvester.errors import NotFound
from harvester.ledger.cache import Cache
from harvester.ledger.database import Ledger
from harvester.ledger.plan import plan
from harvester.store.reading import Reader


@dataclass(frozen=True)
class Behind:
    """Files that are to be read, their bytes, and the collections that have them."""

    files: int = 0
    size: int = 0
    collections: tuple[str, ...] = ()


def behind(cache: Cache, reader: Reader, collections: Sequence[str]) -> Behind:
    """The files that an update of these collections would read."""
    files = size = 0
    lacking = []
    with Ledger.reading(cache) as ledger:
        for collection in collections:
            try:
                found = plan(ledger, reader, collection)
            except NotFound:
                continue
            files += len(found.files)
            size += found.size
            lacking += [collection] if found.files else []
    return Behind(files, size, tuple(lacking))
