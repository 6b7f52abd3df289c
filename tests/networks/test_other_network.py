"""Another network is a package with an entry point: collected whole, and no line of the product knows it."""

import gzip
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.errors import Exit
from harvester.networks import registry, validation
from tests.support import fork_server
from tests.support.cli_session import Person, until

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_MODULE = "wall_network"
_ENTRY_POINTS = f"[{registry.GROUP}]\nwall = {_MODULE}:WallNetwork\n"
_METADATA = "Metadata-Version: 2.1\nName: wall-network\nVersion: 1.0\n"


class _Wall:
    """The wall, for those who post on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def post(self, number: int, *, by: str = "ann", text: str = "a flood") -> str:
        post_id = "p-" + "".join(chr(ord("a") + int(digit)) for digit in str(number))
        self.write({"id": post_id, "by": by, "text": f"{text} ({number})"})
        return post_id

    def write(self, tree: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(orjson.dumps(tree) + b"\n")


@pytest.fixture
def wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Wall]:
    """A wall, and the package of its network as pip would have installed it."""
    site = tmp_path / "site"
    described = site / "wall_network-1.0.dist-info"
    described.mkdir(parents=True)
    shutil.copy(_HERE / f"{_MODULE}.py", site)
    (described / "METADATA").write_text(_METADATA)
    (described / "entry_points.txt").write_text(_ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("WALL", str(tmp_path / "wall.jsonl"))
    yield _Wall(tmp_path / "wall.jsonl")
    registry._named.cache_clear()
    sys.modules.pop(_MODULE, None)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Without any keys."""
    desk = tmp_path / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)
    person = Person(desk)
    yield person
    person.end_all()


def _add(person: Person, **tree: Any) -> None:
    person.write({"id": "w", "network": "wall", **tree})
    person.output("collection", "add")


