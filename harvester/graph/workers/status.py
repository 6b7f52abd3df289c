"""How far the workers of a crawl are, by what they left in the store."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from harvester.clock import moment
from harvester.documents import Collection, Tree
from harvester.graph.workers.marks import Marks
from harvester.harvest.crawl import depth_of
from harvester.harvest.depth_files import ids_in
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.store.worker_keys import WorkerKeys


@dataclass(frozen=True)
class DepthStatus:
    """The depth that is read: how many users it has, and what became of them."""

    depth: int
    users: int
    done: int
    failed: Mapping[str, str]
    # By worker, the users that it collects.
    in_hand: Mapping[str, int]

    def to_tree(self) -> Tree:
        counts = {"depth": self.depth, "users": self.users, "done": self.done}
        return {**counts, "failed": dict(self.failed), "in_hand": dict(self.in_hand)}


def depth_status(store: Store, tree: Collection) -> DepthStatus | None:
    """Of a collection with workers; None if no crawl is under way."""
    section = tree.get("graph") or {}
    if not (crawl := section.get("crawl")):
        return None
    here = CollectionKeys(tree["id"]).crawl(moment(crawl["started"]))
    depth = depth_of(store, here, section)
    marks = marks_of(store, tree, depth)
    return DepthStatus(
        depth,
        sum(1 for _ in ids_in(store, here.depth(depth))),
        sum(1 for _ in marks.done()),
        marks.failed(),
        Counter(claim.worker for claim in marks.claims().values()),
    )


def marks_of(store: Store, tree: Collection, depth: int) -> Marks:
    """What the workers of a collection left of a depth of the crawl that is under way."""
    here = CollectionKeys(tree["id"]).crawl(moment(tree["graph"]["crawl"]["started"]))
    return Marks(store, WorkerKeys(here.folder, depth), tree["id"])
