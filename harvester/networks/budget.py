"""Counts what a network bills, at its prices, and keeps it below a budget."""

import threading
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from harvester.clock import Stop, Stopped
from harvester.errors import Exit, HarvesterError
from harvester.text import in_dollars


class Price(Protocol):
    """Dollars for what an endpoint returned."""

    def __call__(self, endpoint: str, *, posts: int = 0, users: int = 0, requests: int = 0) -> float: ...


# Decimal places to which sums of prices are exact.
_DIGITS = 6
_UNITS = 1_000_000
# Others may need less than is reserved for them; how often that is looked for while they say nothing.
_LOOK = 0.5
_COUNTED = ("posts", "users", "requests")


_OF_EACH = "The next harvest continues from there; `budget_usd` limits the cost of each harvest."


class BudgetReached(HarvesterError):
    """Asking on might cost more than was allowed."""


@dataclass(frozen=True)
class Prices:
    """A price list and its day."""

    date: str
    price: Price


@dataclass(frozen=True)
class Limit:
    """Dollars that were allowed for more than one harvest: what they are for, how many are spent by others.

    `hint` says what to do once they are spent.
    """

    of: str
    usd: float
    before: float
    hint: str

    @property
    def left(self) -> float:
        return round(self.usd - self.before, _DIGITS)


class Request:
    """What one request may cost, whose answers may be lost on the way: the network may charge for these, too.

    `users` is how many accounts it may ask for. The network charges for a post or an account once a day, so
    that an answer costs no more for those that were lost on its day. Used by one thread.
    """

    def __init__(self, billing: "Billing", endpoint: str, *, posts: int, users: int) -> None:
        self.users = users
        self._billing, self._endpoint = billing, endpoint
        self._most = {"posts": posts, "users": users}
        self._sent_on = billing.today()
        self._lost_on: list[date] = []
        self.reserved = self._at_most(days=1)

    def require(self) -> None:
        """Reserve what the next attempt may cost beyond the lost ones, or raise BudgetReached.

        Others are not waited for, as they may wait for this one.
        """
        self._sent_on = self._billing.today()
        most = self._at_most(days=len({*self._lost_on, self._sent_on}))
        if most > self.reserved:
            self._billing.take_more(most - self.reserved)
            self.reserved = most

    def lost(self) -> None:
        """The network may have answered the last attempt, and no whole answer came."""
        self._lost_on.append(self._sent_on)

    def came(self, *, posts: int = 0, users: int = 0) -> None:
        """The answer came, with what is counted now: as of the day on which it was asked for."""
        self._billing.add(self._endpoint, posts=posts, users=users)
        self._settle({"posts": posts, "users": users}, days={*self._lost_on} - {self._sent_on})

    def over(self) -> None:
        """No more is asked: unless an answer came, the lost ones may have held as much as was asked for."""
        self._settle(self._most, days={*self._lost_on})

    def _settle(self, each: Mapping[str, int], *, days: Set[date]) -> None:
        if self._lost_on:
            more = {name: count * len(days) for name, count in each.items()}
            self._billing.add_unanswered(self._endpoint, requests=len(self._lost_on), **more)
            self._lost_on.clear()
        self._billing.give_back(self.reserved)
        self.reserved = 0.0

    def _at_most(self, *, days: int) -> float:
        most = {name: count * days for name, count in self._most.items()}
        return self._billing.price(self._endpoint, requests=len(self._lost_on) + 1, **most)


def _any_day() -> date:
    return date.min


