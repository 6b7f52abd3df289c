"""What X will charge for is counted as it arrives, priced from one dated file, and kept below a budget."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from harvester.clock import Stop
from harvester.errors import Exit, HarvesterError
from harvester.networks.x.errors import Stopped

PRICES = Path(__file__).with_name("prices.json")


@cache
def prices() -> dict[str, Any]:
    """The price list: dollars for each post, user or request, with the day and the place it is from."""
    return json.loads(PRICES.read_text(encoding="utf-8"))


def price(endpoint: str, *, posts: int = 0, users: int = 0, requests: int = 0) -> float:
    """Dollars for what was returned; also for an estimate of what will be."""
    listed = prices()
    each = {**listed["each"], **listed["by_endpoint"].get(endpoint, {})}
    return posts * each["post"] + users * each["user"] + requests * each["request"]


# Sums of prices are exact to so many.
_DIGITS = 6
# Others may need less than was kept for them; how often that is looked for while they say nothing.
_LOOK = 0.5


class BudgetReached(HarvesterError):
    """Asking on might cost more than was allowed."""


class Billing:
    """The running count of one client, and what it may come to; many threads add to it.

    `budget` is in dollars; without one there is no limit.
    """

    def __init__(self, budget: float | None = None) -> None:
        self.budget = budget
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._kept = 0.0
        self._counts: dict[str, dict[str, int]] = {}

    @contextmanager
    def kept_for(self, endpoint: str, *, stop: Stop, **at_most: int) -> Iterator[None]:
        """Keep what a request may cost while it adds what it does cost; waits while others may leave some.

        Raises BudgetReached before the request, so that the budget is never exceeded by it.
        """
        most = price(endpoint, **at_most)
        with self._settled:
            while not self._allows(self._kept + most):
                if not self._kept:
                    raise self._reached(most)
                if stop.requested:
                    raise Stopped
                self._settled.wait(_LOOK)
            self._kept += most
        try:
            yield
        finally:
            with self._settled:
                self._kept = round(self._kept - most, _DIGITS)
                self._settled.notify_all()

    def require_left(self, most: float) -> None:
        """Raise BudgetReached unless so much may still be spent: of a stream, which costs as it comes."""
        with self._lock:
            if not self._allows(most):
                raise self._reached(most)

    def _allows(self, more: float) -> bool:
        return self.budget is None or round(self._spent() + more, _DIGITS) <= self.budget

    def _reached(self, most: float) -> BudgetReached:
        return BudgetReached(
            f"The budget of ${self.budget:,.2f} is used up: ${self._spent():,.2f} are billed, "
            f"and what comes next may cost ${most:,.2f}.",
            hint="The next harvest goes on from there; `budget_usd` sets what each may cost.",
            exit_code=Exit.RETRY_LATER,
        )

    def _spent(self) -> float:
        return sum(price(endpoint, **counts) for endpoint, counts in self._counts.items())

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
        return {**totals, "by_endpoint": by_endpoint, "usd": round(usd, 4), "prices_of": prices()["date"]}
