"""The newest posts of a collection, and new ones: as synced on this machine, or as checkpointed elsewhere.

No request is sent to the harvest, and no position is stored.
"""

import logging
from collections.abc import Iterator
from heapq import nlargest
from itertools import count, islice
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

# Pauses between two reads: if each read costs money, and otherwise.
_LOOKS_BILLED, _LOOKS = 5.0, 0.5
# The maximum number of harvests that are searched for posts: each costs requests, and may have none.
_MOST_HARVESTS = 100
# Of a time as forms of records write it, what all have: 2026-11-26T23:51:00.
_SECOND = 19


class Tail:
    """Reads one collection: `newest` first, then `more` again and again, or `follow`.

    `work_root` is the folder of this machine's files that are not stored yet. One thread calls it.
    """

    def __init__(
        self, store: Store, keys: CollectionKeys, network: Network, *, work_root: Path | None = None
    ) -> None:
        self._store, self._keys, self._network, self._root = store, keys, network, work_root
        self._archive = self._opened(None)
        # When the posts came that `newest` was to read `since` a time, where their records say.
        self.received: list[str] = []

    def newest(self, number: int, *, since: str = "") -> list[Post]:
        """The posts published last in the files stored last, earliest first; `more` continues after these.

        Timelines and searches are stored newest first, so the last lines of a file are no measure. As many
        files are read as hold the number, and what came after `since`.
        """
        starts = self._starts()
        begin, back = next(starts, None), 1
        while True:
            found, read = self._last(number, begin, since)
            is_enough = len(found) >= number and len(self.received) < max(read, 1)
            # Twice as far each time, so that small files are not read again and again.
            earlier = [] if is_enough else list(islice(starts, back))
            if not earlier:
                return found
            begin, back = earlier[-1], 2 * back

    def more(self) -> list[Post]:
        """The next posts, as many as are at hand; empty when all were returned."""
        while lines := self._archive.read():
            records = (line.data for line in lines if line.kind == "record")
            if posts := [post for record in records for post in self._posts(record)]:
                return posts
        return []

    def follow(self, *, clock: Clock, stop: Stop) -> Iterator[Post]:
        """Each new post, until a stop."""
        while not stop.requested:
            posts = self.more()
            yield from posts
            if not posts:
                clock.wait(stop, self.pause)

    @property
    def pause(self) -> float:
        """Seconds until another read is worthwhile."""
        return _LOOKS_BILLED if self._store.is_billed and not self._archive.is_here else _LOOKS

    def close(self) -> None:
        self._archive.close()

    def _posts(self, record: bytes) -> list[Post]:
        try:
            return list(self._network.posts(record))
        except BrokenLine as error:
            log.warning("A stored line is passed over: it %s", error.why)
            return []

    def _last(self, number: int, begin: Position | None, since: str) -> tuple[list[Post], int]:
        """The posts published last of all that there is from a position on, and how many these are."""
        self._archive.close()
        self._archive = self._opened(begin)
        self.received = []
        places = count()

        def ranked() -> Iterator[tuple[str, int, Post]]:
            while posts := self.more():
                if since:
                    self.received += [post.received for post in posts if post.received >= since]
                # Of one second, and where none is given, in the order in which they were stored.
                yield from ((post.published[:_SECOND], next(places), post) for post in posts)

        # All is read, also where none is to be shown.
        ranks = nlargest(max(number, 1), ranked())[:number]
        return [post for *_, post in reversed(ranks)], next(places)

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
