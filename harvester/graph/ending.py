"""The end of a crawl is noted in its collection, so that the next harvest begins another."""

from harvester.clock import timestamp
from harvester.collection import history
from harvester.collection.begun_crawl import BEGUN
from harvester.documents import Tree
from harvester.graph.crawls import Crawl


def note_end(crawl: Crawl, depth: int) -> None:
    """Note the end of a crawl whose last depth was this; again, it changes nothing."""

    def edit(tree: Tree) -> Tree:
        section = tree.get("graph") or {}
        state = section.get("crawl") or {}
        if state.get("started") != crawl.started:
            return tree
        last = {"started": crawl.started, "depth": depth, "ended": timestamp(crawl.store.now())}
        if BEGUN in state:
            last[BEGUN] = state[BEGUN]
        return {**tree, "graph": {**section, "crawl": None, "last_crawl": last}}

    history.edit(crawl.store, crawl.keys, edit, note="The crawl is over.")
