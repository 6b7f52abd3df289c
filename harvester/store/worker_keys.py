"""The keys of what the workers of a crawl write for each other."""

import hashlib
from dataclasses import dataclass

from harvester.store.keys import ROOT

_WORKERS = "workers/"


@dataclass(frozen=True)
class WorkerKeys:
    """Those of one depth, in the folder of the crawl, which ends with '/'."""

    crawl_folder: str
    depth: int

    @property
    def folder(self) -> str:
        return f"{self.crawl_folder}{_WORKERS}{self.depth}/"

    def done(self, user: str) -> str:
        """What became of a user; the key of no user is that of all of them."""
        return f"{self.folder}done/{user}"

    def failed(self, user: str) -> str:
        """A user that is done without a list; the key of no user is that of all of them."""
        return f"{self.folder}failed/{user}"

    def claim(self, user: str) -> str:
        """Which worker collects a user now; the key of no user is that of all of them."""
        return f"{self.folder}claims/{user}"

    def ticket(self, slot: int) -> str:
        """Which worker may fill the queue for some seconds."""
        return f"{self.folder}refill/{slot}"

    @property
    def closing(self) -> str:
        """The folder of the parts of which the next depth is made."""
        return f"{self.folder}closing/"


def queue_key(url: str) -> str:
    """Whose crawl a queue serves; no collection's id begins with a dot."""
    return f"{ROOT}.queues/{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
