"""A worker joins the crawl of its collection, by the queue that the settings name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from harvester.aws.service import Service
from harvester.clock import Clock, Stop
from harvester.collection.workers import crawl_owner
from harvester.documents import Tree
from harvester.documents.lists import list_ends
from harvester.errors import Exit, HarvesterError
from harvester.graph.workers.ended import ended_lists
from harvester.graph.workers.marks import Marks
from harvester.graph.workers.pace import Pace
from harvester.graph.workers.queue import CrawlQueue
from harvester.graph.workers.shared_crawl import SharedCrawl
from harvester.harvest.crawl import StoredCrawl
from harvester.harvest.depth_files import ids_in
from harvester.networks.crawl import Earlier
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.store.worker_keys import WorkerKeys


@dataclass(frozen=True)
class _Own:
    """The lists of one worker, of its own harvests."""

    crawl: StoredCrawl

    def ended(self) -> Mapping[str, Mapping[str, Tree]]:
        found: dict[str, dict[str, Tree]] = {}
        for harvest in self.crawl.before:
            for end in list_ends(self.crawl.lists.lines(harvest.timestamp)):
                # One that is to be read again is not finished.
                if end.depth == self.crawl.depth and end.user in self.crawl.done.get(end.direction, ()):
                    found.setdefault(end.user, {})[end.direction] = {"outcome": end.outcome}
        return found

    def ended_by(self, worker: str) -> Mapping[str, Mapping[str, Tree]]:
        crawl = self.crawl
        return ended_lists(crawl.store, CollectionKeys(worker), crawl.started, crawl.depth)

    def chain(self, user: str, direction: str) -> Tree:
        return self.crawl.chain(user, direction)

    def earlier(self, user: str, direction: str) -> Earlier | None:
        return self.crawl.earlier(user, direction)

    def received(self, user: str, direction: str) -> Iterator[str]:
        return self.crawl.received(user, direction)


def queue_of(settings: Settings) -> CrawlQueue:
    """The queue of the settings; raises if they name none."""
    if not settings.graph_queue:
        raise HarvesterError(
            "Workers of a crawl need a queue, and `graph_queue` is not set.",
            hint="Set graph_workers = true for Terraform, apply it, and write twarc_cloud.ini again; or read "
            "the crawl in one process, without workers.",
            exit_code=Exit.USAGE,
        )
    return CrawlQueue(settings.graph_queue, Service("sqs", region=settings.region))


@contextmanager
def joined(crawl: StoredCrawl, settings: Settings, clock: Clock, stop: Stop) -> Iterator[SharedCrawl]:
    """The depth of a worker; its messages are kept from other workers until the block ends."""
    shared = _shared(crawl, queue_of(settings), clock, stop, Pace.of(settings))
    shared.keep()
    try:
        yield shared
    finally:
        shared.close()


def _shared(crawl: StoredCrawl, queue: CrawlQueue, clock: Clock, stop: Stop, pace: Pace) -> SharedCrawl:
    owner, left_out = crawl_owner(crawl.collection), {*(crawl.section.get("exclude") or ())}
    here = crawl.here

    def frontier() -> Iterator[str]:
        return (user for user in ids_in(crawl.store, here.depth(crawl.depth)) if user not in left_out)

    return SharedCrawl(
        f"{owner}@{here.folder.rstrip('/').rpartition('/')[2]}",
        crawl.depth,
        crawl.directions,
        frontier,
        crawl.visits,
        crawl.lengths,
        _Own(crawl),
        queue,
        Marks(crawl.store, WorkerKeys(here.folder, crawl.depth), crawl.keys.id),
        clock,
        stop,
        pace,
    )
