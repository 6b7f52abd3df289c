"""The files of a depth of a crawl: the ids of its accounts, a line each."""

import gzip
from collections.abc import Iterator

from harvester.store import Store


def packed_ids(ids: list[str]) -> bytes:
    """The content of a file of a depth: the same ids are the same bytes."""
    return gzip.compress("".join(f"{each}\n" for each in ids).encode(), mtime=0)


def ids_in(store: Store, key: str) -> Iterator[str]:
    """The ids of a file of a depth."""
    return (user for user, _ in visits_in(store, key))


def visits_in(store: Store, key: str) -> Iterator[tuple[str, str]]:
    """The same, each with what stands behind it: how many accounts its lists bring at most, or nothing."""
    for line in gzip.decompress(store.read(key).data).splitlines():
        user, _, accounts = line.decode().partition("\t")
        yield user, accounts
