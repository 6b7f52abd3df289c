"""A collection of followers by the commands that people use: checked, harvested, shown, verified."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.errors import Exit
from harvester.networks import validation
from tests.support.cli_session import Person, at_a_terminal

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Person, emulator.Emulated]]:
    options: dict[str, Any] = {"users": 200, "posts_per_user": 2, "limits": False, "hubs": "0:120,1:40"}
    with pytest.MonkeyPatch.context() as patch:
        folder: Path = tmp_path_factory.mktemp("desk")
        with at_a_terminal(folder, patch, **options) as found:
            yield found


@pytest.fixture(scope="module")
def person(desk: tuple[Person, emulator.Emulated]) -> Person:
    return desk[0]


@pytest.fixture(scope="module")
def seeds(desk: tuple[Person, emulator.Emulated]) -> list[str]:
    return [user["id"] for user in desk[1].control.users(count=2)]


@pytest.fixture(scope="module")
def harvested(person: Person, seeds: list[str]) -> str:
    """What the first harvest of the collection `watch` printed."""
    person.write({"id": "watch", "type": "graph", "users": {seed: {} for seed in seeds}})
    person.output("collection", "add")
    return person.harvester("local", "harvester", "watch").out


def test_a_template_is_filled_in_checked_and_priced(person: Person, seeds: list[str]) -> None:
    person.output("collection-config", "template", "graph", "--id", "priced", "--force")
    assert person("collection-config", "check").code == Exit.ERROR
    person.output("collection-config", "userids", *seeds)
    offline = person.output("collection-config", "check")
    assert "`--live` looks up how long they are, for $0.02" in offline
    live = person("collection-config", "check", "--live")
    assert live.code and "look-up of 2 users, which costs at most $0.02" in live.out + live.err
    told = person.output("collection-config", "check", "--live", "--yes")
    assert "at most $1.62 for depth 0: 160 accounts on the lists of 2 users" in told
    assert "less than a minute" in told
    tree = person.file
    person.write({**tree, "budget_usd": 50, "graph": {**tree["graph"], "max_edges_per_user": 100}})
    words = person.output("collection-config", "check")
    assert "at most $2.02 for depth 0 (100 of each list)" in words
    assert "$50.00, which pays for 5,000 accounts" in words


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"depth": 1}, "Unknown key graph.depth."),
        ({"direction": "up"}, 'graph.direction is \'up\'; it must be "followers" or "following" or "both".'),
        ({"max_depth": -1}, "graph.max_depth is -1"),
        ({"max_users": 0}, "graph.max_users is 0"),
        ({"steps": ["edges", "timeline"]}, "make a user_timeline collection of a frontier"),
        ({"exclude": ["@jack"]}, "graph.exclude holds '@jack'"),
        ({"select": {"min_folowers": 1}}, "min_followers"),
        ({"approve": "within_budget"}, "which needs a budget_usd"),
        ({"crawl": {"depth": "deep"}}, "graph.crawl.depth is 'deep'"),
        ({"crawl": {"started": "today"}}, "graph.crawl.started is 'today'; it must be a time"),
        ({"crawl": {"approved": {"1": "all"}}}, "graph.crawl.approved is {'1': 'all'}; it must be an object"),
        ([], "Graph is not properly structured."),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(section: Any, words: str) -> None:
    tree = {"id": "w", "type": "graph", "users": {"12": {}}, "graph": section}
    assert any(words in problem for problem in validation.problems(tree)), validation.problems(tree)


def test_a_harvest_is_shown_verified_and_read(
    person: Person, desk: tuple[Person, emulator.Emulated], harvested: str, seeds: list[str]
) -> None:
    assert "Edges: 160" in harvested
    last = person.output("harvest", "last", "watch")
    assert "Edges: 160" in last and "Users: 2 done, 0 left." in last
    proof = person.output("collection", "verify", "watch", "--duplicates")
    assert "OK: 1 harvest, 0 posts, 2 lists, 160 edges, 0 gaps" in proof
    person.output("collection", "download", "watch", "--verify")
    names = {path.name.split("-")[0] for path in (person.folder / "download").rglob("*.gz")}
    assert {"users", "edges", "depth"} <= names
    assert person.output("export", "ids", "watch").split() == []
    hint = "watch has lists of followers and no posts; `export edges watch` exports them."
    told = person("export", "jsonl", "watch")
    assert (told.code, hint in told.err) == (Exit.OK, True)
    assert hint in person("search", "flood").err
    assert hint in person("tables", "build", "watch").err
    assert hint not in person("export", "edges", "watch").err
    person.output("search", "index")
    assert person("search", "flood", "--json").json["index"]["behind_files"] == 0
    follower = desk[1].control.followers(seeds[1])[0]
    known = json.loads(person.output("accounts", "lookup", follower, "--json"))
    assert follower in json.dumps(known)
    assert "watch" not in person("search", "u").out
    lists = next((person.folder / "collections/watch").rglob("lists.jsonl")).read_text().splitlines()
    ends = {line["user"]: line["received"] for line in map(json.loads, lists)}
    assert ends == dict(zip(seeds, (120, 40), strict=True))
    listed = json.loads(person.output("harvest", "last", "watch", "--json"))
    assert listed["counts"]["edges"] == 160 and listed["tweets"] == 0
    # As `check --live` said.
    assert listed["billed"]["usd"] == 1.62


def test_users_without_a_list_are_counted_by_why(
    person: Person, desk: tuple[Person, emulator.Emulated]
) -> None:
    control = desk[1].control
    users = [user["id"] for user in control.users(count=60)][-5:]
    states = dict(zip(users, ["protected", "protected", "suspended", "deleted", "ok"], strict=True))
    for user, state in states.items():
        control.user(user, state=state)
    person.write({"id": "hidden", "type": "graph", "users": {user: {} for user in users}})
    without = "4 without a list (2 protected, 1 suspended, 1 not found)"
    said = person.output("collection-config", "check", "--live", "--yes")
    assert f"{without}; not found: {users[3]}; protected: @" in said
    assert f"; suspended: {users[2]}." in said
    person.output("collection", "add")
    assert f"Users: 5 done, {without}, 0 left." in person.harvester("local", "harvester", "hidden").out
    assert f"Depth 0: {without}." in person.output("graph", "status", "hidden")
    (seeds, *_) = json.loads(person.output("graph", "status", "hidden", "--json"))["depths"]
    assert seeds["without_list"] == {"protected": 2, "suspended": 1, "not_found": 1}


@pytest.mark.usefixtures("harvested")
def test_a_damaged_file_of_edges_is_found(person: Person) -> None:
    (edges,) = (person.folder / "collections/watch").rglob("edges-*.gz")
    whole = edges.read_bytes()
    edges.write_bytes(whole[: len(whole) // 2])
    told = person("collection", "verify", "watch")
    edges.write_bytes(whole)
    assert told.code and edges.name in told.out + told.err
