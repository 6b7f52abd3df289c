"""A harvest of lists of followers: what is stored of them, by a real client, against the emulator."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from harvester.clock import moment
from harvester.harvest.depth_files import ids_in, packed_ids
from harvester.harvest.progress import COMPLETE
from harvester.store.folder import FolderStore
from tests.support.graph_stage import edges_of, files_of, lists_of
from tests.support.harvest_stage import Stage, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("graph")
    with staged(folder, users=3000, degrees="pareto:0.8:20", hubs="0:2500") as found:
        yield found


def test_a_list_is_stored_page_by_page_with_its_ids_and_its_end(stage: Stage) -> None:
    hub, other = stage.accounts[0], stage.accounts[5]
    stage.add("one", type="graph", users={hub: {}, other: {}}, graph={"direction": "followers"})
    ended = stage.harvest("one")
    assert ended.outcome.state == COMPLETE, ended.outcome
    summary, ends = ended.summary, {line["user"]: line for line in lists_of(stage, ended)}
    assert set(ends) == {hub, other}
    for user, end in ends.items():
        truth = stage.control.followers(user)
        found = [line for line in edges_of(stage, ended) if line["user"] == user]
        assert [each for line in found for each in line["ids"]] == truth
        assert [line["list"] for line in found] == [end["from"]] * len(found)
        assert (end["outcome"], end["received"], end["count_said"]) == ("complete", len(truth), len(truth))
        assert (end["gained"], end["lost"], end["compared_with"]) == (None, None, None)
    edges = sum(end["received"] for end in ends.values())
    counts = {"users_looked_up": 2, "pages": 4, "users": edges, "edges": edges, "users_done": 2}
    assert (summary["counts"], summary["tweets"], summary["files"]) == (counts, 0, 1)
    assert summary["billed"]["usd"] == (edges + 2) / 100
    started = summary["harvest_timestamp"]
    assert summary["crawl"] == {"started": started, "depth": 0, "users": 2, "edges_a_second": 333}
    assert {user["id"] for user in ended.users} == {hub, other}
    stage.require_tidy("one")


def test_a_line_of_edges_names_the_line_of_its_page(stage: Stage) -> None:
    stage.add("lines", type="graph", users={user: {} for user in stage.accounts[:4]})
    ended = stage.harvest("lines", concurrency=3)
    for line in edges_of(stage, ended):
        page = files_of(stage, ended, "users-")[line["line"] - 1]
        assert [account["id"] for account in page["data"]] == line["ids"]
        assert f"/users/{line['user']}/{line['direction']}?" in page["__twarc"]["url"]


def test_the_depth_of_the_seeds_is_written_once_and_no_list_is_read_twice(stage: Stage) -> None:
    users = sorted(stage.accounts[10:14])
    keys = stage.add("again", type="graph", users={user: {} for user in users})
    first = stage.harvest("again")
    here = keys.crawl(moment(first.summary["harvest_timestamp"]))
    assert list(ids_in(stage.store, here.depth(0))) == users
    assert stage.store.read(here.depth(0)).data == packed_ids(users)
    stage.edit("again", lambda tree: {**tree, "users": {**tree["users"], stage.accounts[20]: {}}})
    second = stage.harvest("again")
    assert second.summary["billed"]["users"] == 0
    assert second.summary["crawl"] == {**first.summary["crawl"], "users": 0}
    version = stage.store.read(keys.last_harvest).version
    stage.store.replace(keys.last_harvest, b'{"harvest_id": "damaged"}', version=version)
    assert stage.harvest("again").outcome.state == COMPLETE


def test_a_clock_that_was_set_back_hides_no_harvest_of_a_crawl_and_no_list_is_paid_for_twice(
    tmp_path: Path,
) -> None:
    class SetBack(FolderStore):
        back = timedelta()

        def now(self) -> datetime:
            return super().now() - self.back

    store = SetBack(tmp_path / "collections")
    with staged(tmp_path, store=store, users=60, degrees="pareto:1.2:6") as stage:
        users = stage.accounts[:4]
        stage.add("late", type="graph", users={user: {} for user in users}, budget_usd=0.3)
        ended = [stage.harvest("late")]
        stage.edit("late", lambda tree: {**tree, "budget_usd": 100})
        for store.back in (timedelta(days=1), timedelta(hours=1)):
            ended.append(stage.harvest("late"))
        assert sorted(line["user"] for line in lists_of(stage, *ended)) == sorted(users)
        names = [each.summary["harvest_timestamp"] for each in ended]
        assert names == sorted(names)
        served = stage.emulated.truth(detail=True)["served"]["followers"]
        assert {times for ids in served.values() for times in ids.values()} == {1}


def test_a_crawl_of_1000_dollars_costs_its_budget_over_four_harvests_and_not_a_cent_more(
    tmp_path: Path,
) -> None:
    """Each harvest is limited, too, reads four lists at once, and loses an answer on the way."""
    hubs = ",".join(f"{number}:10000" for number in range(11))
    with staged(tmp_path, users=10_400, posts_per_user=0, hubs=hubs) as stage:
        stage.add("dear", type="graph", users={user: {} for user in stage.accounts[:11]}, budget_usd=999.97)
        lost = {"on": "GET /2/users/*/followers", "do": "cut-mid-page"}
        stage.control.faults([{**lost, "when": {"nth": number}} for number in (7, 40, 93)])
        ended = [stage.harvest("dear", concurrency=4, budget_usd=350.0) for _ in range(4)]
        users = stage.emulated.truth()["billed"]["users"]
    assert [each.summary["billed"]["usd"] for each in ended] == [350.0, 350.0, 299.97, 0.0]
    assert [each.summary["billed"].get("unanswered", {}).get("requests") for each in ended] == [1, 1, 1, None]
    assert users == 99_997
