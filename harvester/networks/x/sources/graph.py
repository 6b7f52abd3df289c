"""Lists of followers of many accounts, each read page by page; an error of one affects no other.

A list's next page is asked for once the one before is on disk, with the token that it gave. When a list ends,
it is compared with the last complete one of its account. Only a complete list tells of losses.
"""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from harvester.collection.begun_crawl import section_of
from harvester.collection.kinds.kind import count
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks import Batch, Stopped
from harvester.networks.crawl import FAILED, WITHOUT_LIST, Crawl, Waiting
from harvester.networks.x import XError
from harvester.networks.x.job import Job
from harvester.networks.x.sources.account_list import AccountList, Reading
from harvester.networks.x.sources.failures import Failures
from harvester.networks.x.sources.page_room import PageRoom, PageShare
from harvester.networks.x.sources.seeds import Seed, look_up

log = logging.getLogger("twarc-cloud")


def collect(job: Job) -> None:
    """Read each list of the crawl's depth that is not finished; raises if there are no users."""
    if job.crawl is None:
        raise AssertionError("a graph is harvested with its crawl")
    if not job.collection["users"] and not job.crawl.is_shared:
        raise HarvesterError(
            "The collection has no users.",
            hint="Add some with `collection-config screennames`, then `collection-config update`.",
            exit_code=Exit.USAGE,
        )
    _Depth(job, job.crawl).run()


class _Depth:
    """The lists of one depth, which workers take in order."""

    def __init__(self, job: Job, crawl: Crawl) -> None:
        section = section_of(job.collection)
        self._job, self._crawl = job, crawl
        self._guard = threading.Lock()
        # Apart, as the other one is held while the next account is waited for.
        self._holding = threading.Lock()
        self._failures = Failures()
        self._broken: BaseException | None = None
        # One at a time, as it takes memory.
        comparing = threading.Lock()
        most = count(section, "max_edges_per_user")
        new_only = section.get("update") == "new_only" and not crawl.depth
        self._reading = Reading(job, crawl, PageRoom(job.stop), comparing, most=most, new_only=new_only)
        self._queue = self._todo()
        # Those that failed end once another did not: if X refuses all, the next harvest reads them.
        self._held: list[tuple[AccountList, XError]] = []

    def run(self) -> None:
        with ThreadPoolExecutor(self._job.concurrency, thread_name_prefix="graph") as pool:
            for future in [pool.submit(self._guarded) for _ in range(self._job.concurrency)]:
                future.result()
        if self._broken:
            raise self._broken
        self._failures.require_any_served()
        self._end_held()

    def _todo(self) -> Iterator[tuple[Waiting, Seed]]:
        """The accounts in order, each with what a look-up said of it; only those of seeds are looked up."""
        waiting = self._crawl.waiting()
        if self._crawl.depth:
            yield from ((each, Seed(said=each.said)) for each in waiting)
            return
        at_once = 1 if self._crawl.is_shared else self._job.concurrency
        while some := list(islice(waiting, at_once)):
            new = [each for each in some if not any(self._chains(each))]
            seeds = look_up(self._job, [each.user for each in new]) if new else {}
            yield from ((each, seeds.get(each.user, Seed())) for each in some)

    def _chains(self, waiting: Waiting) -> Iterator[Tree]:
        return (self._crawl.chain(waiting.user, direction) for direction in waiting.directions)

    def _guarded(self) -> None:
        try:
            while taken := self._next():
                self._user(*taken)
        except BaseException as error:  # noqa: BLE001 - raised by `run` when all workers have ended
            with self._guard:
                # A stop that follows from the first error is not the news.
                if self._broken is None or isinstance(self._broken, Stopped):
                    self._broken = error

    def _next(self) -> tuple[Waiting, Seed] | None:
        with self._guard:
            if self._job.stop.requested and not self._broken:
                raise Stopped
            return None if self._broken else next(self._queue, None)

    def _user(self, waiting: Waiting, seed: Seed) -> None:
        outcomes = set()
        for direction in waiting.directions:
            outcomes.add(self._list(waiting.user, direction, seed))
        if why := next((each for each in WITHOUT_LIST if each in outcomes), ""):
            self._job.put(Batch(counts={"users_unavailable": 1, f"users_{why}": 1}))
        else:
            self._job.put(Batch(counts={"users_failed" if FAILED in outcomes else "users_done": 1}))

    def _list(self, user: str, direction: str, seed: Seed) -> str:
        """Read one list to its end; the outcome."""
        account_list = AccountList(self._reading, user, direction, seed, PageShare(self._reading.room))
        try:
            outcome = account_list.read()
        except XError as error:
            self._failures.failed(error)
            log.warning("The %s of %s failed: %s", direction, user, error)
            with self._holding:
                self._held.append((account_list, error))
            return FAILED
        finally:
            account_list.share.give_back()
        self._failures.served()
        self._end_held()
        return outcome

    def _end_held(self) -> None:
        with self._holding:
            held, self._held = self._held, []
        for account_list, error in held:
            account_list.end(FAILED, why=error.message)
