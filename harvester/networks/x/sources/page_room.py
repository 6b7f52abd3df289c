"""Bounds the bytes of the pages that are in work at once, however many chains there are."""

import threading

from harvester.clock import Stop, Stopped

# A page takes its bytes a few times over: compressed, as text, and as the line that is stored. More of them
# than the processor's cache holds took a fifth more CPU; eight of 250 KB are more than X's limits allow.
ROOM = 2 << 20
# What is expected of the first pages, before one was seen.
_FIRST = 256 << 10
# How much less is expected of a page for each one before it that was smaller.
_FADES = 0.9
_TICK = 0.5


class PageRoom:
    """Shared by all chains of a harvest. Each takes a `PageShare` of it before it asks for a page.

    How large a page is shows only when it came, so as much is taken as the largest of the last ones had.
    """

    def __init__(self, stop: Stop, *, room: int = ROOM) -> None:
        self._stop = stop
        self._room = room
        self._changed = threading.Condition()
        self._taken = 0
        self._expected = float(min(_FIRST, room))

    def take(self) -> int:
        """What one page may take, once there is room for it; raises Stopped where a stop came first.

        A page that is larger than all the room has it for itself.
        """
        with self._changed:
            while not self._has_room():
                if self._stop.requested:
                    raise Stopped
                self._changed.wait(_TICK)
            share = int(self._expected)
            self._taken += share
            # One is woken at a time, who wakes the next where there is room for two.
            if self._has_room():
                self._changed.notify()
            return share

    def came(self, share: int, size: int) -> int:
        """A page came; it now holds its own size in place of its `share`."""
        with self._changed:
            self._expected = max(size, self._expected * _FADES)
            self._change(size - share)
            return size

    def give_back(self, share: int) -> None:
        with self._changed:
            self._change(-share)

    def _has_room(self) -> bool:
        return not self._taken or self._taken + self._expected <= self._room

    def _change(self, more: int) -> None:
        self._taken += more
        if self._has_room():
            self._changed.notify()


class PageShare:
    """The place of one chain, which has one page in work at a time, however often it asks for it."""

    def __init__(self, room: PageRoom) -> None:
        self._room = room
        self._share: int | None = None

    def take(self) -> None:
        if self._share is None:
            self._share = self._room.take()

    def came(self, size: int) -> None:
        if self._share is not None:
            self._share = self._room.came(self._share, size)

    def give_back(self) -> None:
        if self._share is not None:
            self._room.give_back(self._share)
            self._share = None
