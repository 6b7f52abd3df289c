"""Removes API keys from a collection's history: its changesets, and copies in harvests of 2019.

Each object is replaced on the condition that it was not replaced since. One that holds none stays as it is,
so that whatever cut this may be repaired by doing it again.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import orjson

from harvester.collection import history
from harvester.collection.secrets import key_names, without_keys, without_secrets
from harvester.errors import Exit, HarvesterError
from harvester.store import Store, Stored, stored_at
from harvester.store.keys import CollectionKeys, describes_collection

_AT_ONCE = 16


@dataclass(frozen=True)
class Holder:
    """An object that holds keys; `names` says which, and nothing says their values."""

    key: str
    stored: Stored
    names: tuple[str, ...]


@dataclass
class Redaction:
    """Of one collection, whose collection.json no longer has keys."""

    store: Store
    keys: CollectionKeys

    def __post_init__(self) -> None:
        current = history.current(self.store, self.keys)
        if without_secrets(current) != current:
            raise HarvesterError(
                f"The collection {self.keys.id} itself still contains keys.",
                hint=f"First: `collection-config download {self.keys.id}`, `collection-config keys --move-to "
                "PROFILE`, `collection-config update`.",
                exit_code=Exit.USAGE,
            )

    def holders(self) -> list[Holder]:
        """The objects to rewrite, in the order of their keys."""
        names = (entry.key for entry in self.store.entries(self.keys.folder))
        own = [key for key in names if describes_collection(key)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [holder for holder in pool.map(self._holder, own) if holder]

    def carry_out(self, holders: list[Holder], tell: Callable[[int], None] = lambda _: None) -> None:
        """Rewrite each; `tell` is called with their number."""
        for number, holder in enumerate(holders, 1):
            clean = without_keys(holder.stored.data)
            self.store.replace(holder.key, clean, version=holder.stored.version)
            tell(number)

    def _holder(self, key: str) -> Holder | None:
        stored = stored_at(self.store, key)
        if stored is None or without_keys(stored.data) == stored.data:
            return None
        tree = orjson.loads(stored.data)
        return Holder(key, stored, tuple(sorted({*key_names(tree), *key_names(tree.get("update"))})))
