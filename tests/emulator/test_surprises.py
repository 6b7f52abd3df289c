"""With `surprise` answers hold what X does not exclude, and nothing is lost to who follows every token."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

import emulator
from emulator.surprises import MIXED, NEWEST, OLDEST, Surprises
from tests.support.raw_client import Listener, Reply, add_rules, all_ids, chain

_CLOCK = "2026-06-15T12:00:00Z"
_SEEDS = range(8)


def _asked(seed: int, **options: Any) -> tuple[list[str], list[Reply]]:
    """The ids of a timeline, and the pages in which they came."""
    with emulator.running(users=2, posts_per_user=60, clock=_CLOCK, surprise=seed, **options) as world:
        user = world.control.users()[0]["id"]
        params = {"max_results": 10, "expansions": "author_id"}
        return world.control.timeline(user), chain(world.url, f"/2/users/{user}/tweets", params)


def test_all_posts_come_and_each_surprise_does() -> None:
    seen: Counter[str] = Counter()
    for seed in _SEEDS:
        posts, pages = _asked(seed)
        ids = all_ids(pages)
        assert set(ids) == set(posts)
        assert pages[0].ids == [] or max(pages[0].ids, key=int) == posts[0]
        assert all(len(page.ids) <= 10 for page in pages)
        numbers = [int(post) for page in pages for post in page.ids]
        seen["twice"] += len(ids) > len(posts)
        seen["out of order"] += any(a < b for a, b in pairwise(numbers))
        seen["short"] += any(0 < len(page.ids) < 10 for page in pages[:-1])
        seen["empty"] += any(not page.ids and "next_token" in page.json["meta"] for page in pages)
        seen["empty at the end"] += not pages[-1].ids
        counts = [page.json["meta"].get("result_count") for page in pages]
        seen["not counted"] += None in counts
        seen["miscounted"] += any(
            n not in (None, len(page.ids)) for n, page in zip(counts, pages, strict=True)
        )
        seen["problems beside data"] += any("errors" in page.json and page.ids for page in pages)
        seen["unknown members"] += any("later" in page.json for page in pages)
        seen["closed"] += any(page.headers.get("connection") == "close" for page in pages)
    assert len(seen) == 10 and all(seen.values()), seen


def test_the_same_seed_surprises_in_the_same_way() -> None:
    assert [page.ids for page in _asked(5)[1]] == [page.ids for page in _asked(5)[1]]


def test_a_list_has_an_order_of_its_own_and_all_of_its_accounts() -> None:
    orders = set()
    for seed in _SEEDS:
        with emulator.running(users=80, posts_per_user=0, hubs="0:60", surprise=seed) as world:
            hub = world.control.users()[0]["id"]
            pages = chain(world.url, f"/2/users/{hub}/followers", {"max_results": 20})
            newest = world.control.followers(hub)
        ids = list(dict.fromkeys(all_ids(pages)))
        assert sorted(ids) == sorted(newest)
        assert all(len(page.ids) <= 20 for page in pages)
        orders.add(NEWEST if ids == newest else OLDEST if ids == newest[::-1] else MIXED)
    assert orders == {NEWEST, OLDEST, MIXED}


def test_what_became_of_rules_is_told_in_more_than_one_way() -> None:
    told = set()
    with emulator.running(users=1, surprise=1) as world:
        for number in range(30):
            reply = add_rules(world.url, *(f"{word}{number}" for word in ("cat", "dog", "cow")))
            told.add((reply.status, len(reply.json.get("data", [])), "summary" in reply.json["meta"]))
        assert len(world.control.call("GET", "stream/rules")["rules"]) == 90
    assert {status for status, _, _ in told} == {200, 201}
    assert {named for _, named, has_summary in told if has_summary} == {0, 1, 2, 3}
    assert any(named == 3 and not has_summary for _, named, has_summary in told)


def test_a_stream_sends_all_that_matches() -> None:
    with emulator.running(users=1, surprise=2, keepalive=0.1) as world:
        add_rules(world.url, "flood")
        with Listener(world.url) as listener:
            posts = world.control.publish(world.control.users()[0]["id"], count=60, text="a flood")
            ids: set[str] = set()
            while ids != set(posts):
                ids.add(listener.record()["data"]["id"])


def test_what_a_stream_sends_is_out_of_order_or_twice_and_never_less() -> None:
    surprises, posts = Surprises(3), list(range(60))
    sent = [surprises.sent(list(posts), lambda _: True) for _ in range(20)]
    assert all(set(each) == set(posts) for each in sent)
    assert any(list(dict.fromkeys(each)) != posts for each in sent)
    assert any(len(each) > len(posts) for each in sent)
    rules = [surprises.matching([{"id": "2", "tag": "a"}, {"id": "3", "tag": "b"}]) for _ in range(60)]
    assert all({"2", "3"} <= {rule["id"] for rule in each} for each in rules)
    assert {2, 3} <= {len(each) for each in rules}
    assert any(not any("tag" in rule for rule in each) for each in rules)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_plan_never_asks_for_more_than_the_page_may_hold(size: int) -> None:
    surprises = Surprises(3)
    assert all(surprises.plan(size).size <= size for _ in range(50))
