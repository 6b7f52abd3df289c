"""The files of a depth of a crawl: the ids of its accounts, a line each."""

import gzip
from collections.abc import Iterator, Mapping, Sequence

from harvester.store import Store


def packed_ids(ids: list[str]) -> bytes:
    """The content of a file of a depth: the same ids are the same bytes."""
    return gzip.compress("".join(f"{each}\n" for each in ids).encode(), mtime=0)


def ids_in(store: Store, key: str) -> Iterator[str]:
    """The ids of a file of a depth."""
    return (user for user, _ in visits_in(store, key))


def visits_in(store: Store, key: str) -> Iterator[tuple[str, str]]:
    """The same, each with what stands behind it, of which `lengths_in` makes the lengths of its lists."""
    for line in gzip.decompress(store.read(key).data).splitlines():
        user, _, behind = line.decode().partition("\t")
        yield user, behind


def lengths_in(behind: str, directions: Sequence[str]) -> Mapping[str, int]:
    """How many accounts each list of a user brings at most; nothing if that is not known.

    In the file is the number of both lists, and then that of the first one.
    """
    accounts, _, first = behind.partition("\t")
    if not accounts.isdecimal():
        return {}
    if len(directions) == 1:
        return {directions[0]: int(accounts)}
    numbers = (int(first), int(accounts) - int(first)) if first.isdecimal() else ()
    return dict(zip(directions, numbers, strict=False))
