"""How a crawl stands: its depths with their users and bills, what was billed, and what comes next."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harvester.graph.approval import OVER, SPENT, Next, next_step
from harvester.graph.bills import Bill, Reach, bill_of, reach
from harvester.graph.close import stored_lines
from harvester.graph.crawls import Crawl, OfHarvest, spent
from harvester.networks.crawl import WITHOUT_LIST, without_lists
from harvester.networks.registry import network_of

KNOWN, COLLECTING, CLOSED = "known", "collecting", "closed"


@dataclass(frozen=True)
class DepthStatus:
    """One depth. `bill` is None of the seeds, whose lists are estimated before the crawl."""

    depth: int
    state: str
    users: int
    billed: float
    bill: Bill | None = None
    approved: float | None = None
    # How many of its users have no list, by why, as in counts of harvest.json.
    without: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CrawlStatus:
    """The crawl, and of the depth to be approved how far the budget goes.

    Of a depth that is begun, `users_left` have lists that are still to be read.
    """

    started: str
    is_current: bool
    depths: list[DepthStatus]
    billed: float
    budget_left: float | None
    following: Next
    reach: Reach | None = None
    users_left: int | None = None


def status(crawl: Crawl, scratch: Path) -> CrawlStatus:
    following = next_step(crawl, scratch)
    depths, harvests = crawl.depths(), crawl.harvests()
    left = crawl.budget_left(harvests)
    found = [_depth_status(crawl, harvests, depth, closed=depth + 1 in depths) for depth in depths]
    made = CrawlStatus(crawl.started, bool(crawl.state), found, spent(harvests), left, following)
    last = depths[-1] if depths else 0
    if left is None or not 0 < last <= crawl.max_depth:
        return made
    begun = found[-1].state == COLLECTING
    waiting = {each.user.encode() for each in crawl.waiting(last, scratch)} if begun else None
    users_left = None if waiting is None else len(waiting)
    return replace(made, reach=_reach(crawl, last, left, waiting), users_left=users_left)


def _depth_status(crawl: Crawl, harvests: Sequence[OfHarvest], depth: int, *, closed: bool) -> DepthStatus:
    begun = any(of.harvest.depth == depth for of in harvests)
    state = CLOSED if closed else COLLECTING if begun else KNOWN
    figures = crawl.figures(depth)
    bill = bill_of(figures) if figures else None
    users = bill.users if bill else sum(1 for _ in stored_lines(crawl.store, crawl.here.depth(depth)))
    without, billed = _without_lists(harvests, depth), spent(harvests, depth)
    return DepthStatus(depth, state, users, billed, bill, crawl.approved(depth), without)


def _without_lists(harvests: Sequence[OfHarvest], depth: int) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for of in harvests:
        if of.harvest.depth == depth:
            counts.update(of.harvest.counts)
    return {name: counts[name] for why in WITHOUT_LIST if counts[name := f"users_{why}"]}


def _reach(crawl: Crawl, depth: int, left: float, waiting: set[bytes] | None) -> Reach:
    """How far the budget goes at a depth, of which only those who wait are left."""
    lists = network_of(crawl.tree).lists

    def cost(accounts: int) -> float:
        return max(lists.cost(direction, accounts) for direction in crawl.directions)

    order = stored_lines(crawl.store, crawl.here.order(depth))
    if waiting is not None:
        order = (line for line in order if line.partition(b"\t")[0] in waiting)
    return reach(order, left, cost)


def as_tree(found: CrawlStatus) -> dict[str, Any]:
    """The same for programs."""
    return {
        "started": found.started,
        "is_over": not found.is_current,
        "billed_usd": found.billed,
        "budget_left_usd": found.budget_left,
        "depths": list(map(_of_depth, found.depths)),
        "next": {"step": found.following.step, "depth": found.following.depth, "why": found.following.why},
        "at_the_budget": {"users": found.reach.users, "usd": round(found.reach.usd, 2)}
        if found.reach
        else None,
    }


def _of_depth(each: DepthStatus) -> dict[str, Any]:
    bill = each.bill
    return {
        "depth": each.depth,
        "state": each.state,
        "users": each.users,
        "usd_at_most": bill.at_most if bill else None,
        "usd_less_overlap": bill.less_overlap if bill else None,
        "known_share": bill.known_share if bill else None,
        "uncounted": bill.uncounted if bill else 0,
        "approved_usd": each.approved,
        "billed_usd": each.billed,
        "without_list": {name.removeprefix("users_"): number for name, number in each.without.items()},
    }


def _of_users(found: CrawlStatus, bill: Bill) -> str:
    return (
        f"{bill.users:,} users" if found.users_left is None else f"{found.users_left:,} users that are left"
    )


def what_follows(following: Next) -> str:
    """What comes next, in one line."""
    if following.step == OVER:
        return f"Next: nothing; the crawl is over at depth {following.depth}."
    if following.step == SPENT:
        return f"Next: nothing, as {following.why}."
    why = f": {following.why}" if following.why else ""
    return f"Next: {following.step}, depth {following.depth}{why}."


def lines(found: CrawlStatus) -> Iterator[str]:
    """Who has no list, and the three lines of the bill of the depth that is to be collected."""
    for each in found.depths:
        if words := without_lists(each.without):
            yield f"Depth {each.depth}: {words}."
    bill = next((each.bill for each in found.depths if each.depth == found.following.depth), None)
    if bill is None or not found.is_current:
        return
    yield f"Depth {bill.depth}, at most: ${bill.at_most:,.2f}, all lists of {bill.users:,} users."
    yield (
        f"Less overlap: ${bill.less_overlap:,.2f}, if {bill.known_share:.0%} of the accounts are repeats, "
        f"as at depth {bill.depth - 1}: a repeat on the same day (UTC) is free."
    )
    if found.reach is not None and found.budget_left is not None:
        yield (
            f"At the budget: ${found.budget_left:,.2f} are left, for the lists of {found.reach.users:,} of "
            f"{_of_users(found, bill)}, in the order of graph.by."
        )
    if bill.uncounted:
        yield f"Not counted: {bill.uncounted:,} users whose profiles give no number."
