"""The crawl of a collection as a table of its depths: users, lists, edges, dollars, and what comes next."""

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from harvester.dashboard import tables
from harvester.dashboard.histories import History
from harvester.dashboard.tables import Column, Table
from harvester.documents import HarvestSummary, Tree
from harvester.errors import HarvesterError
from harvester.graph import crawls
from harvester.graph.approval import Next
from harvester.graph.status import CrawlStatus, DepthStatus, status, what_follows
from harvester.harvest import catalog
from harvester.harvest.summary import users_left
from harvester.store import Store
from harvester.store.keys import CollectionKeys

_COLUMNS = (
    Column("depth", "Depth", tables.NUMBER),
    Column("state", "State", tables.STATE),
    Column("users", "Users", tables.NUMBER),
    Column("left", "Left", tables.NUMBER),
    Column("done", "Lists read", tables.NUMBER),
    Column("cut", "Of these cut", tables.NUMBER),
    Column("unavailable", "Unavailable", tables.NUMBER),
    Column("failed", "Failed", tables.NUMBER),
    Column("edges", "Edges", tables.NUMBER),
    Column("at_most", "Costs at most", tables.DOLLARS),
    Column("approved", "Approved", tables.DOLLARS),
    Column("billed", "Billed", tables.DOLLARS),
)


def table(store: Store, keys: CollectionKeys, tree: Tree, history: History) -> Table:
    """The crawl that a collection is at, or its last one; with a note on what to do next."""
    try:
        crawl = crawls.latest(store, keys, tree)
        if crawl is None:
            return Table(_COLUMNS, empty=f"No crawl yet. `collection once {keys.id}` begins one.")
        with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as scratch:
            found = status(crawl, Path(scratch))
        # Workers have harvests of their own.
        others = [each for of in crawl.harvested if of.id != keys.id for each in catalog.all_of(store, of)]
    except HarvesterError as error:
        return Table(_COLUMNS, empty=" ".join(filter(None, (error.message, error.hint))))
    harvests = [*history.harvests, *others]
    rows = [_row(each, _counts(harvests, found.started, each.depth), found) for each in found.depths]
    return Table(_COLUMNS, rows, summary=_summary(found), note=_note(found))


def _counts(harvests: Iterable[HarvestSummary], started: str, depth: int) -> Counter[str]:
    """What the harvests of one depth have counted."""
    counts: Counter[str] = Counter()
    for summary in harvests:
        crawl = summary.get("crawl") or {}
        if (crawl.get("started"), crawl.get("depth")) == (started, depth):
            counts.update(summary.get("counts") or {})
    return counts


def _row(each: DepthStatus, counts: Counter[str], found: CrawlStatus) -> Tree:
    is_next = found.is_current and each.depth == found.following.depth
    return {
        "depth": each.depth,
        "state": found.following.step if is_next and each.state != "closed" else each.state,
        "users": each.users,
        "left": users_left({"users": each.users}, counts) if counts else None,
        "done": counts["users_done"] if counts else None,
        "cut": counts["lists_cut"],
        "unavailable": counts["users_unavailable"],
        "failed": counts["users_failed"],
        "edges": counts["edges"],
        "at_most": each.bill.at_most if each.bill else None,
        "approved": each.approved,
        "billed": each.billed,
    }


def _summary(found: CrawlStatus) -> str:
    left = "" if found.budget_left is None else f", ${found.budget_left:,.2f} of the budget left"
    over = "" if found.is_current else "; it is over"
    return f"The crawl of {found.started[:19]}: ${found.billed:,.2f} billed{left}{over}."


def _note(found: CrawlStatus) -> str:
    following: Next = found.following
    if not found.is_current or not following.why:
        return ""
    return f"{what_follows(following)} {following.hint}".strip()
