"""A crawl goes from depth to depth by itself, as far as it may."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.errors import Exit
from harvester.graph import crawls
from harvester.graph.approval import approve
from harvester.graph.close import stored_ids
from harvester.harvest.depth_files import packed_ids
from harvester.harvest.progress import COMPLETE, STOPPED
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.crawls import crawl, frontiers, here_of, latest, lines_of, truth, visits
from tests.support.harvest_stage import Stage, staged
from tests.support.servers import Bucket


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("crawl")
    with staged(folder, users=400, degrees="pareto:1.2:3") as found:
        yield found


def add(stage: Stage, name: str, seeds: list[str], **section: Any) -> None:
    budget = {"budget_usd": section.pop("budget_usd")} if "budget_usd" in section else {}
    stage.add(name, type="graph", users={seed: {} for seed in seeds}, graph=section, **budget)


def test_a_crawl_within_its_budget_goes_through_all_depths(stage: Stage) -> None:
    seeds = stage.accounts[:2]
    add(stage, "all", seeds, max_depth=2, approve="within_budget", budget_usd=1_000)
    assert crawl(stage, "all").state == COMPLETE
    assert frontiers(stage, "all") == truth(stage, seeds, depths=2)
    graph = stage.collection("all")["graph"]
    assert graph["crawl"] is None
    assert graph["last_crawl"]["depth"] == 2
    assert [each.harvest.depth for each in latest(stage, "all").harvests()] == [0, 1, 2]


def test_followers_alone_are_a_crawl_of_one_depth_whose_frontier_is_who_follows(stage: Stage) -> None:
    seeds = stage.accounts[5:7]
    add(stage, "seeds", seeds)
    assert crawl(stage, "seeds").state == COMPLETE
    assert frontiers(stage, "seeds") == truth(stage, seeds, depths=0)
    first = latest(stage, "seeds").started
    assert crawl(stage, "seeds").state == COMPLETE
    assert latest(stage, "seeds").started > first


@pytest.mark.parametrize("by_setting", [False, True])
def test_a_budget_is_to_be_raised_if_the_setting_is_not_what_has_ended_the_harvest(
    stage: Stage, capsys: pytest.CaptureFixture[str], by_setting: bool
) -> None:
    name = f"spent-{by_setting}"
    add(stage, name, stage.accounts[7:9], budget_usd=9 if by_setting else 0.05)
    stage.settings = {"budget_usd": 0.05 if by_setting else 9.0}
    outcome = crawl(stage, name)
    stage.settings = {}
    assert outcome.limit == "budget"
    assert ("the next one continues" in outcome.hint) == by_setting
    assert (f"Raise budget_usd of {name} to go on" in capsys.readouterr().err) != by_setting


def test_each_depth_waits_for_approval_and_goes_on_after_it(stage: Stage) -> None:
    seeds = stage.accounts[10:12]
    add(stage, "asks", seeds, max_depth=1)
    keys = CollectionKeys("asks")
    waits = crawl(stage, "asks")
    assert (waits.state, waits.limit, waits.exit_code) == (STOPPED, "approval", Exit.RETRY_LATER)
    users = len(truth(stage, seeds, depths=0)[1])
    assert waits.reason.startswith(f"depth 1 of {users} users costs at most $")
    assert "`graph approve asks --depth 1 --usd " in waits.hint
    assert waits.was_meant
    # Nothing is spent while it waits.
    assert crawl(stage, "asks") == waits
    assert len(latest(stage, "asks").harvests()) == 1
    usd = latest(stage, "asks").figures(1)["usd_at_most"]
    approve(stage.store, keys, crawls.current(stage.store, keys, stage.collection("asks")), depth=1, usd=usd)
    assert crawl(stage, "asks").state == COMPLETE
    assert frontiers(stage, "asks") == truth(stage, seeds, depths=1)


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("followers", {}),
        ("following", {"direction": "following", "order": "dfs"}),
        ("both", {"direction": "both", "max_edges_per_user": 7}),
    ],
)
def test_a_bill_holds_and_is_near_what_was_billed(stage: Stage, name: str, section: dict[str, Any]) -> None:
    add(stage, name, stage.accounts[20:23], max_depth=2, approve="within_budget", budget_usd=5_000, **section)
    assert crawl(stage, name).state == COMPLETE
    found = latest(stage, name)
    for depth in (1, 2):
        at_most, billed = found.figures(depth)["usd_at_most"], crawls.spent(found.harvests(), depth)
        assert billed <= at_most <= billed * 1.02, depth


def test_a_depth_above_the_budget_waits_within_budget_too(stage: Stage) -> None:
    add(stage, "dear", stage.accounts[30:34], max_depth=1, approve="within_budget", budget_usd=2)
    waits = crawl(stage, "dear")
    assert waits.limit == "approval", waits
    assert " and the budget has $" in waits.reason
    left = latest(stage, "dear").budget_left(latest(stage, "dear").harvests())
    assert f"--usd {left:.2f}`" in waits.hint


def test_the_budget_is_of_the_whole_crawl_and_the_least_costly_are_reached(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    add(stage, "part", stage.accounts[40:44], max_depth=1, budget_usd=4)
    keys = CollectionKeys("part")
    crawl(stage, "part")
    found = latest(stage, "part")
    left = found.budget_left(found.harvests())
    assert left
    approve(stage.store, keys, found, depth=1, usd=1)
    capsys.readouterr()
    ended = crawl(stage, "part")
    assert (ended.state, ended.limit) == (STOPPED, "budget")
    said = capsys.readouterr().err
    assert " of depth 1 are left. `" in said
    assert f"graph approve part --depth 1 --usd {left:.2f}` approves the rest." in said
    assert crawls.spent(latest(stage, "part").harvests(), 1) <= 1
    approve(stage.store, keys, found, depth=1, usd=left)
    ended = crawl(stage, "part")
    assert (ended.state, ended.limit) == (STOPPED, "budget")
    assert "Raise budget_usd of part to go on: the rest costs at most $" in capsys.readouterr().err
    found = latest(stage, "part")
    assert crawls.spent(found.harvests()) <= 4
    assert crawls.spent(found.harvests()) > 3.9


def test_max_users_counts_the_seeds_and_holds_for_what_is_collected_only(stage: Stage) -> None:
    seeds = stage.accounts[50:52]
    add(stage, "few", seeds, max_depth=1, max_users=5, approve="within_budget", budget_usd=1_000)
    crawl(stage, "few")
    seeds_, first, last = frontiers(stage, "few")
    assert len(first) == 3
    assert set(first) < set(truth(stage, seeds_, depths=0)[1])
    assert last == sorted(
        {each for user in first for each in stage.control.followers(user)} - {*seeds_, *first}
    )
    costs = [int(line.split("\t")[1]) for line in lines_of(stage, here_of(stage, "few").order(1))]
    assert costs == sorted(costs)


def test_excluded_accounts_are_in_no_depth(stage: Stage) -> None:
    seeds = stage.accounts[60:62]
    out = truth(stage, seeds, depths=0)[1][:3]
    add(stage, "less", seeds, max_depth=1, exclude=out, approve="within_budget", budget_usd=1_000)
    crawl(stage, "less")
    assert frontiers(stage, "less") == truth(stage, seeds, depths=1, exclude=out)


def test_bfs_and_dfs_visit_the_same_accounts_in_different_orders(stage: Stage) -> None:
    seeds = stage.accounts[70:73]
    wide = {"max_depth": 2, "approve": "within_budget", "budget_usd": 1_000}
    add(stage, "bfs", seeds, order="bfs", **wide)
    add(stage, "dfs", seeds, order="dfs", **wide)
    for name in ("bfs", "dfs"):
        assert crawl(stage, name).state == COMPLETE
    assert frontiers(stage, "bfs") == frontiers(stage, "dfs") == truth(stage, seeds, depths=2)
    # By breadth, whose lists cost least come first; by depth, whom the first of the depth before led to.
    known, parents = set(seeds), sorted(seeds)
    for depth in (1, 2):
        ordered: list[str] = []
        for parent in parents:
            children = sorted(set(stage.control.followers(parent)) - known)
            known.update(children)
            ordered += children
        assert visits(stage, "dfs", depth) == ordered
        assert visits(stage, "bfs", depth) != ordered
        parents = ordered


def test_a_selection_that_rejects_everybody_is_said_in_one_line_and_ends_the_crawl(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    add(stage, "none", stage.accounts[80:82], max_depth=3, select={"min_followers": 10**9})
    assert crawl(stage, "none").state == COMPLETE
    said = capsys.readouterr()
    assert said.err.count("\n") == 1, said.err
    assert "Depth 1 is empty: graph.select rejects all of " in said.err
    assert "most by min_followers. Change it, then run `graph reselect none`" in said.err
    assert "the crawl is over at depth 0" in said.out
    assert list(stored_ids(stage.store, here_of(stage, "none").depth(1))) == []


def test_a_crawl_that_ended_unnoticed_is_noted_and_costs_nothing_more(stage: Stage) -> None:
    add(stage, "unseen", stage.accounts[90:92])
    crawl(stage, "unseen")
    before = stage.collection("unseen")["graph"]["last_crawl"]
    harvests = len(latest(stage, "unseen").harvests())
    # As a kill between the last depth and its note leaves it.
    stage.edit(
        "unseen",
        lambda tree: {**tree, "graph": {"crawl": {"started": before["started"], "depth": 0}}},
    )
    ended = crawl(stage, "unseen")
    assert (ended.state, ended.reason) == (COMPLETE, "The crawl was over; the next harvest begins another.")
    assert stage.collection("unseen")["graph"]["crawl"] is None
    assert len(latest(stage, "unseen").harvests()) == harvests


def test_a_crawl_in_a_bucket_finds_the_same(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.server.environment.items():
        monkeypatch.setenv(name, value)
    with staged(tmp_path, store=S3Store(s3.name), users=200, degrees="pareto:1.2:3") as stage:
        seeds = stage.accounts[:2]
        add(stage, "bucket", seeds, max_depth=1, approve="within_budget", budget_usd=500)
        assert crawl(stage, "bucket").state == COMPLETE
        assert frontiers(stage, "bucket") == truth(stage, seeds, depths=1)
        assert stage.collection("bucket")["graph"]["crawl"] is None


def test_a_stop_while_a_depth_is_closed_writes_nothing_and_the_next_start_closes_it(stage: Stage) -> None:
    seeds = stage.accounts[97:99]
    add(stage, "stopped", seeds)
    stage.harvest("stopped")
    stop = Stop()
    stop.request("SIGTERM")
    ended = crawl(stage, "stopped", stop=stop)
    assert (ended.state, ended.exit_code) == (STOPPED, Exit.TERMINATED)
    assert len(frontiers(stage, "stopped")) == 1
    assert crawl(stage, "stopped").state == COMPLETE
    assert frontiers(stage, "stopped") == truth(stage, seeds, depths=0)
    assert len(latest(stage, "stopped").harvests()) == 1


def test_no_copy_of_the_collection_grows_with_the_users_of_a_crawl(stage: Stage) -> None:
    add(stage, "large", stage.accounts[94:96], max_depth=1)
    keys = CollectionKeys("large")
    crawl(stage, "large")
    # Depth 1 has 100,000 users, of whom the first are there.
    here, real = here_of(stage, "large"), frontiers(stage, "large")[1]
    users = [*real, *(str(10**18 + number) for number in range(100_000 - len(real)))]
    figures = {**latest(stage, "large").figures(1), "users": len(users)}
    for key, data in (
        (here.depth(1), packed_ids(sorted(users))),
        (here.order(1), packed_ids([f"{user}\t9" for user in users])),
        (here.figures(1), json.dumps(figures).encode()),
    ):
        stage.store.remove(key)
        stage.store.create(key, data)
    approve(stage.store, keys, latest(stage, "large"), depth=1, usd=1.5)
    assert crawl(stage, "large").limit == "budget"
    stored = list(stage.store.entries(keys.folder))
    copies = [entry for entry in stored if entry.key.endswith(".json")]
    assert len(copies) > 6
    # The seeds, and what is unfinished.
    assert max(entry.size for entry in copies) < 10_000
    # Half a megabyte of packed ids, once each.
    assert sum(entry.size for entry in stored) < 3_000_000


def edited(stage: Stage, name: str, **section: Any) -> None:
    stage.edit(name, lambda tree: {**tree, "graph": {**tree["graph"], **section}})


def approved(stage: Stage, name: str, usd: float) -> None:
    keys = CollectionKeys(name)
    approve(stage.store, keys, crawls.current(stage.store, keys, stage.collection(name)), depth=1, usd=usd)


def test_a_crawl_keeps_its_direction_and_its_longest_list_so_that_its_bill_holds(stage: Stage) -> None:
    seeds = stage.accounts[60:63]
    add(stage, "turned", seeds, max_depth=1, max_edges_per_user=4)
    crawl(stage, "turned")
    at_most = latest(stage, "turned").figures(1)["usd_at_most"]
    edited(stage, "turned", direction="both", max_edges_per_user=None)
    approved(stage, "turned", 500)
    assert crawl(stage, "turned").state == COMPLETE
    found = latest(stage, "turned")
    assert 0 < crawls.spent(found.harvests(), 1) <= at_most
    assert found.directions == ("followers",)
    # The next crawl begins with what was edited.
    assert crawl(stage, "turned").limit == "approval"
    again = latest(stage, "turned")
    assert (again.directions, again.most_edges) == (("followers", "following"), None)


def test_a_crawl_whose_money_is_spent_says_which_and_begins_no_harvest(stage: Stage) -> None:
    add(stage, "spent", stage.accounts[64:67], max_depth=1, budget_usd=3)
    crawl(stage, "spent")
    approved(stage, "spent", 0.5)
    ended = crawl(stage, "spent")
    assert ended.reason.startswith("The approval for depth 1 of $0.50 is used up: $0.50 are billed, and "), (
        ended
    )
    harvests = len(latest(stage, "spent").harvests())
    again = crawl(stage, "spent")
    assert (again.limit, again.exit_code) == ("budget", Exit.RETRY_LATER)
    assert again.reason == "the approval of $0.50 for depth 1 is used up: $0.50 are billed"
    assert "`graph approve spent --depth 1 --usd " in again.hint
    approved(stage, "spent", float(again.hint.partition("--usd ")[2].partition("`")[0]))
    ended = crawl(stage, "spent")
    assert ended.reason.startswith("The crawl's budget of $3.00 is used up: $3.00 are billed, and "), ended
    again = crawl(stage, "spent")
    assert again.reason == "the crawl's budget of $3.00 is used up: $3.00 are billed"
    assert again.hint.startswith("Raise budget_usd of spent to go on: the rest costs at most $")
    assert len(latest(stage, "spent").harvests()) == harvests + 1


def test_the_budget_of_the_seeds_that_is_spent_begins_no_harvest(stage: Stage) -> None:
    add(stage, "little", stage.accounts[68:71], budget_usd=0.05)
    assert crawl(stage, "little").reason.startswith("The crawl's budget of $0.05 is used up: ")
    assert crawl(stage, "little").hint == "Raise budget_usd of little to go on."
    assert len(latest(stage, "little").harvests()) == 1
