"""A bounded queue of batches from the source's threads to the writer; when full, the source waits."""

import queue
import threading
from dataclasses import dataclass

from harvester.networks import Batch, Stopped

_ROOM = 16
# How long a wait lasts before it is looked whether the other side still takes part.
_TICK = 0.5


@dataclass(frozen=True)
class Item:
    """A batch, and the event that says that it is on disk; without a batch the source is through."""

    batch: Batch | None = None
    written: threading.Event | None = None


class Inbox:
    """Bounded, so that a store that is away stops the source, which stops reading from its socket."""

    def __init__(self) -> None:
        self._items: queue.Queue[Item] = queue.Queue(_ROOM)
        self._closed = threading.Event()

    def put(self, batch: Batch, *, wait: bool = False) -> None:
        """Hand a batch over, with `wait` until it is written; raises Stopped once the inbox is closed."""
        written = threading.Event() if wait else None
        if not self._put(Item(batch, written)):
            raise Stopped
        while written and not written.wait(_TICK):
            if self._closed.is_set():
                raise Stopped

    def end(self) -> None:
        """Nothing more will be put."""
        self._put(Item())

    def _put(self, item: Item) -> bool:
        while not self._closed.is_set():
            try:
                self._items.put(item, timeout=_TICK)
            except queue.Full:
                continue
            return True
        return False

    def take(self) -> Item | None:
        """The next item; None when none came within half a second."""
        try:
            return self._items.get(timeout=_TICK)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Nothing more is taken, so who waits to put something stops."""
        self._closed.set()
