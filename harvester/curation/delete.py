"""Deletes a collection completely, starting with its description, under its lock."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from harvester.clock import SystemClock
from harvester.harvest.lock import Lock
from harvester.store import Entry, Store
from harvester.store.absent import no_collection
from harvester.store.keys import CollectionKeys, is_of_repairs


@dataclass
class Deletion:
    """All that is stored of one collection, also what is left of a deletion that was cut."""

    store: Store
    keys: CollectionKeys
    removed: int = 0
    _entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._entries = list(self.store.entries(self.keys.folder))
        if not self._entries:
            raise no_collection(self.store, self.keys)

    @property
    def count(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in self._entries)

    def carry_out(self) -> None:
        """Raises when a harvest or a repair holds its lock, or a removal is refused.

        `removed` is how many files were removed until then; the locks are released in any case.
        """
        own = {self.keys.lock, self.keys.repairs.lock}
        with ExitStack() as held:
            locks = [held.enter_context(self._held(keys)) for keys in self._locked()]
            self._remove(self.keys.collection)
            for entry in self.store.entries(self.keys.folder):
                if entry.key not in own:
                    for lock in locks:
                        lock.require()
                    self._remove(entry.key)
        if not self.store.removes_conditionally:
            # The released locks; without a collection no harvest takes another.
            for keys in self._locked():
                self.store.remove(keys.lock)

    def _remove(self, key: str) -> None:
        self.store.remove(key)
        self.removed += 1

    def _locked(self) -> list[CollectionKeys]:
        """Whose locks are taken: a collection that was never repaired has no other."""
        is_repaired = any(is_of_repairs(entry.key) for entry in self._entries)
        return [self.keys, self.keys.repairs] if is_repaired else [self.keys]

    @contextmanager
    def _held(self, keys: CollectionKeys) -> Iterator[Lock]:
        lock = Lock(self.store, keys.lock, owner=uuid4().hex, clock=SystemClock())
        lock.acquire()
        lock.keep()
        try:
            yield lock
        finally:
            lock.release()
