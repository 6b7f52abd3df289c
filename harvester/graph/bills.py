"""What a depth will cost, as three figures: at most, less overlap, and how far the budget goes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil, floor

from harvester.documents import Tree


@dataclass(frozen=True)
class Bill:
    """The dollars of a depth's lists, by what is stored before it is collected.

    `at_most` holds for lists as long as the profiles said when they were read; `less_overlap` assumes that as
    large a share of the accounts comes again as one depth before, which the network charges once a day.
    `uncounted` users do not say how long their lists are, and are in neither.
    """

    depth: int
    users: int
    at_most: float
    less_overlap: float
    known_share: float
    uncounted: int = 0


@dataclass(frozen=True)
class Reach:
    """How far an amount of dollars goes in the order of the visits, at the prices of `at_most`."""

    usd: float
    users: int
    # Whether the list of one user more is begun.
    is_cut: bool


def bill_of(figures: Tree) -> Bill:
    return Bill(
        int(figures["depth"]),
        int(figures["users"]),
        float(figures["usd_at_most"]),
        float(figures["usd_less_overlap"]),
        float(figures["known_share"]),
        int(figures["uncounted"]),
    )


def worth_approving(
    *, spent: float, rest: float, least: float, approved: float = 0.0, left: float | None = None
) -> float | None:
    """Dollars in whole cents to approve for a depth: for what is `spent`, and the `rest` if that is known.

    It is no more than the budget has `left`, and pays for a request of `least` dollars beyond what is spent
    and `approved`; None if nothing does both.
    """
    before = max(spent, approved)
    cents = ceil(round(100 * max(spent + rest, before + least), 4))
    if left is not None:
        cents = min(cents, floor(round(100 * (spent + left), 4)))
    return cents / 100 if round(cents / 100 - before, 6) >= least else None


def reach(order: Iterable[bytes], usd: float, cost: Callable[[int], float]) -> Reach:
    """How far the dollars go; `order` has the lines of the file of that name."""
    accounts = users = 0
    for line in order:
        its = line.partition(b"\t")[2].partition(b"\t")[0]
        # After a list of unknown length, the cost is unknown.
        if not its or cost(accounts + int(its)) > usd:
            return Reach(cost(accounts), users, cost(accounts + 1) <= usd)
        accounts += int(its)
        users += 1
    return Reach(cost(accounts), users, False)
