"""A crawl as a store holds it: its depths, its harvests, what they were billed, and whether it is over.

Nothing of this is kept twice: a depth is closed once the file of the next one is there, and a crawl is over
once the next depth is deeper than the last, or empty.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.clock import moment
from harvester.collection import history
from harvester.collection.begun_crawl import crawl_state, section_of
from harvester.collection.description import budget
from harvester.collection.kinds.kind import count
from harvester.collection.workers import WORKER_OF, worker_ids
from harvester.documents import Tree, object_in
from harvester.errors import HarvesterError, NotFound
from harvester.graph.workers.marks import Marks
from harvester.harvest.crawl import EarlierHarvest, StoredCrawl, finished_lists, harvests_since
from harvester.harvest.depth_files import ids_in
from harvester.harvest.stored_lists import StoredLists
from harvester.networks.crawl import DIRECTIONS, FOLLOWERS, Waiting
from harvester.store import Store
from harvester.store.keys import CollectionKeys, CrawlKeys
from harvester.store.worker_keys import WorkerKeys

_DEPTH = re.compile(r"depth-(\d+)\.txt\.gz")
_ALWAYS = "9999-12-31T00:00:00+00:00"


@dataclass(frozen=True)
class OfHarvest:
    """One harvest of a crawl, and the collection whose it is."""

    keys: CollectionKeys
    harvest: EarlierHarvest


@dataclass(frozen=True)
class Crawl:
    """The crawl of a collection that began at `started`.

    `harvested` are the collections whose harvests it consists of; with none, it is the collection itself.
    """

    store: Store
    keys: CollectionKeys
    tree: Tree
    started: str
    harvested: Sequence[CollectionKeys] = ()

    @property
    def section(self) -> Tree:
        """As it counts for this crawl."""
        return section_of(self.tree, self.started)

    @property
    def state(self) -> Tree:
        """What the collection keeps of it; empty if it is over."""
        crawl = self.section.get("crawl") or {}
        return crawl if crawl.get("started") == self.started else {}

    @property
    def here(self) -> CrawlKeys:
        return self.keys.crawl(moment(self.started))

    @property
    def directions(self) -> Sequence[str]:
        return DIRECTIONS[self.section.get("direction") or FOLLOWERS]

    @property
    def max_depth(self) -> int:
        return count(self.section, "max_depth")

    @property
    def most_edges(self) -> int | None:
        return count(self.section, "max_edges_per_user") or None

    def depths(self) -> list[int]:
        """The depths whose accounts are known."""
        names = (entry.key.rpartition("/")[2] for entry in self.store.entries(f"{self.here.folder}depth-"))
        return sorted(int(found[1]) for name in names if (found := _DEPTH.fullmatch(name)))

    def figures(self, depth: int) -> Tree:
        """What is kept of a depth; empty of the seeds, and of what is not known."""
        try:
            found = object_in(self.store.read(self.here.figures(depth)).data)
        except NotFound:
            return {}
        if found.get("crawl") != self.started or found.get("depth") != depth:
            raise HarvesterError(
                f"{self.here.figures(depth)} is of another crawl or depth: of {found.get('crawl')}, "
                f"depth {found.get('depth')}.",
                hint=f"Put back the file of the crawl of {self.started}, or run "
                f"`graph reselect {self.keys.id}`.",
            )
        return found

    def is_over(self, depths: Sequence[int]) -> bool:
        last = depths[-1] if depths else 0
        return last > self.max_depth or (last > 0 and not self.figures(last).get("users"))

    def harvests(self) -> list[OfHarvest]:
        """All of them, in the order in which they began."""
        found = [
            OfHarvest(keys, each)
            for keys in self.harvested or (self.keys,)
            for each in harvests_since(self.store, keys, self.started, until=_ALWAYS)
        ]
        return sorted(found, key=lambda each: each.harvest.timestamp)

    def unfinished(self) -> list[CollectionKeys]:
        """The collections whose last harvest runs, died, or could not store all: its checkpoint goes last.

        Until one is finished, what its files say of lists may be more than what its manifest has of pages.
        """
        return [
            keys
            for keys in self.harvested or (self.keys,)
            if any(entry.key == keys.checkpoint for entry in self.store.entries(keys.checkpoint))
        ]

    def waiting(self, depth: int, scratch: Path) -> Iterator[Waiting]:
        """The accounts of a depth that have lists without an outcome."""
        if self.harvested:
            return self._missing(depth)
        before = [each.harvest for each in self.harvests()]
        lists = StoredLists(self.store, self.keys, scratch)
        retried = str(self.state.get("retry") or "")
        tree: Any = self.tree
        crawl = StoredCrawl(self.store, self.keys, tree, _ALWAYS, self.started, depth, lists, before)
        crawl.done = finished_lists(lists.lines, before, depth, retried=retried)
        return crawl.waiting()

    def _missing(self, depth: int) -> Iterator[Waiting]:
        """The accounts of a depth that no worker has marked as done."""
        left_out = {*(self.section.get("exclude") or ())}
        for user in self.marks(depth).missing(ids_in(self.store, self.here.depth(depth))):
            if user not in left_out:
                yield Waiting(user, tuple(self.directions))

    def marks(self, depth: int) -> Marks:
        """What the workers of the crawl left of a depth."""
        return Marks(self.store, WorkerKeys(self.here.folder, depth), self.keys.id)

    def budget_left(self, harvests: Sequence[OfHarvest]) -> float | None:
        """The dollars of the collection's budget that the crawl has left; None if it has no budget."""
        return None if self.budget is None else round(max(0.0, self.budget - spent(harvests)), 6)

    @property
    def budget(self) -> float | None:
        """The dollars of the collection's budget; None if it has none."""
        return budget({**self.tree}, setting=0)

    def approved(self, depth: int) -> float | None:
        """The dollars that were approved for a depth."""
        found = (self.state.get("approved") or {}).get(str(depth))
        return None if found is None else float(found)


def spent(harvests: Sequence[OfHarvest], depth: int | None = None) -> float:
    """The dollars billed so far, or for a depth."""
    each = (of.harvest.usd for of in harvests if depth is None or of.harvest.depth == depth)
    return round(sum(each), 6)


def current(store: Store, keys: CollectionKeys, tree: Tree) -> Crawl | None:
    """The crawl that a collection is at, or that of which it is a worker; None if there is none yet."""
    if parent := tree.get(WORKER_OF):
        keys = CollectionKeys(str(parent))
        tree = history.current(store, keys)
    started = crawl_state(tree).get("started")
    return Crawl(store, keys, tree, str(started), _harvested(tree)) if started else None


def latest(store: Store, keys: CollectionKeys, tree: Tree) -> Crawl | None:
    """The crawl that a collection is at, or else its last one."""
    found = current(store, keys, tree)
    last = ((tree.get("graph") or {}).get("last_crawl") or {}).get("started")
    return found or (Crawl(store, keys, tree, str(last), _harvested(tree)) if last else None)


def _harvested(tree: Tree) -> list[CollectionKeys]:
    return [CollectionKeys(each) for each in worker_ids(tree)]
