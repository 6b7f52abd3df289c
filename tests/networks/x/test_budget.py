"""A budget is never exceeded, by any thread that spends it, and what it paid for is kept."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.clock import Stop
from harvester.collection.description import budget
from harvester.compute.local.compute import LocalCompute
from harvester.compute.local.supervisor import Supervisor
from harvester.errors import Exit
from harvester.networks import Stopped
from harvester.networks.budget import Billing, BudgetReached, Limit
from harvester.networks.validation import problems
from harvester.networks.x.prices import billing, price
from tests.support.harvest_stage import Stage, staged, until
from tests.support.stores import HandClock


def _billed(stage: Stage) -> float:
    """By the network's own count."""
    return stage.emulated.truth()["billed"]["posts"] * 0.005


def test_timelines_end_before_they_cost_more_and_the_next_harvest_goes_on(tmp_path: Path) -> None:
    with staged(tmp_path, users=3, posts_per_user=250) as stage:
        users = {user: {"screen_name": "known"} for user in stage.accounts}
        stage.add("accounts", type="user_timeline", users=users, budget_usd=2)
        ended = stage.harvest("accounts", concurrency=8)
        assert (ended.outcome.state, ended.outcome.exit_code) == ("stopped", Exit.RETRY_LATER)
        assert ended.summary["limit"] == "budget"
        assert "The budget of $2.00 is used up: $" in ended.summary["reason"]
        # Of each user 250: two pages of 100 and one of 50; less than a page is left over.
        assert 1.5 < _billed(stage) <= 2.0
        assert len(ended.ids) * 0.005 == _billed(stage)
        stage.require_tidy("accounts")
        for _ in range(3):
            ended = stage.harvest("accounts", concurrency=8)
        assert ended.outcome.state == "complete"
        existing = [post for user in stage.accounts for post in stage.control.timeline(user)]
        assert stage.lost_and_doubled("accounts", existing) == (0, 0)
        # Nothing was paid for twice.
        assert stage.emulated.truth()["billed"]["posts"] == 750


