"""The last depth of a crawl is made again: after its selection was changed, or lists that failed are retried.

Nothing that was paid for is lost: a depth whose lists were begun stays as it is.
"""

import itertools
from collections.abc import Callable, Collection
from pathlib import Path

from harvester.clock import timestamp
from harvester.collection import history
from harvester.collection.begun_crawl import BEGUN
from harvester.collection.workers import start_command
from harvester.documents import Tree
from harvester.documents.lists import ListEnd, list_ends
from harvester.errors import Exit, HarvesterError
from harvester.graph.close import close
from harvester.graph.closing import Tell
from harvester.graph.crawls import Crawl, OfHarvest
from harvester.harvest.stored_lists import StoredLists
from harvester.networks.crawl import FAILED


def reselect(crawl: Crawl, scratch: Path, *, dry_run: bool, tell: Tell) -> Tree:
    """Make the last depth anew from the stored pages, by the selection of today; its figures.

    It costs nothing. An approval of the depth is withdrawn, as its bill is another one.
    """
    depth = remakeable(crawl)
    if not dry_run:
        _reopen(crawl, depth, lambda state: {**state, "approved": _without(state.get("approved"), depth)})
    figures = close(crawl, depth - 1, scratch, tell=tell, dry_run=dry_run)
    if not dry_run and crawl.is_over(crawl.depths()):
        from harvester.graph.ending import note_end

        note_end(crawl, depth - 1)
    return figures


def remakeable(crawl: Crawl) -> int:
    """The last depth; raises if it cannot be made anew."""
    _require_finished(crawl)
    depths = crawl.depths()
    depth = depths[-1] if depths else 0
    if depth < 1:
        raise _refused(
            f"No depth of {crawl.keys.id} is closed yet, so nothing was selected.",
            "Harvest the lists of its seeds to their end first: `collection once`.",
        )
    if any(of.harvest.depth == depth for of in crawl.harvests()):
        raise _refused(
            f"Depth {depth} of {crawl.keys.id} is begun: its lists are being paid for as they were selected.",
            "Harvest it to its end, then select the depth after it.",
        )
    return depth


def _require_finished(crawl: Crawl) -> None:
    """Raise if a harvest did not end: not all of its lists are known, and it may be of the last depth."""
    if left := crawl.unfinished():
        raise HarvesterError(
            f"A harvest of {left[0].id} did not end, and what it left is not stored yet.",
            hint=f"The next one finishes it: `{start_command(crawl.tree)}`.",
            exit_code=Exit.RETRY_LATER,
        )


def failed(crawl: Crawl, scratch: Path) -> tuple[int, list[ListEnd]]:
    """The depth whose lists may be retried, and those of them that failed last, or that were lost."""
    _require_finished(crawl)
    depths, harvests = crawl.depths(), crawl.harvests()
    depth = depths[-1] if depths else 0
    if depth and not any(of.harvest.depth == depth for of in harvests):
        depth -= 1
    last: dict[tuple[str, str], ListEnd] = {}
    for of in harvests:
        for end in _ends(crawl, of, scratch):
            if end.depth == depth:
                last[end.user, end.direction] = end
    found = [end for end in last.values() if end.outcome == FAILED]
    return depth, found + (_lost(crawl, depth, last.keys()) if crawl.harvested else [])


def retry(crawl: Crawl, scratch: Path, *, dry_run: bool) -> tuple[int, list[ListEnd]]:
    """Have the next harvest read the failed lists again; their depth, and the lists.

    After a crash in between it is done again. What names the lists goes last.
    """
    depth, found = failed(crawl, scratch)
    if not found or dry_run:
        return depth, found
    now = timestamp(crawl.store.now())
    _reopen(crawl, depth + 1, lambda state: {**state, "retry": now})
    if crawl.harvested:
        # Of two lists the one that ended last may be complete, so that no marker says that one failed.
        crawl.marks(depth).retry(sorted({end.user for end in found}))
    return depth, found


def _lost(crawl: Crawl, depth: int, stored: Collection[tuple[str, str]]) -> list[ListEnd]:
    """The lists without a line of users that are done: workers died at them, or a checkpoint was removed."""
    marks = crawl.marks(depth)
    # A retry that died has removed the first marker of some that failed, and not the second.
    users = sorted({*marks.done(), *marks.failed()})
    lists = itertools.product(users, crawl.directions)
    return [ListEnd(*each, depth, FAILED) for each in lists if each not in stored]


def _ends(crawl: Crawl, of: OfHarvest, scratch: Path) -> list[ListEnd]:
    return list(list_ends(StoredLists(crawl.store, of.keys, scratch).lines(of.harvest.timestamp)))


def _reopen(crawl: Crawl, depth: int, change: Callable[[Tree], Tree]) -> None:
    """Remove a depth that is not begun, after the collection is at this crawl again."""

    def edit(tree: Tree) -> Tree:
        section = tree.get("graph") or {}
        last = section.get("last_crawl") or {}
        begun = {BEGUN: last[BEGUN]} if BEGUN in last and last.get("started") == crawl.started else {}
        state = section.get("crawl") or {"started": crawl.started, "depth": depth - 1, **begun}
        if state.get("started") != crawl.started:
            raise _refused(
                f"Another crawl of {crawl.keys.id} has begun meanwhile.",
                f"See `graph status {crawl.keys.id}`.",
            )
        return {**tree, "graph": {**section, "crawl": change(state)}}

    history.edit(crawl.store, crawl.keys, edit, note=f"Depth {depth} is made anew.")
    # Until it is written again, the depth before it is not closed.
    crawl.store.remove(crawl.here.depth(depth))


def _without(approved: object, depth: int) -> Tree:
    return (
        {key: usd for key, usd in approved.items() if key != str(depth)} if isinstance(approved, dict) else {}
    )


def _refused(message: str, hint: str) -> HarvesterError:
    return HarvesterError(message, hint=hint, exit_code=Exit.USAGE)
