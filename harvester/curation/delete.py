"""Deletes a collection completely, starting with its description, under its lock."""

from dataclasses import dataclass, field
from uuid import uuid4

from harvester.clock import SystemClock
from harvester.errors import Exit, NotFound
from harvester.harvest.lock import Lock
from harvester.store import Entry, Store
from harvester.store.keys import CollectionKeys


@dataclass
class Deletion:
    """All that is stored of one collection, also what is left of a deletion that was cut."""

    store: Store
    keys: CollectionKeys
    _entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._entries = list(self.store.entries(self.keys.folder))
        if not self._entries:
            raise NotFound(
                f"There is no collection {self.keys.id} in {self.store.name}.",
                hint="Check the id.",
                exit_code=Exit.NO_COLLECTION,
            )

    @property
    def count(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in self._entries)

    def carry_out(self) -> None:
        """Raises when a harvest holds the lock; then nothing was deleted."""
        lock = Lock(self.store, self.keys.lock, owner=uuid4().hex, clock=SystemClock())
        lock.acquire()
        lock.keep()
        try:
            self.store.remove(self.keys.collection)
            for entry in self.store.entries(self.keys.folder):
                if entry.key != self.keys.lock:
                    lock.require()
                    self.store.remove(entry.key)
        finally:
            lock.release()
        if not self.store.removes_conditionally:
            # The released lock; without a collection no harvest takes another.
            self.store.remove(self.keys.lock)
