"""The content of a store's index, and its size on this machine."""

from contextlib import suppress
from typing import Any

from harvester.ledger import files
from harvester.ledger.cache import Cache
from harvester.ledger.database import Ledger
from harvester.search.answers import Question
from harvester.search.asking import Search


def status_of(cache: Cache) -> dict[str, Any]:
    """Its figures by name; `exists` is False if there is no index of this version."""
    search = Search(cache)
    with Ledger.reading(cache) as ledger:
        read, _, _ = files.totals(ledger)
        damaged = files.damaged(ledger)
        as_of = ledger.as_of
    exists = search.exists
    return {
        "exists": exists,
        "folder": str(cache.folder),
        "store": cache.store,
        "as_of": as_of,
        "files": read,
        "posts": search.ask(Question(limit=0)).count if exists else 0,
        "bytes": _bytes(cache),
        "damaged": damaged,
    }


def _bytes(cache: Cache) -> int:
    total = 0
    for path in cache.folder.rglob("*") if cache.folder.is_dir() else ():
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
