"""A stop is quick in every state, with a port and without, and leaves no process and no lock.

`pytest -s tests/durability/test_stops.py -n 0` prints the seconds that each took.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harvester.commands.cli.workspace import chosen
from tests.support import fork_server
from tests.support.cli_session import Person, at_a_terminal, until
from tests.support.s3_gate import OPEN, SHUT, gate
from tests.support.servers import Bucket

_ROOT = Path(__file__).resolve().parents[2]

# What design §2 promises on a working network; without a port 5 s go by until the store is asked.
_WITHIN = 20.0

_STREAM = {"type": "filter", "filter": {"track": "library,archives"}}
_SEARCH = {"type": "search", "search": {"query": "library OR archives"}}
_SILENCE = {"on": "GET /2/tweets/search/stream", "do": "silence", "seconds": 600, "after_posts": 20}
_LIMIT = {"on": "GET /2/tweets/search/recent", "do": "rate-limit", "seconds": 600}

_STATES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "reading a stream": (_STREAM, [], "collecting"),
    "waiting for the rate limit": (_SEARCH, [_LIMIT], "waiting"),
    "on a stream that is silent": (_STREAM, [_SILENCE], "collecting"),
}


def _start(person: Person, tree: dict[str, Any], activity: str) -> None:
    """A harvest that has come to the state that is to be left."""
    person.write({"id": "x", **tree})
    person.output("collection", "add")
    compute = chosen(None, None).this_machine
    log = compute.new_log("x")
    log.parent.mkdir(parents=True)
    compute.start("x", log=log)
    stream = tree["type"] == "filter"

    def there() -> bool:
        account = json.loads(person("harvest", "running", "x", "--json").out or "{}")
        return activity in account.get("activity", "") and (not stream or account["tweets"] >= 20)

    until(there)


def _stop(person: Person) -> float:
    began = time.monotonic()
    told = person("harvest", "stop", "x")
    assert told.code == 0, told
    return time.monotonic() - began


@pytest.mark.parametrize("port", [True, False], ids=["with a port", "without a port"])
@pytest.mark.parametrize("state", _STATES)
def test_a_stop_is_quick_and_clean(
    state: str, port: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, faults, activity = _STATES[state]
    script = tmp_path / "faults.json"
    script.write_text(json.dumps(faults))
    desk = tmp_path / "desk"
    desk.mkdir()
    with at_a_terminal(desk, monkeypatch, users=2, stream_rate="100", faults=str(script)) as (person, _):
        _start(person, tree, activity)
        if not port:
            (address,) = (desk / "collections-runs/x").glob("address-*")
            address.unlink()
        seconds = _stop(person)
        print(f"\n{state}, {'with' if port else 'without'} a port: {seconds:.1f} s")  # noqa: T201
        assert seconds < _WITHIN
        summary = json.loads(person.output("harvest", "last", "x", "--json"))
        assert (summary["state"], summary["reason"]) == ("stopped", "a stop was requested")
        left = {path.name for path in (desk / "collections/x").iterdir()}
        assert left == {"collection.json", "changesets", "harvests", "last_harvest.json"}
        assert person.output("harvest", "list") == "No running harvests.\n"


def test_a_stop_while_the_store_is_away_is_heard_through_the_port_and_keeps_everything(
    tmp_path: Path, s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        gate(s3_environment.server.endpoint) as way,
        at_a_terminal(tmp_path, monkeypatch, users=2, stream_rate="100") as (person, _),
    ):
        s3_environment.known_at(way.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        monkeypatch.setenv("TWARC_CLOUD_BUCKET", s3_environment.name)
        monkeypatch.setenv("TWARC_CLOUD_CHECKPOINT_SECONDS", "1")
        _start(person, _STREAM, "collecting")
        compute = chosen(None, None).this_machine
        way.set(SHUT)
        until(lambda: "retry" in (compute.live("x") or {}).get("activity", ""))
        began = time.monotonic()
        assert compute.ask_to_stop("x")
        until(lambda: not compute.task("x"))
        seconds = time.monotonic() - began
        print(f"\nretrying uploads, with a port: {seconds:.1f} s")  # noqa: T201
        assert seconds < _WITHIN
        way.set(OPEN)
        assert list((tmp_path / "temp").rglob("*.gz")) != []


def test_ctrl_c_while_a_person_waits_ends_the_harvest_with_everything_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "faults.json"
    script.write_text(json.dumps([_LIMIT]))
    desk = tmp_path / "desk"
    desk.mkdir()
    with at_a_terminal(desk, monkeypatch, users=2, faults=str(script)) as (person, _):
        person.write({"id": "x", **_SEARCH})
        person.output("collection", "add")
        door = [sys.executable, str(_ROOT / "twarc_cloud.py"), "collection", "once", "x", "--wait"]
        waiting = fork_server.start(
            [*door, "--progress", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert waiting.stdout
        assert waiting.stderr
        assert waiting.stdout.readline() == "Started\n"
        assert set(json.loads(waiting.stderr.readline())["progress"]) == {"tweets", "files", "file_bytes"}
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=60)
        assert waiting.returncode == 130
        assert "x => Folder: collections." in out
        assert "State: stopped (a stop was requested)." in out
        assert "Traceback" not in err
        assert person.output("harvest", "list") == "No running harvests.\n"


def test_a_harvest_that_was_killed_here_is_seen_at_once_to_be_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_a_terminal(tmp_path, monkeypatch, users=2, stream_rate="100") as (person, _):
        _start(person, _STREAM, "collecting")
        lock = tmp_path / "collections/x/lock.json"
        os.kill(json.loads(lock.read_bytes())["process"], signal.SIGKILL)
        compute = chosen(None, None).this_machine
        until(lambda: not compute.task("x"))
        assert lock.exists()
        assert "x => Folder: collections. Status: DIED (it died;" in person.output("harvest", "list")
        assert "Task not found." in person("harvest", "running", "x").err
        assert "No harvest of x is running." in person("harvest", "stop", "x").err
        (dead,) = json.loads(person.output("harvest", "history", "x", "--json"))
        assert (dead["state"], dead["reason"]) == (
            "interrupted",
            "it died; the next harvest stores what it left",
        )
        # By the door of a container, too, which knows nothing of the processes that `once` started.
        harvester = [sys.executable, str(_ROOT / "tweet_harvester.py"), "local", "harvester", "x"]
        next_one = fork_server.start(harvester, stderr=subprocess.DEVNULL)
        until(lambda: len(json.loads(person.output("harvest", "history", "x", "--json"))) == 2)
        next_one.terminate()
        assert next_one.wait(60) == 143
        assert person.output("harvest", "list") == "No running harvests.\n"
