"""A bounded queue of batches from the source's threads to the writer; when full, the source waits.

The writer is woken for a batch that is to be on disk at once, half a megabyte, half of the room, and the end.
What else is put waits for the moment that the writer sets: waking it costs as much as several posts.
"""

import threading
from collections import deque
from dataclasses import dataclass

from harvester.networks import Batch, Stopped

_ROOM = 16
_WAKE_ITEMS, _WAKE_BYTES = _ROOM // 2, 1 << 19
# How long a wait lasts before a check that the other side is still there.
TICK = 0.5


@dataclass(frozen=True)
class Item:
    """A batch, and the event that says that it is on disk; without a batch the source has ended."""

    batch: Batch | None = None
    written: threading.Event | None = None

    @property
    def is_urgent(self) -> bool:
        return self.batch is None or self.batch.sync or self.written is not None


class Inbox:
    """Bounded, so that a store that is away stops the source, which stops reading from its socket."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        # How many of the items are to be taken now, and how many bytes of lines are in the others.
        self._due = self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._got_due, self._got_room = threading.Condition(self._lock), threading.Condition(self._lock)
        self._closed = threading.Event()

    def put(self, batch: Batch, *, wait: bool = False) -> None:
        """Hand a batch over, with `wait` until it is written; raises Stopped once the inbox is closed."""
        written = threading.Event() if wait else None
        if not self._put(Item(batch, written)):
            raise Stopped
        while written and not written.wait(TICK):
            if self._closed.is_set():
                raise Stopped

    def end(self) -> None:
        """Nothing more will be put."""
        self._put(Item())

    def _put(self, item: Item) -> bool:
        with self._lock:
            while len(self._items) >= _ROOM:
                if self._closed.is_set():
                    return False
                self._got_room.wait(TICK)
            if self._closed.is_set():
                return False
            self._items.append(item)
            self._waiting_bytes += len(item.batch.lines) if item.batch else 0
            is_much = self._waiting_bytes >= _WAKE_BYTES or len(self._items) >= _WAKE_ITEMS
            if is_much or item.is_urgent:
                self._release()
                self._got_due.notify()
        return True

    def take(self, *, within: float = TICK) -> Item | None:
        """The next item, after `within` seconds also one that is not urgent; None when there is none."""
        with self._lock:
            if not self._due and not self._got_due.wait_for(lambda: self._due, within):
                self._release()
            if not self._due:
                return None
            self._due -= 1
            self._got_room.notify()
            return self._items.popleft()

    @property
    def has_due(self) -> bool:
        """Whether there is an item that is to be taken now."""
        return self._due > 0

    def _release(self) -> None:
        self._due, self._waiting_bytes = len(self._items), 0

    def close(self) -> None:
        """Take nothing more; callers that wait to put something stop."""
        self._closed.set()
        with self._lock:
            self._got_room.notify_all()
