"""The files that a query needs: those of the tables and the collections that it names."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from harvester.errors import Exit, HarvesterError
from harvester.store import Entry, Store
from harvester.store.absent import no_collection
from harvester.store.keys import CollectionKeys
from harvester.tables.catalog import catalog, collections_in
from harvester.tables.columns import TABLES
from harvester.tables.local import local_paths
from harvester.text import counted

_VIEWS = {"posts_once": "posts"}


def paths_of(
    store: Store,
    collection_ids: Iterable[str],
    statement: str,
    cache: Path,
    *,
    show: Callable[..., None] | None = None,
) -> dict[str, list[str]]:
    """By table, the paths of its complete files; tables that the statement does not name have none."""
    entries = files_of_tables(store, collection_ids, tables_named(statement))

    def tell(number: int, of: int) -> None:
        if show:
            show(f"fetching tables: {number:,} of {counted(of, 'file')}", files=number)

    return {name: local_paths(store, found, cache, on_fetched=tell) for name, found in entries.items()}


def files_of_tables(
    store: Store, collection_ids: Iterable[str], names: Iterable[str]
) -> dict[str, list[Entry]]:
    catalogs = [catalog(store, each) for each in with_tables(store, collection_ids)]
    return {name: [entry for each in catalogs for entry in each.files(name)] for name in names}


def with_tables(store: Store, collection_ids: Iterable[str]) -> list[str]:
    """These collections, or all; raises if one of them has no tables, or if there are none at all."""
    there, asked = collections_in(store), list(collection_ids)
    missing = [each for each in asked if each not in there]
    for keys in map(CollectionKeys, missing):
        if next(iter(store.entries(keys.folder)), None) is None:
            raise no_collection(store, keys)
    if missing or not there:
        of = f" of {', '.join(missing)}" if missing else ""
        raise HarvesterError(
            f"There are no tables{of} in {store.name}.",
            hint=f"Run `{' '.join(('tables build', *missing))}`.",
            exit_code=Exit.NO_COLLECTION,
        )
    return asked or there


def tables_named(statement: str) -> list[str]:
    """The tables whose names occur in a statement."""
    words = set(re.findall(r"\w+", statement.lower()))
    return [name for name in TABLES if name in words or any(_VIEWS.get(word) == name for word in words)]
