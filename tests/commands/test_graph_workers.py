"""A crawl by several workers is planned, started, watched and stopped as one collection."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.errors import Exit
from tests.support.cli_session import Person, at_a_terminal, until
from tests.support.crawl_queues import REGION, Queues
from tests.support.servers import S3Server

pytestmark = pytest.mark.system

_TOKENS = {"a": "emulator-bearer", "b": "emulator-bearer-2", "same": "emulator%2Dbearer"}
_OPTIONS: dict[str, Any] = {"users": 60, "posts_per_user": 0, "apps": 2, "degrees": "pareto:0.8:5"}


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moto_server: S3Server
) -> Iterator[tuple[Person, emulator.Emulated, Queues]]:
    """With a crawl of ten accounts, and a queue."""
    queues = Queues(moto_server)
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    profiles = "".join(f"[{name}]\nbearer_token = {token}\n" for name, token in _TOKENS.items())
    (tmp_path / ".twarc").write_text(profiles)
    monkeypatch.setenv("TWARC_CLOUD_CHECKPOINT_SECONDS", "1")
    monkeypatch.setenv("TWARC_CLOUD_GRAPH_QUEUE", queues.url)
    monkeypatch.setenv("TWARC_CLOUD_REGION", REGION)
    with at_a_terminal(tmp_path, monkeypatch, **_OPTIONS) as (person, emulated):
        monkeypatch.delenv("BEARER_TOKEN")
        users: dict[str, Any] = {user["id"]: {} for user in emulated.control.users()[:10]}
        tree = {"id": "libraries", "type": "graph", "users": users, "keys": {"profile": "a"}}
        person.write({**tree, "budget_usd": 50})
        person.output("collection", "add")
        yield person, emulated, queues


def _status(person: Person) -> Any:
    return person("graph", "workers", "status", "libraries", "--json").json


def test_a_crawl_is_read_by_its_workers_and_shown_as_one(
    desk: tuple[Person, emulator.Emulated, Queues],
) -> None:
    person, emulated, _ = desk
    plan = ("graph", "workers", "plan", "libraries", "--profiles", "a,b")
    asked = person(*plan, answer="n\n")
    assert "X counts limits by app, and its terms allow several apps" in asked.err
    assert "libraries.2  b" in asked.out
    assert "workers" not in person.stored("libraries")
    person.output(*plan, "--yes")
    assert person.stored("libraries.2")["keys"] == {"profile": "b"}
    assert person.stored("libraries.2")["budget_usd"] == 25
    alone = person("collection", "once", "libraries")
    assert (alone.code, "libraries has workers" in alone.err) == (Exit.USAGE, True)
    edited = person("collection-config", "download", "libraries.1", "--force")
    assert edited.code == 0
    assert "libraries.1 is a worker of libraries" in person("collection-config", "update").err
    assert person("graph", "workers", "status", "libraries").out.count("ENDED") == 2

    # What is in the way of one does not hide that others were started.
    in_the_way = person.folder / "temp/local/libraries.2"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("")
    half = person("graph", "workers", "start", "libraries")
    assert half.code != 0
    assert "Started libraries.1; libraries.2 was not started:" in half.err
    in_the_way.unlink()
    assert "libraries.2" in person.output("graph", "workers", "start", "libraries")
    until(lambda: {row["state"] for row in _status(person)["workers"]} == {"ENDED"})
    told = _status(person)
    read = [
        json.loads(line)
        for path in (person.folder / "collections").glob("libraries.*/harvests/**/lists.jsonl")
        for line in path.read_text().splitlines()
    ]
    users = list(person.stored("libraries")["users"])
    assert sorted(line["user"] for line in read) == sorted(users)
    for line in read:
        assert line["received"] == len(emulated.control.followers(line["user"]))
    assert told["messages"] == {"waiting": 0, "received": 0, "dead": 0}
    last = person.output("harvest", "last", "libraries")
    assert "libraries.1 =>" in last
    assert "libraries.2 =>" in last


def test_what_cannot_be_planned_or_started_is_one_line(
    desk: tuple[Person, emulator.Emulated, Queues], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, _, queues = desk
    none = person("graph", "workers", "start", "libraries")
    assert (none.code, "libraries has no workers" in none.err) == (Exit.USAGE, True)
    twice = person("graph", "workers", "plan", "libraries", "--profiles", "a,a", "--yes")
    assert (twice.code, "names the profile a twice" in twice.err) == (Exit.USAGE, True)
    person.output("graph", "workers", "plan", "libraries", "--profiles", "a,b", "--yes")
    fewer = person("graph", "workers", "plan", "libraries", "--profiles", "a", "--yes")
    assert (fewer.code, "has 2 workers, and 1 profile is named" in fewer.err) == (Exit.USAGE, True)
    inner = person("graph", "workers", "plan", "libraries.1", "--profiles", "a", "--yes")
    assert (inner.code, "libraries.1 is a worker of libraries" in inner.err) == (Exit.USAGE, True)
    monkeypatch.setenv("TWARC_CLOUD_GRAPH_QUEUE", queues.url + "-gone")
    gone = person("graph", "workers", "start", "libraries")
    assert (gone.code, "There is no queue" in gone.err) == (Exit.USAGE, True)
    monkeypatch.delenv("TWARC_CLOUD_GRAPH_QUEUE")
    unset = person("graph", "workers", "start", "libraries")
    assert (unset.code, "`graph_queue` is not set" in unset.err) == (Exit.USAGE, True)
    assert person.output("harvest", "list") == "No running harvests.\n"
