"""What X charges, from one dated file."""

import json
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from harvester.networks.budget import Billing, Prices

PRICES = Path(__file__).with_name("prices.json")


@cache
def prices() -> dict[str, Any]:
    """The price list: dollars for each post, user or request, with the day and the place it is from."""
    listed: dict[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))
    return listed


def price(endpoint: str, *, posts: int = 0, users: int = 0, requests: int = 0) -> float:
    """Dollars for what was returned; also for an estimate of what will be."""
    listed = prices()
    each = {**listed["each"], **listed["by_endpoint"].get(endpoint, {})}
    return float(posts * each["post"] + users * each["user"] + requests * each["request"])


def price_list() -> Prices:
    return Prices(prices()["date"], price)


def billing(budget: float | None = None, *, today: Callable[[], date] | None = None) -> Billing:
    """The running count of one client of X, which charges for a post once a UTC day."""
    return Billing(budget, prices=price_list(), **({"today": today} if today else {}))
