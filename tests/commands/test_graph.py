"""The commands of crawls: what they show and change, and one line for what cannot be."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop, SystemClock
from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection.approved import say_what_follows
from harvester.errors import Exit
from harvester.graph.workers.begin import begin_crawl
from harvester.harvest.lock import Lock
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person, at_a_terminal
from tests.support.crawls import crawl, frontiers, here_of, latest, lines_of, truth, visits
from tests.support.harvest_stage import Stage, staged


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graph")


@pytest.fixture(scope="module")
def stage(folder: Path) -> Iterator[Stage]:
    with staged(folder, users=400, degrees="pareto:1.2:3") as found:
        yield found


@pytest.fixture
def person(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(folder)
    return Person(folder)


def add(stage: Stage, name: str, seeds: list[str], **section: Any) -> CollectionKeys:
    budget = {"budget_usd": section.pop("budget_usd")} if "budget_usd" in section else {}
    return stage.add(name, type="graph", users={seed: {} for seed in seeds}, graph=section, **budget)


def select(stage: Stage, name: str, conditions: dict[str, Any]) -> None:
    stage.edit(name, lambda tree: {**tree, "graph": {**tree["graph"], "select": conditions}})


def refused(person: Person, *arguments: str) -> str:
    """The one line of a command that is refused."""
    told = person(*arguments)
    assert told.code == 2, told
    assert told.err.count("\n") == 1, told.err
    return told.err


def test_the_status_shows_each_depth_and_the_three_lines_of_the_bill(stage: Stage, person: Person) -> None:
    seeds = stage.accounts[:2]
    add(stage, "libraries", seeds, max_depth=1, budget_usd=0.2)
    crawl(stage, "libraries")
    users = len(truth(stage, seeds, depths=0)[1])
    head, past = person.output("harvest", "history", "libraries").splitlines()
    assert head.split()[:3] == ["HARVEST", "STATE", "EDGES"]
    edges = sum(len(stage.control.followers(seed)) for seed in seeds)
    assert past.split()[3] == str(edges)
    out = person.output("graph", "status", "libraries")
    assert "Depth 1, at most: $" in out and f"all lists of {users} users." in out
    assert "Less overlap: $" in out
    left = latest(stage, "libraries").budget_left(latest(stage, "libraries").harvests())
    assert left
    assert f"At the budget: ${left:,.2f} are left, for the lists of " in out
    assert "Next: wait for approval, depth 1: depth 1 of " in out
    told = json.loads(person.output("graph", "status", "libraries", "--json"))
    assert [each["state"] for each in told["depths"]] == ["closed", "known"]
    assert told["depths"][1]["users"] == users
    assert told["next"]["step"] == "wait for approval"
    # As many as the budget pays for, of those that cost least.
    costs = [int(line.split("\t")[1]) for line in lines_of(stage, here_of(stage, "libraries").order(1))]
    reached = told["at_the_budget"]["users"]
    assert sum(costs[:reached]) / 100 <= left < sum(costs[: reached + 1]) / 100


def test_a_crawl_has_no_sinks_as_these_deliver_posts(stage: Stage, person: Person) -> None:
    tree = {"id": "fans", "type": "graph", "users": {"12": {}}, "sinks": [{"type": "stdout"}]}
    person.write(tree)
    words = "A graph collection has lists of accounts, and sinks deliver posts: remove sinks."
    told = person("collection-config", "check")
    assert told.code == Exit.ERROR
    assert [line for line in told.out.splitlines() if words in line], told
    assert words in person("collection", "add").err
    add(stage, "unsunk", stage.accounts[:1])
    for typed in ("sink run unsunk --to stdout", "sink list unsunk", "harvest tail unsunk --once"):
        assert "unsunk has lists of followers and no posts. `export edges unsunk`" in refused(
            person, *typed.split()
        )


def test_an_approval_is_refused_in_one_line_where_it_cannot_be(stage: Stage, person: Person) -> None:
    add(stage, "asks", stage.accounts[5:7], max_depth=2, budget_usd=100)
    typed = "graph approve asks --depth 1 --usd 1"
    assert "asks has no crawl yet. `" in refused(person, *typed.split())
    crawl(stage, "asks")
    for options, words in (
        ("--depth 0 --usd 1", "has no depth 0 to approve: max_depth is 2."),
        ("--depth 3 --usd 1", "has no depth 3 to approve: max_depth is 2."),
        ("--depth 2 --usd 1", "Depth 2 of asks is not known yet: depth 1 is not closed."),
        ("--depth 1 --usd 100", "$100.00 for depth 1 of asks is more than the budget has left: $99."),
    ):
        assert words in refused(person, "graph", "approve", "asks", *options.split())
    typed = "graph approve asks --depth 1 --usd 50"
    assert "Would approve depth 1 of asks for $50.00" in person.output(*typed.split(), "--dry-run")
    assert person.output(*typed.split()) == "Depth 1 of asks is approved for $50.00.\n"
    assert stage.collection("asks")["graph"]["crawl"]["approved"] == {"1": 50.0}
    assert "Depth 1 of asks is already approved for $50.00." in refused(person, *typed.split())
    assert person(*["graph", "approve", "asks", "--depth", "1", "--usd", "60"]).code == 0
    crawl(stage, "asks")
    again = refused(person, *["graph", "approve", "asks", "--depth", "1", "--usd", "70"])
    assert "Depth 1 of asks is collected already." in again


def test_a_crawl_that_was_selected_again_equals_one_that_began_so(stage: Stage, person: Person) -> None:
    seeds, conditions = stage.accounts[10:13], {"min_followers": 6, "not": {"max_statuses": 50}}
    add(stage, "first", seeds, max_depth=1)
    add(stage, "fresh", seeds, max_depth=1, select=conditions)
    crawl(stage, "first")
    crawl(stage, "fresh")
    select(stage, "first", conditions)
    billed = sum(each.harvest.usd for each in latest(stage, "first").harvests())
    assert "Would select " in person.output("graph", "reselect", "first", "--dry-run")
    assert frontiers(stage, "first") != frontiers(stage, "fresh")
    out = person.output("graph", "reselect", "first")
    assert "  min_followers: " in out
    for name in ("depth", "order", "judged"):
        of = [getattr(here_of(stage, each), name)(1) for each in ("first", "fresh")]
        assert stage.store.read(of[0]).data == stage.store.read(of[1]).data
    assert frontiers(stage, "first") == frontiers(stage, "fresh")
    assert 0 < len(frontiers(stage, "first")[1]) < len(truth(stage, seeds, depths=0)[1])
    assert sum(each.harvest.usd for each in latest(stage, "first").harvests()) == billed
    assert crawl(stage, "first").limit == "approval"


def test_a_depth_that_is_begun_is_not_selected_again(stage: Stage, person: Person) -> None:
    add(stage, "begun", stage.accounts[15:17], max_depth=1, budget_usd=2)
    no_depth = refused(person, "graph", "reselect", "begun")
    assert "begun has no crawl yet." in no_depth
    crawl(stage, "begun")
    person.output(*["graph", "approve", "begun", "--depth", "1", "--usd", "0.5"])
    assert crawl(stage, "begun").limit == "budget"
    assert "Depth 1 of begun is begun: its lists are being paid for" in refused(
        person, *["graph", "reselect", "begun"]
    )


def test_a_selection_that_rejected_everybody_is_changed_and_the_crawl_goes_on(
    stage: Stage, person: Person
) -> None:
    seeds = stage.accounts[20:22]
    add(stage, "none", seeds, max_depth=1, select={"min_followers": 10**9})
    crawl(stage, "none")
    assert stage.collection("none")["graph"]["crawl"] is None
    started = latest(stage, "none").started
    select(stage, "none", {})
    person.output("graph", "reselect", "none")
    assert stage.collection("none")["graph"]["crawl"]["started"] == started
    assert frontiers(stage, "none") == truth(stage, seeds, depths=0)
    assert crawl(stage, "none").limit == "approval"


def test_lists_that_failed_are_collected_again_when_a_person_wants_it(stage: Stage, person: Person) -> None:
    seeds = stage.accounts[30:33]
    add(stage, "fails", seeds)
    path = f"GET /2/users/{seeds[1]}/followers"
    stage.control.faults([{"on": path, "do": "internal-error"}])
    assert crawl(stage, "fails").state == "partial"
    stage.control.faults([])
    assert frontiers(stage, "fails")[1] != truth(stage, seeds, depths=0)[1]
    told = json.loads(person.output("graph", "retry", "fails", "--json"))
    assert told["lists"] == [{"user": seeds[1], "direction": "followers"}]
    crawl(stage, "fails")
    assert frontiers(stage, "fails") == truth(stage, seeds, depths=0)
    assert "No list of depth 0 of fails has failed." in person.output("graph", "retry", "fails")


def test_what_continues_a_crawl_with_workers_is_named(stage: Stage, person: Person) -> None:
    (seed,) = stage.accounts[40:41]
    tree: dict[str, Any] = {"type": "graph", "users": {seed: {}}, "graph": {}, "workers": {"profiles": ["a"]}}
    keys, worker = stage.add("shared", **tree), CollectionKeys("shared.1")
    begin_crawl(stage.store, keys, stage.collection("shared"))  # type: ignore[arg-type]
    latest(stage, "shared").marks(0).mark_done(seed, {"outcome": "failed"})
    start = "`graph workers start shared`"
    assert f"{start} starts it." in person("graph", "retry", "shared").err
    stage.store.create(worker.checkpoint, b"{}")
    left = person("graph", "reselect", "shared")
    assert f"A harvest of {worker.id} did not end" in left.err
    assert f"{start}." in left.err
    lock = Lock(stage.store, worker.lock, clock=SystemClock(), stop=Stop(), owner="another")
    lock.acquire()
    assert f"A harvest of {worker.id} is already running" in person("graph", "reselect", "shared").err


def test_a_frontier_is_printed_written_and_taken_as_it_is_by_a_collection_of_timelines(
    stage: Stage, person: Person, folder: Path
) -> None:
    seeds = stage.accounts[40:42]
    add(stage, "found", seeds)
    crawl(stage, "found")
    ids = truth(stage, seeds, depths=0)[1]
    assert person.output("graph", "frontier", "found").split() == ids
    assert person.output("graph", "frontier", "found", "--depth", "0", "-o", "-").split() == sorted(seeds)
    assert "has no depth 7 yet" in refused(person, *["graph", "frontier", "found", "--depth", "7"])
    words = person.output("graph", "frontier", "found", "-o", "frontier.txt.gz")
    users = f"{len(ids)} users of depth 1 of the crawl of {latest(stage, 'found').started[:19]}"
    assert words == f"Wrote {users} to frontier.txt.gz.\n"
    assert gzip.decompress((folder / "frontier.txt.gz").read_bytes()).decode().split() == ids
    again = refused(person, *["graph", "frontier", "found", "--depth", "0", "-o", "frontier.txt.gz"])
    assert again == "frontier.txt.gz exists. Choose another name with -o, or --replace it.\n"
    assert gzip.decompress((folder / "frontier.txt.gz").read_bytes()).decode().split() == ids
    person.output("graph", "frontier", "found", "-o", "frontier.txt.gz", "--replace")
    assert "no folder nowhere" in refused(person, "graph", "frontier", "found", "-o", "nowhere/a.txt")
    assert not (folder / "nowhere").exists()
    # The stored file itself, too.
    stored = stage.store.read(here_of(stage, "found").depth(1)).data
    (folder / "depth-1.txt.gz").write_bytes(stored)
    for name in ("frontier.txt.gz", "depth-1.txt.gz"):
        (folder / "collection.json").unlink(missing_ok=True)
        person.output(*["collection-config", "template", "user_timeline", "--id", "posts"])
        person.output("collection-config", "userid-files", name)
        assert list(person.file["users"]) == ids
    stage.add("posts", **{key: value for key, value in person.file.items() if key != "id"})
    ended = stage.harvest("posts")
    assert ended.outcome.state == "complete", ended.outcome
    assert ended.summary["tweets"] > 0


def test_a_file_of_another_crawl_in_the_place_of_a_depth_is_said(stage: Stage, person: Person) -> None:
    add(stage, "one", stage.accounts[50:52], max_depth=1)
    crawl(stage, "one")
    key = here_of(stage, "one").figures(1)
    others = {**json.loads(stage.store.read(key).data), "crawl": "2026-01-01T00:00:00.000000+00:00"}
    stage.store.remove(key)
    stage.store.create(key, json.dumps(others).encode())
    told = person("graph", "status", "one")
    assert told.code == 1
    assert told.err.count("\n") == 1
    assert "depth-1.json is of another crawl or depth: of " in told.err
    assert "`graph reselect one`" in told.err


def test_what_the_orders_mean_is_visible_in_the_order_file(stage: Stage, person: Person) -> None:
    add(stage, "ids", stage.accounts[60:62], max_depth=1, by="id")
    crawl(stage, "ids")
    assert visits(stage, "ids", 1) == frontiers(stage, "ids")[1]


def test_once_goes_through_a_crawl_and_refuses_it_while_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_a_terminal(tmp_path, monkeypatch, users=300, degrees="pareto:1.2:3") as (someone, emulated):
        seeds = [user["id"] for user in emulated.control.users()[:2]]
        tree = {"id": "crowd", "type": "graph", "users": {seed: {} for seed in seeds}}
        someone.write({**tree, "graph": {"max_depth": 1}})
        someone.output("collection", "add")
        first = someone("collection", "once", "crowd", "--wait")
        assert first.code == 5, first
        assert "crowd waits for approval: depth 1 of " in first.err
        again = someone("collection", "once", "crowd", "--wait")
        assert (again.code, again.err.count("\n")) == (5, 1), again
        assert again.err.startswith("crowd waits for approval: depth 1 of ")
        someone.output(*["graph", "approve", "crowd", "--depth", "1", "--usd", "50"])
        last = someone("collection", "once", "crowd", "--wait")
        assert last.code == 0, last
        assert "The crawl of crowd is over; `" in last.err
        users = json.loads(someone.output("graph", "status", "crowd", "--json"))["depths"]
        assert [each["depth"] for each in users] == [0, 1, 2]


def test_a_crawl_whose_harvest_did_not_begin_is_not_over(
    stage: Stage, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = add(stage, "early", ["12"])
    here = Workspace(Settings(collections_path=str(person.folder / "collections")))
    tree = here.collection(keys)
    say_what_follows(here, keys, tree)
    assert capsys.readouterr().err == ""
    over = {**tree, "graph": {"last_crawl": {"started": "2026-11-23T09:00:00.000000+00:00"}}}
    stage.edit(keys.id, lambda _: over)
    say_what_follows(here, keys, tree)
    assert "The crawl of early is over; `" in capsys.readouterr().err


def test_a_downloaded_and_a_copied_crawl_have_its_depths(stage: Stage, person: Person, folder: Path) -> None:
    add(stage, "kept", stage.accounts[70:72])
    crawl(stage, "kept")
    names = {entry.key.rpartition("/")[2] for entry in stage.store.entries(here_of(stage, "kept").folder)}
    assert names >= {"depth-0.txt.gz", "depth-1.txt.gz", "depth-1.json", "order-1.txt.gz"}
    person.output("collection", "download", "kept")
    assert {path.name for path in (folder / "download").rglob("graph/*/*")} == names
    there = ("--collections-path", "other")
    person.output("collection", "copy", "kept", "kept", "--with-harvests", "--to-collections-path", "other")
    assert person.output("graph", "frontier", "kept", *there) == person.output("graph", "frontier", "kept")
    # One under another id has no crawl yet.
    person.output("collection", "copy", "kept", "twin")
    assert "twin has no crawl yet." in refused(person, "graph", "status", "twin")
    person.output("collection", "delete", "kept", "--yes", *there)
    assert not list((folder / "other" / "kept").rglob("*.gz"))


@pytest.fixture
def keys_set(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_API_URL", stage.emulated.url)
    monkeypatch.setenv("BEARER_TOKEN", "emulator-bearer")


@pytest.mark.usefixtures("keys_set")
def test_a_crawl_of_which_nothing_is_left_to_spend_says_so(stage: Stage, person: Person) -> None:
    add(stage, "poor", stage.accounts[80:83], max_depth=1, budget_usd=50)
    crawl(stage, "poor")
    person.output(*["graph", "approve", "poor", "--depth", "1", "--usd", "0.5"])
    crawl(stage, "poor")
    told = person("graph", "status", "poor")
    assert "Next: nothing, as the approval of $0.50 for depth 1 is used up: $0.50 are billed." in told.out
    assert "graph approve poor --depth 1 --usd " in told.err
    users = json.loads(person.output("graph", "status", "poor", "--json"))
    assert f"for the lists of {users['at_the_budget']['users']} of " in told.out
    left = sum(1 for _ in latest(stage, "poor").waiting(1, stage.work / "left"))
    assert 0 < left < users["depths"][1]["users"]
    assert f" of {left} users that are left, in" in told.out
    assert users["at_the_budget"]["users"] <= left
    again = person("collection", "once", "poor", "--wait")
    assert again.code == 5 and again.err.startswith("poor cannot continue: the approval of $0.50 for depth 1")


@pytest.mark.usefixtures("keys_set")
def test_a_crawl_that_a_lower_max_depth_ends_is_over_and_nothing_is_started(
    stage: Stage, person: Person
) -> None:
    add(stage, "lowered", stage.accounts[84:86], max_depth=1)
    crawl(stage, "lowered")
    stage.edit("lowered", lambda tree: {**tree, "graph": {**tree["graph"], "max_depth": "0"}})
    assert "Next: nothing; the crawl is over at depth 0." in person.output("graph", "status", "lowered")
    ended = person("collection", "once", "lowered", "--wait")
    assert ended.code == 0 and "The crawl of lowered is over at depth 0;" in ended.err, ended
    assert stage.collection("lowered")["graph"]["crawl"] is None
    assert len(latest(stage, "lowered").harvests()) == 1


def test_an_edit_says_what_applies_from_the_next_crawl(stage: Stage, person: Person) -> None:
    seeds = stage.accounts[87:89]
    add(stage, "edited", seeds, max_depth=1)
    crawl(stage, "edited")
    person.output("collection-config", "download", "edited", "--force")
    tree = person.file
    tree["graph"]["direction"] = "following"
    users = {user: value for user, value in tree["users"].items() if user != seeds[0]}
    person.write({**tree, "users": {**users, stage.accounts[90]: {}, stage.accounts[91]: {}}})
    told = person("collection-config", "update", "--yes")
    words = "graph.direction applies from the next crawl; the one under way began with followers."
    for said in (
        words,
        "The lists of 2 added users are read from the next crawl.",
        "Of 1 removed user the crawl under way keeps the lists that it has read.",
    ):
        assert said in told.err, told
    assert words in person("graph", "status", "edited").err
    assert words in person("collection-config", "check", "edited").out


def test_a_collection_without_crawls_is_named_as_such(stage: Stage, person: Person) -> None:
    stage.add("tweets", type="user_timeline", users={stage.accounts[0]: {}})
    assert refused(person, "graph", "status", "tweets").startswith("tweets is not a graph collection.")


def test_a_harvest_that_did_not_end_is_said_of_a_crawl_that_is_not_stored(
    stage: Stage, person: Person
) -> None:
    keys = add(stage, "died", stage.accounts[92:94])
    begun = {"state": {"harvest": "2026-01-02T03:04:05+00:00"}}
    stage.store.create(keys.checkpoint, json.dumps(begun).encode())
    told = refused(person, "graph", "status", "died")
    assert "A harvest of died did not end" in told and "collection once died" in told
