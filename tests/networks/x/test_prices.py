"""The bill is what was returned, by endpoint, at prices whose day is told."""

import re
import threading

import pytest

from harvester.clock import Stop
from harvester.networks.x.errors import Stopped
from harvester.networks.x.prices import Billing, BudgetReached, price, prices


def test_the_bill_adds_up_by_endpoint() -> None:
    billing = Billing()
    billing.add("users/:id/tweets", posts=100)
    billing.add("users/:id/tweets", posts=20)
    billing.add("users", users=3)
    billing.add("tweets/counts/recent")

    bill = billing.snapshot()

    assert (bill["posts"], bill["users"], bill["requests"]) == (120, 3, 4)
    assert bill["by_endpoint"]["users/:id/tweets"] == {"posts": 120, "users": 0, "requests": 2}
    assert bill["usd"] == round(120 * 0.005 + 3 * 0.010 + 0.005, 4)
    assert bill["prices_of"] == prices()["date"]


def test_threads_lose_no_count() -> None:
    billing = Billing()

    def add() -> None:
        for _ in range(1000):
            billing.add("users", users=1)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert billing.snapshot()["users"] == 8000


def test_prices_tell_their_day_and_source() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", prices()["date"])
    assert prices()["source"]
    assert price("users/:id/tweets", posts=3200, requests=32) == 16.0
    assert price("users/:id/tweets", requests=1000) == 0.0


def test_what_may_be_left_by_others_is_waited_for_and_what_they_keep_is_not_spent() -> None:
    billing, stop = Billing(budget=0.10), Stop()
    stop.request("enough")
    with billing.kept_for("users/:id/tweets", stop=stop, posts=12):
        with billing.kept_for("users/:id/tweets", stop=stop, posts=8):
            pass
        with pytest.raises(Stopped), billing.kept_for("users/:id/tweets", stop=stop, posts=9):
            pass
    with billing.kept_for("users/:id/tweets", stop=stop, posts=20):
        billing.add("users/:id/tweets", posts=12)
    with pytest.raises(BudgetReached), billing.kept_for("users/:id/tweets", stop=stop, posts=9):
        pass
