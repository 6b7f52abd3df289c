"""The newest posts of a collection, and those that come: what is synced here, or checkpointed elsewhere.

Nothing is asked of the harvest, and no position is stored.
"""

import logging
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from harvester.clock import Clock, Stop, timestamp
from harvester.documents import Tree
from harvester.networks import Network
from harvester.networks.records import BrokenLine, Post
from harvester.sinks import Position
from harvester.sinks.archive.contents import contents_here, stored_contents
from harvester.sinks.archive.harvests import harvests_back
from harvester.sinks.archive.reader import Archive
from harvester.sinks.archive.work_folder import work_folder
from harvester.store import Store
from harvester.store.keys import CollectionKeys, segment_order

log = logging.getLogger("twarc-cloud")

# Pauses between two looks for news: where each look is paid for, and elsewhere.
_LOOKS_BILLED, _LOOKS = 5.0, 0.5
# So many harvests are looked at for posts: each costs requests, and most may have brought nothing.
_MOST_HARVESTS = 100


class Tail:
    """Reads one collection: `newest` first, then `more` again and again, or `follow`.

    `work_root` is where harvests of this machine keep what is not stored yet. One thread calls it.
    """

    def __init__(
        self, store: Store, keys: CollectionKeys, network: Network, *, work_root: Path | None = None
    ) -> None:
        self._store, self._keys, self._network, self._root = store, keys, network, work_root
        self._archive = self._opened(None)

    def newest(self, number: int) -> list[Post]:
        """At most so many posts, in the order in which they were stored; `more` continues after them."""
        starts = self._starts()
        begin, back = next(starts, None), 1
        while True:
            found = self._last(number, begin)
            # Twice as far each time, so that small files are not read again and again.
            earlier = list(islice(starts, back)) if len(found) < number else []
            if not earlier:
                return list(found)
            begin, back = earlier[-1], 2 * back

    def more(self) -> list[Post]:
        """What came since; empty where nothing did."""
        while lines := self._archive.read():
            records = (line.data for line in lines if line.kind == "record")
            if posts := [post for record in records for post in self._posts(record)]:
                return posts
        return []

    def follow(self, *, clock: Clock, stop: Stop) -> Iterator[Post]:
        """Each post that comes, until a stop."""
        while not stop.requested:
            posts = self.more()
            yield from posts
            if not posts:
                clock.wait(stop, self.pause)

    @property
    def pause(self) -> float:
        """Seconds until it is worth another look."""
        return _LOOKS_BILLED if self._store.is_billed and not self._archive.is_here else _LOOKS

    def close(self) -> None:
        self._archive.close()

    def _posts(self, record: bytes) -> list[Post]:
        try:
            return list(self._network.posts(record))
        except BrokenLine as error:
            log.warning("A stored line is passed over: it %s", error.why)
            return []

    def _last(self, number: int, begin: Position | None) -> "deque[Post]":
        """The last posts of all that there is from a position on."""
        self._archive.close()
        self._archive = self._opened(begin)
        found: deque[Post] = deque(maxlen=number)
        while posts := self.more():
            found.extend(posts)
        return found

    def _starts(self) -> Iterator[Position]:
        """Where each file of records begins, the newest first; of a harvest without one, where it does."""
        for here in islice(harvests_back(self._store, self._keys), _MOST_HARVESTS):
            harvest = timestamp(here.started)
            names = sorted(self._files(harvest), key=segment_order, reverse=True)
            yield from (Position(harvest, name) for name in names or [""])

    def _files(self, harvest: str) -> list[str]:
        if self._root and (work := work_folder(self._root, harvest)):
            found = contents_here(work)
            work.close()
        else:
            found = stored_contents(self._store, self._keys, harvest)
        return list(found.files)

    def _opened(self, position: Position | None) -> Archive:
        return Archive(self._store, self._keys, position=position, work_root=self._root, note=self._note_loss)

    def _note_loss(self, event: str, more: Tree) -> None:
        log.warning("%s: %s", event, more.get("why", ""))