class Billing:
    """The running count of one client, and what it may come to; many threads add to it.

    `budget` is in dollars; without one there is no limit. Without `prices` all is free. `today` is the
    network's day, on which it charges for a post once.
    """

    def __init__(
        self,
        budget: float | None = None,
        *,
        prices: Prices | None = None,
        today: Callable[[], date] = _any_day,
    ) -> None:
        self.budget, self.today = budget, today
        # Where the budget is what other harvests left of it.
        self.limit: Limit | None = None
        self._prices = prices
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._reserved = 0.0
        self._counts: dict[str, dict[str, int]] = {}
        self._unanswered: dict[str, dict[str, int]] = {}

    @contextmanager
    def reserve(self, endpoint: str, *, stop: Stop, posts: int = 0, users: int = 0) -> Iterator[Request]:
        """Reserve what a request may cost while it adds what it does cost; waits while others may leave some.

        Raises BudgetReached before the request, so that the budget is never exceeded by it.
        """
        request = Request(self, endpoint, posts=posts, users=users)
        with self._settled:
            while not self._allows(self._reserved + request.reserved):
                self._await_others(request.reserved, stop)
            self._reserved = round(self._reserved + request.reserved, _DIGITS)
        try:
            yield request
        finally:
            request.over()

    @contextmanager
    def reserve_users(self, endpoint: str, *, stop: Stop, most: int) -> Iterator[Request]:
        """As `reserve`, for as many accounts as the money left pays for, and `most` of them at most."""
        each = self.price(endpoint, users=1)
        with self._settled:
            while not (users := self._affordable(each, most)):
                self._await_others(each, stop)
            request = Request(self, endpoint, posts=0, users=users)
            self._reserved = round(self._reserved + request.reserved, _DIGITS)
        try:
            yield request
        finally:
            request.over()

    def take_more(self, more: float) -> None:
        """Reserve this many dollars more, or raise BudgetReached at once."""
        with self._lock:
            if not self._allows(self._reserved + more):
                raise self._reached(more)
            self._reserved = round(self._reserved + more, _DIGITS)

    def _await_others(self, most: float, stop: Stop) -> None:
        if not self._reserved:
            raise self._reached(most)
        if stop.requested:
            raise Stopped
        self._settled.wait(_LOOK)

    def _affordable(self, each: float, most: int) -> int:
        if self.budget is None or not each:
            return most
        left = round(self.budget - self._spent() - self._reserved, _DIGITS)
        # In whole units of that, as 3.00 / 0.01 is no whole number.
        return max(0, min(most, round(left * _UNITS) // round(each * _UNITS)))

    def give_back(self, reserved: float) -> None:
        """A request is over: what was reserved for it and not spent is there for others."""
        with self._settled:
            self._reserved = round(self._reserved - reserved, _DIGITS)
            self._settled.notify_all()

    def require_left(self, most: float) -> None:
        """Raise BudgetReached unless this may still be spent; a stream costs as it arrives."""
        with self._lock:
            if not self._allows(most):
                raise self._reached(most)

    def _allows(self, more: float) -> bool:
        return self.budget is None or round(self._spent() + more, _DIGITS) <= self.budget

    def _reached(self, most: float) -> BudgetReached:
        of = self.limit or Limit("The budget", self.budget or 0.0, 0.0, _OF_EACH)
        billed = in_dollars(of.before + self._spent())
        return BudgetReached(
            f"{of.of} of {in_dollars(of.usd)} is used up: {billed} are billed, "
            f"and what comes next may cost {in_dollars(most)}.",
            hint=of.hint,
            exit_code=Exit.RETRY_LATER,
        )

    def _spent(self) -> float:
        return self._sum(self._counts) + self._sum(self._unanswered)

    def _sum(self, by_endpoint: Mapping[str, Mapping[str, int]]) -> float:
        return sum(self.price(endpoint, **counts) for endpoint, counts in by_endpoint.items())

    def price(self, endpoint: str, **counts: int) -> float:
        return self._prices.price(endpoint, **counts) if self._prices else 0.0

    def add(self, endpoint: str, *, posts: int = 0, users: int = 0, requests: int = 1) -> None:
        self._add(self._counts, endpoint, posts=posts, users=users, requests=requests)

    def add_unanswered(self, endpoint: str, *, posts: int, users: int, requests: int) -> None:
        """Count answers of which none came whole, with what they may have held."""
        self._add(self._unanswered, endpoint, posts=posts, users=users, requests=requests)

    def _add(self, to: dict[str, dict[str, int]], endpoint: str, **more: int) -> None:
        with self._lock:
            counts = to.setdefault(endpoint, dict.fromkeys(_COUNTED, 0))
            for name, count in more.items():
                counts[name] += count

    def go_on_from(self, before: "Billing") -> None:
        """Count what another client of the same harvest was billed, too."""
        told = before.snapshot()
        for endpoint, counts in told["by_endpoint"].items():
            self.add(endpoint, **counts)
        for endpoint, counts in told.get("unanswered", {}).get("by_endpoint", {}).items():
            self.add_unanswered(endpoint, **counts)

    def snapshot(self) -> dict[str, Any]:
        """Totals, the same by endpoint, dollars, and the day of the prices.

        The dollars include those of `unanswered`, which is there if answers did not come whole.
        """
        with self._lock:
            came, lost = _totals(self._counts), _totals(self._unanswered)
            usd, unanswered = self._spent(), self._sum(self._unanswered)
        dated = {"prices_as_of": self._prices.date} if self._prices else {}
        more = {"unanswered": {**lost, "usd": round(unanswered, 4)}} if lost["requests"] else {}
        return {**came, "usd": round(usd, 4), **dated, **more}


def _totals(counted: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    by_endpoint = {endpoint: dict(counts) for endpoint, counts in sorted(counted.items())}
    totals = {name: sum(counts[name] for counts in by_endpoint.values()) for name in _COUNTED}
    return {**totals, "by_endpoint": by_endpoint}
