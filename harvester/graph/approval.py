"""What a crawl does next: it collects, or closes a depth, waits for a person to approve one, or is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harvester.collection import history
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.graph.bills import Bill, bill_of
from harvester.graph.crawls import Crawl, OfHarvest, spent
from harvester.graph.intact import require_intact
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import counted

_CENT = 0.01
COLLECT, CLOSE, WAIT, OVER = "collect", "close", "wait for approval", "over"


@dataclass(frozen=True)
class Next:
    """What comes next, and at which depth; of a wait, why, and what to do."""

    step: str
    depth: int
    why: str = ""
    hint: str = ""


def next_step(crawl: Crawl, scratch: Path) -> Next:
    """What comes next by what is stored; nothing is written. Raises where a file of accounts is damaged."""
    depths = crawl.depths()
    if not depths:
        return Next(COLLECT, 0)
    require_intact(crawl, depths)
    if crawl.is_over(depths):
        return Next(OVER, depths[-1] - 1)
    depth = depths[-1]
    if next(iter(crawl.waiting(depth, scratch)), None) is None:
        return Next(CLOSE, depth)
    return _collected(crawl, depth) if depth else Next(COLLECT, 0)


def _collected(crawl: Crawl, depth: int) -> Next:
    """Whether a depth may be collected."""
    if crawl.approved(depth) is not None:
        return Next(COLLECT, depth)
    harvests = crawl.harvests()
    bill, left = bill_of(crawl.figures(depth)), crawl.budget_left(harvests)
    # What was begun was allowed.
    if crawl.section.get("approve") == "within_budget":
        begun = any(of.harvest.depth == depth for of in harvests)
        if begun or (left is not None and bill.at_most <= left and not bill.uncounted):
            return Next(COLLECT, depth)
    return _waits(crawl, bill, left)


def _waits(crawl: Crawl, bill: Bill, left: float | None) -> Next:
    usd = bill.at_most if left is None else min(bill.at_most, left)
    of_budget = "" if left is None else f", and the budget has ${left:,.2f} left"
    why = f"depth {bill.depth} of {counted(bill.users, 'user')} costs at most ${bill.at_most:,.2f}{of_budget}"
    if bill.uncounted:
        why += f"; {counted(bill.uncounted, 'user')} may cost more, as their profiles give no number"
    if left is not None and left <= 0:
        return Next(WAIT, bill.depth, why, f"Raise budget_usd of {crawl.keys.id} to go on.")
    command = f"graph approve {crawl.keys.id} --depth {bill.depth} --usd {usd:.2f}"
    return Next(WAIT, bill.depth, why, f"Approve it with `{command}`, then harvest again.")


def left_over(crawl: Crawl, scratch: Path) -> str:
    """Of a depth whose money is spent: how many users are left, and how to go on."""
    depth, harvests = crawl.depths()[-1], crawl.harvests()
    users = sum(1 for _ in crawl.waiting(depth, scratch))
    left, approved = crawl.budget_left(harvests), crawl.approved(depth)
    said = (
        f"{crawl.keys.id}: {counted(users, 'user')} of depth {depth} {'is' if users == 1 else 'are'} left. "
    )
    rest = bill_of(crawl.figures(depth)).at_most - spent(harvests, depth) if depth else 0.0
    # The approval is what ended it if the budget has more.
    if approved is not None and (left is None or left > approved - spent(harvests, depth) + _CENT):
        usd = approved + (rest if left is None else min(rest, left))
        return said + f"`graph approve {crawl.keys.id} --depth {depth} --usd {usd:.2f}` approves the rest."
    return (
        said
        + f"Raise budget_usd of {crawl.keys.id} to go on"
        + (f": the rest costs at most ${rest:,.2f}." if depth else ".")
    )


def approve(store: Store, keys: CollectionKeys, crawl: Crawl | None, *, depth: int, usd: float) -> Tree:
    """Note in the collection what a depth may cost; the collection. Raises in words where it cannot be."""
    if crawl is None:
        raise _refused(
            f"{keys.id} is at no crawl: the next harvest begins one.", "Start it: `collection once`."
        )
    require_approvable(crawl, depth, usd, crawl.harvests())
    started = crawl.started

    def edit(tree: Tree) -> Tree:
        section = tree.get("graph") or {}
        state = section.get("crawl") or {}
        if state.get("started") != started:
            raise _refused(f"The crawl of {keys.id} has ended meanwhile.", f"See `graph status {keys.id}`.")
        approved = {**(state.get("approved") or {}), str(depth): usd}
        return {**tree, "graph": {**section, "crawl": {**state, "approved": approved}}}

    return history.edit(store, keys, edit, note=f"Approved depth {depth} for ${usd:,.2f}.")


def require_approvable(crawl: Crawl, depth: int, usd: float, harvests: Sequence[OfHarvest]) -> None:
    """Raise unless this approval would change what happens, and can be kept."""
    name, status = crawl.keys.id, f"`graph status {crawl.keys.id}` shows it."
    depths = crawl.depths()
    if depth < 1 or depth > crawl.max_depth:
        raise _refused(
            f"The crawl of {name} has no depth {depth} to approve: max_depth is {crawl.max_depth}.",
            "The lists of the seeds (depth 0) need no approval.",
        )
    if depth not in depths:
        raise _refused(
            f"Depth {depth} of {name} is not known yet: depth {depths[-1] if depths else 0} is not closed.",
            f"Harvest it to its end first; {status}",
        )
    if depth < depths[-1]:
        raise _refused(f"Depth {depth} of {name} is collected already.", status)
    if crawl.is_over(depths):
        raise _refused(f"The crawl of {name} is over: depth {depth} has no users.", status)
    before = crawl.approved(depth)
    if before is not None and usd <= before:
        raise _refused(
            f"Depth {depth} of {name} is already approved for ${before:,.2f}.",
            "Give more with --usd, or lower budget_usd to spend less.",
        )
    left = crawl.budget_left(harvests)
    at_depth = spent(harvests, depth)
    if left is not None and usd > round(left + at_depth, 6):
        raise _refused(
            f"${usd:,.2f} for depth {depth} of {name} is more than the budget has left: ${left:,.2f}.",
            "Approve less, or raise budget_usd.",
        )


def _refused(message: str, hint: str) -> HarvesterError:
    return HarvesterError(message, hint=hint, exit_code=Exit.USAGE)
