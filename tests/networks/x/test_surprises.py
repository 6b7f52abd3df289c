"""What X does not promise is not relied on: whatever it does, nothing is lost, and no gap is false.

`SURPRISE_SEEDS=1,2,3` tries more.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harvester.harvest.lock_content import note_change
from harvester.harvest.progress import COMPLETE
from harvester.store.keys import CollectionKeys
from tests.support.crawls import crawl, frontiers, truth
from tests.support.graph_stage import edges_of, end_crawl, ids_of_list, lists_of
from tests.support.harvest_stage import DAY, Ended, Stage, staged, until

_SEEDS = [int(seed) for seed in os.environ.get("SURPRISE_SEEDS", "5").split(",")]
pytestmark = pytest.mark.parametrize("seed", _SEEDS)
_ENDS = ("close", "drop", "reset", "operational-disconnect", "ForceDisconnect")


@contextmanager
def _surprising(tmp_path: Path, seed: int, **options: Any) -> Iterator[Stage]:
    with staged(tmp_path, seed=seed, vary=seed, surprise=seed, **options) as stage:
        yield stage


def _to_its_end(stage: Stage, name: str, *, most: int = 5) -> list[Ended]:
    """Harvests until one is complete; a gap where X says that a page held more posts makes one partial."""
    harvests: list[Ended] = []
    for _ in range(most):
        harvests.append(stage.harvest(name, concurrency=2))
        assert harvests[-1].outcome.state in (COMPLETE, "partial"), harvests[-1].outcome
        if harvests[-1].outcome.state == COMPLETE:
            return harvests
    raise AssertionError(f"none of {most} harvests was complete: {harvests[-1].outcome}")


def _require_no_false_gap(harvests: list[Ended]) -> None:
    reasons = [gap["reason"] for ended in harvests for gap in ended.gaps]
    # A page that no answer counts rightly may lack posts, and so is a gap.
    assert [reason for reason in reasons if "spoke of" not in reason] == []


def test_timelines_lose_nothing(tmp_path: Path, seed: int) -> None:
    with _surprising(tmp_path, seed, users=3, posts_per_user=130) as stage:
        users = stage.accounts
        stage.add("them", type="user_timeline", users={user: {} for user in users})
        harvests = _to_its_end(stage, "them")
        stage.control.publish(users[0], count=130)
        stage.control.user(users[1], username="another_name")
        stage.control.publish(users[1])
        harvests += _to_its_end(stage, "them")
        lost, _ = stage.lost_and_doubled("them", [p for user in users for p in stage.control.timeline(user)])
        assert lost == 0
        _require_no_false_gap(harvests)
        stage.require_tidy("them")


def test_a_search_loses_nothing(tmp_path: Path, seed: int) -> None:
    with _surprising(tmp_path, seed, users=1, search_posts=330) as stage:
        stage.add("flood", type="search", search={"query": "flood"})
        harvests = _to_its_end(stage, "flood")
        stage.control.publish(stage.accounts[0], count=130, text="a flood")
        harvests += _to_its_end(stage, "flood")
        assert stage.lost_and_doubled("flood", stage.control.search("flood"))[0] == 0
        _require_no_false_gap(harvests)
        stage.require_tidy("flood")


def test_a_stream_loses_nothing_outside_a_gap_and_stores_nothing_twice(tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    with _surprising(tmp_path, seed, users=2, keepalive=0.2) as stage:
        section = {"track": "flood,storm surge", "count_rules": True, "attribution": "file"}
        stage.add("live", type="filter", filter=section)
        author = stage.accounts[0]
        with stage.harvesting("live") as going:
            until(stage.connected)
            for _ in range(3):
                reopened = partial(_has_opened_more, stage, stage.opened)
                stage.control.publish(author, count=20, text="a flood")
                stage.control.publish(author, count=5, text="a storm brings a surge")
                stage.control.disconnect(draw.choice(_ENDS))
                stage.control.publish(author, count=3, text="a flood in the gap")
                until(reopened)
            before = going.summary()["billed"]["posts"]
            stage.control.publish(author, count=3, text="the last flood")
            until(lambda: going.summary()["billed"]["posts"] == before + 3)
        assert going.end.outcome.state == "stopped"
        assert stage.unexplained("live") == []
        assert set(stage.stored("live").values()) == {1}
        # Whatever X says of its rules, each post has those of the collection that it matched.
        assert [line["id"] for _, line in going.end.matches] == going.end.ids
        stage.require_tidy("live")


def test_the_live_rules_are_those_of_the_collection_after_each_edit(tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    keys = CollectionKeys("live")
    with _surprising(tmp_path, seed, users=1, keepalive=0.2, rule_cap=draw.choice([1000, 12])) as stage:
        words = {f"word{number}" for number in range(30)}
        stage.add("live", type="filter", filter={"track": ",".join(sorted(words))})
        with stage.harvesting("live") as going:
            until(stage.connected)
            for number in range(2):
                words = {*draw.sample(sorted(words), 20), *(f"more{number}x{each}" for each in range(9))}
                stage.edit("live", partial(_tracking, words))
                note_change(stage.store, keys.lock)
                going.renew()
                until(partial(_lives_on, stage, words))


def _has_opened_more(stage: Stage, before: int) -> bool:
    return stage.opened > before and stage.connected()


def _tracking(words: set[str], tree: dict[str, Any]) -> dict[str, Any]:
    return {**tree, "filter": {"track": ",".join(sorted(words))}}


def _lives_on(stage: Stage, words: set[str]) -> bool:
    return _live_words(stage) == words


def _live_words(stage: Stage) -> set[str]:
    stage.clock.advance(5.0)
    live = " ".join(rule["value"] for rule in stage.control.call("GET", "stream/rules")["rules"])
    return set(live.split()) - {"OR"}


def test_lists_are_whole_and_compared_whatever_their_order(tmp_path: Path, seed: int) -> None:
    with _surprising(tmp_path, seed, users=1500, posts_per_user=0, hubs="0:1300,1:30") as stage:
        users = stage.accounts[:2]
        stage.add("who", type="graph", users={user: {} for user in users})
        known: dict[str, set[str]] = {}
        for _ in range(2):
            harvests = _to_its_end(stage, "who")
            ends = {end["user"]: end for end in lists_of(stage, *harvests)}
            for user in users:
                truth, end = set(stage.control.followers(user)), ends[user]
                assert (end["outcome"], end["received"]) == (COMPLETE, len(truth))
                assert set(ids_of_list(edges_of(stage, *harvests), end)) == truth
                if user in known:
                    assert set(end["gained"]) == truth - known[user]
                    assert set(end["lost"]) == known[user] - truth
                known[user] = truth
            end_crawl(stage, "who")
            listed = stage.control.followers(users[0])
            new = [u["id"] for u in stage.control.users(count=1500) if u["id"] not in {*listed, users[0]}]
            stage.control.follow(users[0], add=new[:3], remove=listed[5:900:300])
            stage.clock.advance(DAY)


def test_a_crawl_finds_everyone_at_each_depth(tmp_path: Path, seed: int) -> None:
    # Profiles without their numbers would have each depth wait for approval.
    with staged(tmp_path, users=400, degrees="pareto:1.2:3", surprise=seed) as stage:
        users = stage.accounts[:2]
        section = {"max_depth": 2, "approve": "within_budget"}
        stage.add("all", type="graph", users={user: {} for user in users}, budget_usd=1000, graph=section)
        assert crawl(stage, "all").state == COMPLETE
        assert frontiers(stage, "all") == truth(stage, users, depths=2)
