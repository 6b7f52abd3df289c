"""Only the front of a list is read for its new accounts, once it has shown that they are there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Exit
from harvester.harvest.progress import COMPLETE, PARTIAL
from harvester.networks.list_ids import ListIds
from harvester.networks.validation import problems
from harvester.networks.x.sources.list_front import IN_A_ROW, ListFront, new_at_front
from tests.support.crawls import crawl
from tests.support.graph_stage import end_crawl, lists_of
from tests.support.harvest_stage import DAY, Ended, Stage, staged


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, users=700, posts_per_user=0, hubs="0:500", churn=0.02) as found:
        found.add("watch", type="graph", users={found.accounts[0]: {}}, graph={"update": "new_only"})
        yield found


def next_day(stage: Stage) -> tuple[Ended, dict[str, Any]]:
    """A harvest a day later, and the line of its list."""
    stage.clock.advance(DAY)
    end_crawl(stage, "watch")
    ended = stage.harvest("watch")
    (line,) = lists_of(stage, ended)
    return ended, line


def test_new_accounts_are_found_for_the_price_of_the_front(stage: Stage) -> None:
    (hub,) = stage.collection("watch")["users"]
    stage.harvest("watch")
    # Not before a list has gained does it show where.
    second, whole = next_day(stage)
    assert (whole["outcome"], bool(whole["gained"])) == ("complete", True)
    assert stage.collection("watch")["users"][hub]["newest_first"] == {"followers": True}
    known = set(stage.control.followers(hub))
    for _ in range(2):
        ended, line = next_day(stage)
        assert ended.outcome.state == COMPLETE
        assert (line["outcome"], line["why"]) == ("cut", "200 known accounts in a row")
        assert set(line["gained"]) == set(stage.control.followers(hub)) - known != set()
        assert (line["lost"], line["compared_with"]) == (None, second.summary["harvest_timestamp"])
        # The front, and a look-up.
        assert ended.summary["billed"]["users"] <= len(line["gained"]) + 2 * IN_A_ROW + 1
    assert crawl(stage, "watch").state == COMPLETE


def test_a_list_that_is_in_another_order_is_not_paid_for(stage: Stage) -> None:
    (hub,) = stage.collection("watch")["users"]
    stage.harvest("watch")
    stage.edit("watch", lambda tree: _shown(tree, hub, newest_first=False))
    ended, line = next_day(stage)
    assert (ended.outcome.state, ended.outcome.exit_code) == (PARTIAL, Exit.PARTIAL)
    assert (line["outcome"], line["received"]) == ("failed", 0)
    assert line["why"] == 'new accounts were not at its front: graph.update "full" reads all of it'
    assert ended.summary["billed"]["users"] == 1


def test_an_earlier_list_that_is_damaged_has_no_front(stage: Stage) -> None:
    (hub,) = stage.collection("watch")["users"]
    before = stage.harvest("watch")
    stage.edit("watch", lambda tree: _shown(tree, hub, newest_first=True))
    (entry,) = stage.store.entries(f"{before.folder}edges-")
    stage.store.remove(entry.key)
    ended, line = next_day(stage)
    of = f"{before.summary['counts']['edges']} ids of that of {before.summary['harvest_timestamp']}"
    assert (line["outcome"], line["why"]) == ("failed", f"0 of {of} can be read")
    assert ended.summary["billed"]["users"] == 1


def _shown(tree: dict[str, Any], user: str, *, newest_first: bool) -> dict[str, Any]:
    learned = {**tree["users"][user], "newest_first": {"followers": newest_first}}
    return {**tree, "users": {user: learned}}


def test_only_lists_of_seeds_are_read_so() -> None:
    tree = {"id": "x", "type": "graph", "users": {"12": {}}, "graph": {"update": "new_only", "max_depth": 1}}
    assert problems(tree) == [
        'graph.update is "new_only", which is for the lists of the seeds: max_depth must be 0.'
    ]


@given(st.lists(st.integers(0, 3), max_size=8), st.integers(0, 2))
def test_the_front_that_a_comparison_looks_at_is_the_one_that_is_read(runs: list[int], rest: int) -> None:
    """Each number is the length of a run of known ids, in halves of a run that ends the front."""
    known, listed, number = ListIds(), [], 1
    for halves in [*runs, 2 * rest]:
        row = [str(number + n) for n in range(halves * IN_A_ROW // 2)]
        known.add(row)
        listed += [*row, str(10**9 + number)]
        number += 1000
    ids = ListIds()
    ids.add(listed)
    before = known.distinct()
    front, of = ListFront(before), listed[:]
    read: list[str] = []
    passed = False
    while of and not passed:
        page, of = of[: front.page], of[front.page :]
        passed = front.is_passed_by(page)
        read += page
    found = new_at_front(ids, before)
    assert passed == (found is not None)
    if found is not None:
        assert found <= sum(int(each) > 10**9 for each in read)
