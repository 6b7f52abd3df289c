"""The bill is what was returned, by endpoint, at prices whose day is told."""

import re
import threading

import pytest

from harvester.clock import Stop
from harvester.networks import Stopped
from harvester.networks.budget import BudgetReached
from harvester.networks.x.prices import billing, price, prices


def test_the_bill_adds_up_by_endpoint() -> None:
    billed = billing()
    billed.add("users/:id/tweets", posts=100)
    billed.add("users/:id/tweets", posts=20)
    billed.add("users", users=3)
    billed.add("tweets/counts/recent")

    bill = billed.snapshot()

    assert (bill["posts"], bill["users"], bill["requests"]) == (120, 3, 4)
    assert bill["by_endpoint"]["users/:id/tweets"] == {"posts": 120, "users": 0, "requests": 2}
    assert bill["usd"] == round(120 * 0.005 + 3 * 0.010 + 0.005, 4)
    assert bill["prices_as_of"] == prices()["date"]


def test_threads_lose_no_count() -> None:
    billed = billing()

    def add() -> None:
        for _ in range(1000):
            billed.add("users", users=1)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert billed.snapshot()["users"] == 8000


def test_prices_tell_their_day_and_source() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", prices()["date"])
    assert prices()["source"]
    assert price("users/:id/tweets", posts=3200, requests=32) == 16.0
    assert price("users/:id/tweets", requests=1000) == 0.0


def test_what_may_be_left_by_others_is_waited_for_and_what_they_keep_is_not_spent() -> None:
    billed, stop = billing(budget=0.10), Stop()
    stop.request("enough")
    with billed.reserve("users/:id/tweets", stop=stop, posts=12):
        with billed.reserve("users/:id/tweets", stop=stop, posts=8):
            pass
        with pytest.raises(Stopped), billed.reserve("users/:id/tweets", stop=stop, posts=9):
            pass
    with billed.reserve("users/:id/tweets", stop=stop, posts=20):
        billed.add("users/:id/tweets", posts=12)
    with pytest.raises(BudgetReached), billed.reserve("users/:id/tweets", stop=stop, posts=9):
        pass
