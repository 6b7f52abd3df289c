"""What a crawl does next: it collects, or closes a depth, waits for a person to approve one, or is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harvester.collection import history
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.graph.bills import Bill, bill_of, worth_approving
from harvester.graph.crawls import Crawl, OfHarvest, spent
from harvester.graph.intact import require_intact
from harvester.networks.registry import network_of
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import counted, in_dollars

COLLECT, CLOSE, WAIT, SPENT, OVER = "collect", "close", "wait for approval", "used up", "over"


@dataclass(frozen=True)
class Next:
    """What comes next, and at which depth; of a wait, and of money that is used up, why, and what to do."""

    step: str
    depth: int
    why: str = ""
    hint: str = ""


def next_step(crawl: Crawl, scratch: Path) -> Next:
    """What comes next by what is stored; nothing is written. Raises if a file of accounts is damaged."""
    depths = crawl.depths()
    if not depths:
        return Next(COLLECT, 0)
    require_intact(crawl, depths)
    depth = depths[-1]
    if not crawl.harvested and crawl.unfinished():
        # The next harvest finishes it first, also where no money is left: nothing is judged by its half.
        return Next(COLLECT, min(depth, crawl.max_depth))
    if crawl.is_over(depths):
        return Next(OVER, depth - 1)
    if next(iter(crawl.waiting(depth, scratch)), None) is None:
        return Next(CLOSE, depth)
    return _used_up(crawl, depth) or (_collected(crawl, depth) if depth else Next(COLLECT, 0))


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
    return _waits(crawl, bill, spent(harvests, depth), left)


def _waits(crawl: Crawl, bill: Bill, at_depth: float, left: float | None) -> Next:
    of_budget = "" if left is None else f", and the budget has {in_dollars(left)} left"
    most = in_dollars(bill.at_most)
    why = f"depth {bill.depth} of {counted(bill.users, 'user')} costs at most {most}{of_budget}"
    if bill.uncounted:
        why += f"; {counted(bill.uncounted, 'user')} may cost more, as their profiles give no number"
    rest = bill.at_most - at_depth
    usd = worth_approving(spent=at_depth, rest=rest, least=least_cost(crawl), left=left)
    if usd is None:
        return Next(WAIT, bill.depth, why, f"Raise budget_usd of {crawl.keys.id} to go on.")
    command = f"graph approve {crawl.keys.id} --depth {bill.depth} --usd {usd:.2f}"
    return Next(WAIT, bill.depth, why, f"Approve it with `{command}`, then harvest again.")


def left_over(crawl: Crawl, scratch: Path) -> str:
    """Of a depth whose money is spent: how many users are left, and how to continue."""
    depth, harvests = crawl.depths()[-1], crawl.harvests()
    users = sum(1 for _ in crawl.waiting(depth, scratch))
    left = f"{counted(users, 'user')} of depth {depth} {'is' if users == 1 else 'are'} left."
    return f"{crawl.keys.id}: {left} {_more(crawl, depth, harvests)}"


def _used_up(crawl: Crawl, depth: int) -> Next | None:
    """Where no request more would be within the budget, or within what was approved."""
    harvests, approved = crawl.harvests(), crawl.approved(depth)
    whole, least = crawl.budget, least_cost(crawl)
    of_all, at_depth = spent(harvests), spent(harvests, depth)
    if whole is not None and round(whole - of_all, 6) < least:
        why = f"the crawl's budget of {in_dollars(whole)} is used up: {in_dollars(of_all)} are billed"
    elif approved is not None and round(approved - at_depth, 6) < least:
        what = f"the approval of {in_dollars(approved)} for depth {depth}"
        why = f"{what} is used up: {in_dollars(at_depth)} are billed"
    else:
        return None
    return Next(SPENT, depth, why, _more(crawl, depth, harvests))


def least_cost(crawl: Crawl) -> float:
    """Dollars: no request costs less."""
    lists = network_of(crawl.tree).lists
    return min(lists.cost(direction, 1) for direction in crawl.directions)


def _more(crawl: Crawl, depth: int, harvests: Sequence[OfHarvest]) -> str:
    """How to allow what is left of a depth to be collected."""
    name, left, approved = crawl.keys.id, crawl.budget_left(harvests), crawl.approved(depth)
    at_depth = spent(harvests, depth)
    rest = bill_of(crawl.figures(depth)).at_most - at_depth if depth else 0.0
    if approved is not None:
        least = least_cost(crawl)
        usd = worth_approving(spent=at_depth, rest=rest, least=least, approved=approved, left=left)
        # Else it is the budget that ended it.
        if usd is not None:
            return f"`graph approve {name} --depth {depth} --usd {usd:.2f}` approves the rest."
    most = f": the rest costs at most {in_dollars(rest)}" if depth and rest > 0 else ""
    return f"Raise budget_usd of {name} to go on{most}."


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
    _require_open(crawl, depth)
    _require_larger(crawl, depth, usd)
    _require_affordable(crawl, depth, usd, harvests)


def _require_open(crawl: Crawl, depth: int) -> None:
    """Raise unless the depth is the one that is collected next."""
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


def _require_larger(crawl: Crawl, depth: int, usd: float) -> None:
    before = crawl.approved(depth)
    if before is not None and usd <= before:
        raise _refused(
            f"Depth {depth} of {crawl.keys.id} is already approved for ${before:,.2f}.",
            "Give more with --usd, or lower budget_usd to spend less.",
        )


def _require_affordable(crawl: Crawl, depth: int, usd: float, harvests: Sequence[OfHarvest]) -> None:
    left = crawl.budget_left(harvests)
    if left is not None and usd > round(left + spent(harvests, depth), 6):
        raise _refused(
            f"${usd:,.2f} for depth {depth} of {crawl.keys.id} is more than the budget has left: "
            f"${left:,.2f}.",
            "Approve less, or raise budget_usd.",
        )


def _refused(message: str, hint: str) -> HarvesterError:
    return HarvesterError(message, hint=hint, exit_code=Exit.USAGE)