def _stored(person: Person) -> list[str]:
    """The ids of the records that are stored, in their order."""
    files = sorted((person.folder / "collections/w").rglob("tweets-*.gz"))
    lines = [line for path in files for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [orjson.loads(line)["id"] for line in lines]


def _summaries(person: Person) -> list[dict[str, Any]]:
    paths = sorted((person.folder / "collections/w").rglob("harvest.json"))
    return [orjson.loads(path.read_bytes()) for path in paths]


def _is_whole(person: Person) -> None:
    """Verified where it lies, downloaded, and the copy verified."""
    stored = f"OK: {len(_summaries(person))} harvests, {len(_stored(person))} posts, 0 gaps;"
    assert stored in person.output("collection", "verify", "w", "--duplicates")
    person.output("collection", "download", "w", "--verify")
    copies = {path.name for path in (person.folder / "download").rglob("tweets-*.gz")}
    assert copies == {path.name for path in (person.folder / "collections/w").rglob("tweets-*.gz")}


def test_timelines_of_another_network_are_harvested_on_from_where_they_were(
    wall: _Wall, person: Person
) -> None:
    ids = [wall.post(number, by="ann" if number % 2 else "bob") for number in range(7)]
    _add(person, type="user_timeline", users={"ann": {}, "bob": {}}, delete_users_for=["left"])
    assert "Billed" in person.harvester("local", "harvester", "w").out
    assert sorted(_stored(person)) == sorted(ids)
    assert person.stored("w")["users"]["ann"] == {"since_id": ids[5], "screen_name": "ann"}
    new = wall.post(8, by="bob")
    wall.write({"left": "ann"})
    assert person.harvester("local", "harvester", "w").code == 0
    assert sorted(_stored(person)) == sorted([*ids, new])
    assert list(person.stored("w")["users"]) == ["bob"]
    assert "User ann: left, deleted" in person.output("harvest", "last", "w")
    assert [summary["billed"]["usd"] for summary in _summaries(person)] == [0, 0]
    assert "set to p-f" not in person.output("collection-config", "changes", "w")
    _is_whole(person)


def test_a_search_of_another_network_goes_on_after_max_records(wall: _Wall, person: Person) -> None:
    ids = [wall.post(number) for number in range(5)]
    wall.post(9, text="nothing")
    _add(person, type="search", search={"query": "flood", "max_records": 3})
    assert "none are needed" in person.output("collection-config", "check", "--live")
    assert person("collection", "once", "w", "--wait").code == 0
    assert _stored(person) == ids[:3]
    assert person("collection", "once", "w", "--wait").code == 0
    assert _stored(person) == ids
    _is_whole(person)


@pytest.mark.system
def test_a_stream_of_another_network_that_was_killed_is_replayed_without_a_gap(
    wall: _Wall, person: Person
) -> None:
    wall.post(1)
    _add(person, type="filter", filter={"track": "flood"})
    killed = _harvester(person)
    try:
        until((person.folder / "collections/w/checkpoint.json").exists)
        until(lambda: _journaled(person))
        heard = [wall.post(number) for number in range(2, 5)]
        until(lambda: heard[-1].encode() in _journal(person))
        assert person.harvester("local", "harvester", "w").code == Exit.LOCKED
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    missed = [wall.post(number, text="no rain" if number == 6 else "a flood") for number in range(5, 8)]
    assert person.output("collection", "filter-start", "w") == "Started\n"
    until(lambda: person("harvest", "running", "w", "--json").code == 0)
    until(lambda: person("harvest", "running", "w", "--json").json["tweets"] >= 2)
    last = wall.post(8)
    until(lambda: person("harvest", "running", "w", "--json").json["tweets"] >= 3)
    assert person.output("collection", "filter-stop", "w") == "Stopping ...\nStopped\n"
    assert _stored(person) == [*heard, missed[0], missed[2], last]
    first, second = _summaries(person)
    assert (first["state"], second["state"]) == ("interrupted", "stopped")
    assert first["gaps"] == second["gaps"] == []
    assert not {"missed_interval"} & {*first, *second}
    _is_whole(person)


def test_what_such_a_network_cannot_replay_is_a_gap(wall: _Wall, person: Person) -> None:
    for number in range(3):
        wall.post(number)
    _add(person, type="filter", filter={"track": "flood", "max_records": 1, "position": "100000"})
    assert person.harvester("local", "harvester", "w").code == Exit.PARTIAL
    (summary,) = _summaries(person)
    assert [gap["reason"] for gap in summary["gaps"]] == ["the wall was wiped"]


def test_a_stream_of_another_network_has_no_rules(wall: _Wall, person: Person) -> None:
    _add(person, type="filter", filter={"track": "flood"})
    told = person("collection", "rules", "w")
    assert (told.code, "w has no rules: only streams of X have." in told.err) == (Exit.USAGE, True)
    assert [client.closed for client in sys.modules[_MODULE].MADE] == [True]


def test_a_collection_is_judged_by_the_rules_of_its_network(wall: _Wall) -> None:
    timelines = {"id": "w", "network": "wall", "type": "user_timeline", "users": {"ann": {"since_id": "p-a"}}}
    assert validation.problems(timelines) == []
    ids = "X's ids are numbers from 1 to 9223372036854775807, as text, without leading zeros."
    assert validation.problems({**timelines, "network": "x"}) == [
        f"ann is not a user_id. {ids}",
        f"The since_id of user ann is not a post id. {ids}",
    ]
    assert validation.problems({**timelines, "users": {"17": {}}}) == ["17 is not a user_id."]
    (told,) = validation.problems({**timelines, "network": "fence"})
    assert "fence is not installed" in told and "wall, x" in told


def test_names_of_accounts_are_read_as_their_network_has_them(wall: _Wall) -> None:
    typed = " @ann-of-green-gables\u200b"
    assert registry.network_of({"network": "wall"}).name_in(typed) == "ann-of-green-gables"
    assert registry.network_of({}).name_in(typed) == ""


def test_a_network_whose_package_is_broken_is_named(wall: _Wall, tmp_path: Path) -> None:
    points = tmp_path / "site/wall_network-1.0.dist-info/entry_points.txt"
    points.write_text(f"{_ENTRY_POINTS}moat = no_such_module:Moat\n")
    (told,) = validation.problems({"id": "w", "network": "moat", "type": "search", "search": {"query": "a"}})
    assert "moat cannot be loaded from no_such_module:Moat: unexpected ModuleNotFoundError" in told


def test_a_collection_stays_with_its_network(wall: _Wall, person: Person) -> None:
    _add(person, type="search", search={"query": "flood"})
    person.write({**person.file, "network": "x"})
    assert "The network may not change." in person("collection-config", "update").err
    assert person.stored("w")["network"] == "wall"


def test_the_contract_is_all_that_such_a_network_knows() -> None:
    lines = (_HERE / f"{_MODULE}.py").read_text().splitlines()
    assert len(lines) < 220
    assert not [line for line in lines if "networks.x" in line or "harvester.harvest" in line]
    product = "".join(path.read_text() for path in (_ROOT / "harvester").rglob("*.py"))
    assert _MODULE not in product and "WallNetwork" not in product


def _harvester(person: Person) -> "subprocess.Popen[bytes]":
    door = [sys.executable, str(_ROOT / "tweet_harvester.py"), "local", "harvester", "w"]
    return fork_server.start(door, cwd=person.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _journal(person: Person) -> bytes:
    return b"".join(path.read_bytes() for path in (person.folder / "temp").rglob("journal-*.jsonl"))


def _journaled(person: Person) -> bool:
    return b'"position"' in _journal(person)


def test_a_network_without_lists_of_followers_says_so_in_one_line(wall: _Wall, person: Person) -> None:
    assert wall.path.exists()
    person.write({"id": "w", "network": "wall", "type": "graph", "users": {"ann": {}}})
    told = person("collection-config", "check")
    assert told.code and "The network wall has no lists of followers to collect." in told.out + told.err
