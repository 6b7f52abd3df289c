"""The page of a crawl shows its depths, its lists, its dollars, and what waits for a person."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.graph import crawls
from harvester.graph.approval import approve
from harvester.store.keys import CollectionKeys
from tests.support.crawls import crawl, latest
from tests.support.dashboard_visit import Visit, a_place
from tests.support.harvest_stage import Stage, staged

_KEYS = CollectionKeys("fans")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, users=60, degrees="pareto:1.2:3") as found:
        users: dict[str, object] = {seed: {} for seed in found.accounts[:2]}
        found.add("fans", type="graph", users=users, graph={"max_depth": 1}, budget_usd=90)
        yield found


@pytest.fixture
def visit(stage: Stage, tmp_path: Path) -> Visit:
    return Visit(a_place(tmp_path, stage.store))


def test_a_crawl_that_waits_shows_its_bill_and_what_approves_it(stage: Stage, visit: Visit) -> None:
    crawl(stage, "fans")
    page = visit.page("/c/fans")
    bill = latest(stage, "fans").figures(1)["usd_at_most"]
    assert "wait for approval" in page
    assert f"costs at most ${bill:,.2f}, and the budget has $" in page
    assert f"graph approve fans --depth 1 --usd {bill:.2f}" in page
    assert "<dt>Edges</dt>" in page and "<dt>Posts</dt>" not in page
    seeds, found = visit.json("/c/fans/crawl.json")
    for table in ("harvests", "files", "cost"):
        assert [row["edges"] for row in visit.json(f"/c/fans/{table}.json")] == [seeds["edges"]]
        assert ">Edges</th>" in visit.page(f"/c/fans?tab={table}")
    assert f"{seeds['edges']:,} edges</td>" in visit.page("/")
    assert (seeds["state"], seeds["users"], seeds["done"], seeds["left"]) == ("closed", 2, 2, 0)
    assert seeds["edges"] == found["users"] + _twice(stage)
    assert (found["state"], found["at_most"], found["approved"]) == ("wait for approval", bill, None)


def _twice(stage: Stage) -> int:
    """The followers whom the first frontier has once, or not at all because they are seeds."""
    seeds = stage.accounts[:2]
    lists = [stage.control.followers(seed) for seed in seeds]
    return sum(map(len, lists)) - len({*lists[0], *lists[1]} - {*seeds})


def test_a_crawl_that_is_over_shows_all_of_its_depths(stage: Stage, visit: Visit) -> None:
    crawl(stage, "fans")
    approve(stage.store, _KEYS, crawls.current(stage.store, _KEYS, stage.collection("fans")), depth=1, usd=80)
    crawl(stage, "fans")
    page = visit.page("/c/fans?tab=crawl")
    assert "; it is over." in page
    assert "Next:" not in page
    states = [row["state"] for row in visit.json("/c/fans/crawl.json")]
    assert states == ["closed", "closed", "known"]


def test_a_collection_without_a_crawl_yet_says_what_begins_one(visit: Visit) -> None:
    assert "begins one." in visit.page("/c/fans")


def test_damaged_figures_are_an_error_in_words(stage: Stage, visit: Visit, tmp_path: Path) -> None:
    crawl(stage, "fans")
    (path,) = tmp_path.rglob("depth-1.json")
    path.write_text('{"crawl": "<script>alert(1)</script>", "depth": 7}')
    page = visit.page("/c/fans")
    assert "is of another crawl or depth" in page
    assert "<script>alert" not in page


def test_other_kinds_have_no_such_table(stage: Stage, visit: Visit) -> None:
    stage.add("museums", type="user_timeline", users={})
    assert "tab=crawl" not in visit.page("/c/museums")
