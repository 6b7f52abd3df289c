"""What X will charge for is counted as it arrives, and priced from one dated file."""

import json
import threading
from functools import cache
from pathlib import Path
from typing import Any

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


class Billing:
    """The running count of one client; many threads add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, int]] = {}

    def add(self, endpoint: str, *, posts: int = 0, users: int = 0, requests: int = 1) -> None:
        with self._lock:
            counts = self._counts.setdefault(endpoint, {"posts": 0, "users": 0, "requests": 0})
            counts["posts"] += posts
            counts["users"] += users
            counts["requests"] += requests

    def snapshot(self) -> dict[str, Any]:
        """Totals, the same by endpoint, dollars, and the day of the prices."""
        with self._lock:
            by_endpoint = {endpoint: dict(counts) for endpoint, counts in sorted(self._counts.items())}
        totals = {
            name: sum(counts[name] for counts in by_endpoint.values())
            for name in ("posts", "users", "requests")
        }
        usd = sum(price(endpoint, **counts) for endpoint, counts in by_endpoint.items())
        return {**totals, "by_endpoint": by_endpoint, "usd": round(usd, 4), "prices_of": prices()["date"]}