def test_a_search_ends_before_it_costs_more(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.control.publish(stage.accounts[0], count=450, text="cats")
        stage.add("cats", type="search", search={"query": "cats"})
        ended = stage.harvest("cats", budget_usd=1.2)
        assert (ended.summary["limit"], ended.summary["tweets"]) == ("budget", 200)
        assert stage.harvest("cats").summary["tweets"] == 250


def test_a_stream_ends_with_the_last_post_that_the_budget_pays(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.add("live", type="filter", filter={"track": "flood"}, budget_usd=0.05)
        with stage.harvesting("live") as going:
            until(stage.connected)
            for _ in range(20):
                stage.control.publish(stage.accounts[0], text="a flood")
            until(lambda: going.ended)
        assert (going.end.outcome.exit_code, going.end.summary["limit"]) == (Exit.RETRY_LATER, "budget")
        assert going.end.summary["tweets"] >= 10
        assert going.end.summary["billed"]["posts"] == going.end.summary["tweets"]
        # It was meant to end, so that what comes after it is no gap.
        assert going.end.outcome.was_meant
        assert not going.end.summary.get("missed_interval")


@pytest.mark.parametrize("kind", ["user_timeline", "graph"])
def test_many_chains_that_lose_answers_spend_a_budget_of_52_dollars_and_no_more(
    tmp_path: Path, kind: str
) -> None:
    lists = {"users": 6000, "posts_per_user": 0, "hubs": "0:5500,1:900,2:700,3:800,4:333"}
    world = lists if kind == "graph" else {"users": 16, "posts_per_user": 700}
    with staged(tmp_path, **world) as stage:
        users = stage.accounts[:5] if kind == "graph" else stage.accounts
        stage.control.faults([{"on": "GET /2/users/*", "when": {"every": 3}, "do": "cut-mid-page"}])
        known = {} if kind == "graph" else {"screen_name": "known"}
        stage.add("dear", type=kind, users={user: known for user in users}, budget_usd=52)
        ended = stage.harvest("dear", concurrency=8)
        assert (ended.outcome.state, ended.summary["limit"]) == ("stopped", "budget")
        assert ended.summary["billed"]["unanswered"]["requests"] > 1
        truth = stage.emulated.truth()["billed"]
        # What it lost came again on the same day, unless that is midnight.
        assert truth["posts_at_most"] * 0.005 + truth["users_at_most"] * 0.01 <= 52
        assert 51.5 < ended.summary["billed"]["usd"] <= 52


def test_what_is_kept_for_one_is_waited_for_by_others() -> None:
    billed, stop = billing(budget=1.0), Stop()
    entered = threading.Event()

    def second() -> None:
        with billed.reserve("users/:id/tweets", stop=stop, posts=120):
            entered.set()

    with billed.reserve("users/:id/tweets", stop=stop, posts=120):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
        billed.add("users/:id/tweets", posts=60)
    thread.join(60)
    assert entered.is_set()
    with billed.reserve("users/:id/tweets", stop=stop, posts=140), pytest.raises(BudgetReached):
        billed.require_left(0.8)
    with pytest.raises(BudgetReached), billed.reserve("users/:id/tweets", stop=stop, posts=142):
        pass


def test_an_answer_that_comes_after_midnight_costs_what_was_reserved_for_it() -> None:
    days = [date(2026, 11, 1)]
    billed, stop = billing(budget=0.5, today=lambda: days[-1]), Stop()
    with billed.reserve("users/:id/tweets", stop=stop, posts=100) as request:
        request.require()
        request.lost()
        request.require()
        days.append(date(2026, 11, 2))
        request.came(posts=100)
    assert billed.snapshot()["usd"] == 0.5


def test_a_stop_is_heard_while_waiting_for_the_budget() -> None:
    billed, stop = billing(budget=1.0), Stop()
    with billed.reserve("users/:id/tweets", stop=stop, posts=120):
        stop.request("enough")
        with pytest.raises(Stopped), billed.reserve("users/:id/tweets", stop=stop, posts=120):
            pass


@pytest.mark.parametrize(
    ("collection", "setting", "least"), [({}, 0.0, None), ({}, 3.0, 3.0), ({"budget_usd": 2}, 3.0, 2)]
)
def test_the_smaller_budget_counts(collection: dict[str, float], setting: float, least: float | None) -> None:
    assert budget(collection, setting=setting) == least


@pytest.mark.parametrize("value", [0, -1, "5", True, None, float("nan")])
def test_a_budget_that_is_none_is_told(value: object) -> None:
    tree = {"id": "a", "type": "search", "search": {"query": "x"}, "budget_usd": value}
    assert any("budget_usd is " in problem for problem in problems(tree))


def test_a_stream_that_spent_its_budget_is_not_started_again(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.add("live", type="filter", filter={"track": "flood"}, budget_usd=0.005)
        with stage.harvesting("live") as going:
            until(stage.connected)
            stage.control.publish(stage.accounts[0], count=3, text="a flood")
            until(lambda: going.ended)
        starts = tmp_path / "starts"
        command = ["sh", "-c", f"echo >> {starts}; exit {Exit.RETRY_LATER}"]
        compute = LocalCompute(
            stage.store, tmp_path / "runs", harvest=lambda _: command, supervise=lambda _: command
        )
        log = compute.new_log("live")
        log.parent.mkdir(parents=True)
        made = Supervisor(compute, "live", log=log, restarts=3, pause=0.1, clock=HandClock(), stop=Stop())
        assert made.run() == Exit.OK
        assert len(starts.read_text().splitlines()) == 1
        assert compute.service_state("live") == {}


_LISTS = ("users/:id/followers", "users/:id/following", "users/:id/followers (own account)")
_NETWORK = threading.Event()


def _chain(spent: Billing, pages: int | None, seed: int) -> None:
    """Lists that are read until the budget ends it, or for some pages, which are as short as it comes."""
    dice, endpoint = Random(seed), _LISTS[seed % len(_LISTS)]
    try:
        while pages is None or dice.randrange(pages):
            size = dice.choice((1000, 1000, dice.randint(1, 1000)))
            with spent.reserve_users(endpoint, stop=Stop(), most=size) as bill:
                for _ in range(dice.choice((0, 0, 0, 2))):
                    bill.require()
                    bill.lost()
                bill.require()
                # The network's time, in which the others ask.
                _NETWORK.wait(0.0002)
                if dice.randrange(5):
                    bill.came(users=dice.choice((bill.users, dice.randint(0, bill.users))))
    except BudgetReached:
        return


@settings(max_examples=25, deadline=None)
@given(cents=st.integers(100, 100_000), chains=st.integers(1, 8), seed=st.integers(0, 10**6))
def test_lists_for_up_to_1000_dollars_never_cost_a_cent_more(cents: int, chains: int, seed: int) -> None:
    """Over four harvests of some chains, at two prices, of which some answers are lost, also at midnight.

    The last one spends the rest, within a day.
    """
    whole, before, dice = cents / 100, 0.0, Random(seed)
    for harvest in range(4):
        days = (1,) if harvest == 3 else (1, 1, 1, 2)
        spent = billing(today=lambda: date.fromordinal(dice.choice(days)))  # noqa: B023
        spent.limit = Limit("The crawl's budget", whole, before, "")
        spent.budget = max(0.0, spent.limit.left)
        pages = None if harvest == 3 else cents // chains // 1000 + 1
        seeds = Random(seed + harvest).sample(range(1000), chains)
        with ThreadPoolExecutor(chains) as pool:
            list(pool.map(lambda each: _chain(spent, pages, each), seeds))  # noqa: B023
        before = round(before + spent.snapshot()["usd"], 6)
        assert before <= whole
    # An account of the dearer lists costs more.
    assert whole - before < price(_LISTS[0], users=1)
