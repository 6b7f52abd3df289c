"""Counts what a network bills, at its prices, and keeps it below a budget."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


class Billing:
    """The running count of one client, and what it may come to; many threads add to it.

    `budget` is in dollars; without one there is no limit. Without `prices` all is free.
    """

    def __init__(self, budget: float | None = None, *, prices: Prices | None = None) -> None:
        self.budget = budget
        # Where the budget is what other harvests left of it.
        self.limit: Limit | None = None
        self._prices = prices
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._reserved = 0.0
        self._counts: dict[str, dict[str, int]] = {}

    @contextmanager
    def reserve(self, endpoint: str, *, stop: Stop, **at_most: int) -> Iterator[None]:
        """Reserve what a request may cost while it adds what it does cost; waits while others may leave some.

        Raises BudgetReached before the request, so that the budget is never exceeded by it.
        """
        most = self._price(endpoint, **at_most)
        with self._settled:
            while not self._allows(self._reserved + most):
                if not self._reserved:
                    raise self._reached(most)
                if stop.requested:
                    raise Stopped
                self._settled.wait(_LOOK)
            self._reserved += most
        try:
            yield
        finally:
            self._settle(most)

    @contextmanager
    def reserve_users(self, endpoint: str, *, stop: Stop, most: int) -> Iterator[int]:
        """As `reserve`, for as many accounts as the money left pays for, and `most` of them at most."""
        each = self._price(endpoint, users=1)
        with self._settled:
            while not (users := self._affordable(each, most)):
                if not self._reserved:
                    raise self._reached(each)
                if stop.requested:
                    raise Stopped
                self._settled.wait(_LOOK)
            self._reserved = round(self._reserved + users * each, _DIGITS)
        try:
            yield users
        finally:
            self._settle(users * each)

    def _affordable(self, each: float, most: int) -> int:
        if self.budget is None or not each:
            return most
        left = round(self.budget - self._spent() - self._reserved, _DIGITS)
        # In whole units of that, as 3.00 / 0.01 is no whole number.
        return max(0, min(most, round(left * _UNITS) // round(each * _UNITS)))

    def _settle(self, reserved: float) -> None:
        with self._settled:
            self._reserved = round(self._reserved - reserved, _DIGITS)
            self._settled.notify_all()

    def require_left(self, most: float) -> None:
        """Raise BudgetReached unless so much may still be spent: of a stream, which costs as it comes."""
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
        return sum(self._price(endpoint, **counts) for endpoint, counts in self._counts.items())

    def _price(self, endpoint: str, **counts: int) -> float:
        return self._prices.price(endpoint, **counts) if self._prices else 0.0

    def add(self, endpoint: str, *, posts: int = 0, users: int = 0, requests: int = 1) -> None:
        with self._lock:
            counts = self._counts.setdefault(endpoint, {"posts": 0, "users": 0, "requests": 0})
            counts["posts"] += posts
            counts["users"] += users
            counts["requests"] += requests

    def go_on_from(self, before: "Billing") -> None:
        """Count what another client of the same harvest was billed, too."""
        for endpoint, counts in before.snapshot()["by_endpoint"].items():
            self.add(endpoint, **counts)

    def snapshot(self) -> dict[str, Any]:
        """Totals, the same by endpoint, dollars, and the day of the prices."""
        with self._lock:
            by_endpoint = {endpoint: dict(counts) for endpoint, counts in sorted(self._counts.items())}
            usd = self._spent()
        totals = {
            name: sum(counts[name] for counts in by_endpoint.values())
            for name in ("posts", "users", "requests")
        }
        dated = {"prices_as_of": self._prices.date} if self._prices else {}
        return {**totals, "by_endpoint": by_endpoint, "usd": round(usd, 4), **dated}
