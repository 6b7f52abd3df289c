"""A process that closes a depth, and kills itself at a write of its choice, or after a number of lines.

    python -m tests.support.closing_kills FOLDER COLLECTION SCRATCH WRITE

A negative WRITE is the number of pages after which it dies; 0 lets it live.
"""

import os
import signal
import sys
from pathlib import Path

from harvester.collection import history
from harvester.graph import crawls
from harvester.graph.close import close
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Dying(FolderStore):
    """Dies before its n-th write, or right after the one before."""

    left = 0

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        self.left -= 1
        if self.left == 0:
            _die()
        return super().upload(key, path, sha256=sha256)

    def remove(self, key: str, *, version: str | None = None) -> None:
        self.left -= 1
        if self.left == 0:
            _die()
        super().remove(key, version=version)


def main(folder: str, collection: str, scratch: str, write: str) -> None:
    store = _Dying(Path(folder))
    store.left = int(write)
    pages = -int(write) if int(write) < 0 else 0

    def tell(words: str, number: int) -> None:
        if pages and words == "reading pages" and number >= pages:
            _die()

    keys = CollectionKeys(collection)
    crawl = crawls.current(store, keys, history.current(store, keys))
    assert crawl
    close(crawl, crawl.depths()[-1], Path(scratch), tell=tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
