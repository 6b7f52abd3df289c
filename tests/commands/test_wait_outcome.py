"""`once --wait` reports the outcome of the harvest that it started, never that of another one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.commands.collection.follow import exit_code
from harvester.compute import Ended
from harvester.documents import HarvestSummary
from harvester.errors import Exit
from tests.support import fork_server
from tests.support.cli_session import Person, at_a_terminal, until
from tests.support.stores import ATOMIC, placed

pytestmark = pytest.mark.system

_DOOR = str(Path(__file__).resolve().parents[2] / "twarc_cloud.py")
_LIMIT = {"on": "GET /2/tweets/search/recent", "do": "rate-limit", "seconds": 600}
_DIED = "The harvest died; `harvest log x` shows its log; start it again: nothing stored is lost.\n"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """A search whose harvests wait for the rate limit until they are ended."""
    script = tmp_path / "faults.json"
    script.write_text(json.dumps([_LIMIT]))
    folder = tmp_path / "desk"
    folder.mkdir()
    with at_a_terminal(folder, monkeypatch, users=2, faults=str(script)) as (person, _):
        person.write({"id": "x", "type": "search", "search": {"query": "library OR archives"}})
        person.output("collection", "add")
        yield person


def _killed(
    person: Person, *options: str, unrecorded: bool = False, printed: str = "", moved: bool = False
) -> "subprocess.CompletedProcess[str]":
    """`once --wait` whose harvest is killed while it is watched, and has no summary if `unrecorded`.

    With `moved`, the folder of its collection is elsewhere then.
    """
    waiting = fork_server.start(
        [sys.executable, _DOOR, "collection", "once", "x", "--wait", "--progress", "json", *options],
        cwd=person.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr
    assert "progress" in json.loads(waiting.stderr.readline())
    if unrecorded:
        max((person.folder / "collections/x").rglob("harvest.json")).unlink()
    if printed:
        (log,) = person.folder.glob("*-runs/x/*.log")
        with log.open("a") as file:
            file.write(f"{printed}\n")
    if moved:
        (person.folder / "collections/x").rename(person.folder / "moved")
    os.kill(person.process("x"), signal.SIGKILL)
    out, err = waiting.communicate(timeout=60)
    return subprocess.CompletedProcess([], waiting.returncode, out, err)


def _earlier(person: Person) -> None:
    """A harvest of this collection that ended before, with an outcome of its own."""
    _killed(person)
    folder = next((person.folder / "collections/x").rglob("harvest.json")).parent
    summary = json.loads((folder / "harvest.json").read_text())
    summary |= {"state": "complete", "reason": "", "tweets": 4321, "exit_code": 0}
    (folder / "harvest.json").write_text(json.dumps(summary))
    pointer = {"harvest_id": summary["harvest_timestamp"]}
    (person.folder / "collections/x/last_harvest.json").write_text(json.dumps(pointer))
    (person.folder / "collections/x/checkpoint.json").unlink()


@pytest.mark.parametrize("earlier", [False, True], ids=["the first harvest", "after another"])
def test_a_harvest_that_is_killed_is_reported_as_what_it_was(person: Person, earlier: bool) -> None:
    if earlier:
        _earlier(person)
        assert "Tweets: 4,321." in person.output("harvest", "last", "x")
    killed = _killed(person)
    assert killed.returncode == 1
    assert "State: interrupted (it died; the next harvest stores what it left)." in killed.stdout
    assert "4,321" not in killed.stdout
    assert killed.stderr.endswith(_DIED)
    newest = json.loads(person.output("harvest", "history", "x", "--json"))[0]
    assert newest["harvest_timestamp"] in killed.stdout


@pytest.mark.parametrize("kind", ATOMIC)
def test_a_first_harvest_that_was_killed_is_listed_with_what_to_do(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = placed(kind, request, tmp_path, monkeypatch)
    if kind != "folder":
        monkeypatch.setenv("TWARC_CLOUD_BUCKET", place.where)
    person: Person = request.getfixturevalue("person")
    assert person.output("harvest", "list") == "No running harvests.\n"
    _killed(person)
    told = person("harvest", "last", "x")
    died = "it died; the next harvest stores what it left"
    advice = "`collection once x` starts it; nothing that was stored is lost."
    assert told.out.endswith(f"State: interrupted ({died}). {advice}\n")
    first = json.loads(person.output("harvest", "last", "x", "--json"))
    assert (first["state"], first["hint"]) == ("interrupted", advice)
    told = person("harvest", "list")
    assert told.out.startswith("x => ") and told.out.endswith(f". Status: DIED ({died}. {advice})\n")
    assert told.err.startswith("  since 20")
    (row,) = json.loads(person.output("harvest", "list", "--json"))
    assert (row["kind"], row["started"]) == ("harvest", first["harvest_timestamp"])
    assert "interrupted" in person.output("collection", "list", "--long")
    # The next one finishes it, and dies in its turn.
    _killed(person)
    last = json.loads(person.output("harvest", "last", "x", "--json"))
    assert last["harvest_timestamp"] > first["harvest_timestamp"]


def test_a_killed_harvest_that_left_no_record_is_reported_without_one(person: Person) -> None:
    _earlier(person)
    killed = _killed(person, "--json", unrecorded=True)
    assert (killed.returncode, killed.stdout) == (1, "")
    assert killed.stderr.endswith(_DIED)
    killed = _killed(person, "--json")
    summary = json.loads(killed.stdout)
    assert (summary["state"], summary["tweets"]) == ("interrupted", 0)


def test_the_error_that_a_harvest_ended_with_is_reported_where_its_collection_is_gone(person: Person) -> None:
    said = "x cannot be written: No space left on device.\nMake space, then start again."
    killed = _killed(person, printed=said, moved=True)
    assert killed.returncode == 1
    assert killed.stderr.endswith(f"{said}\n")


def _waiting(person: Person) -> "subprocess.Popen[str]":
    """A real `once --wait`, in a session of its own as after a terminal is closed."""
    # Where the tests run it may be ignored, as below nohup.
    hearing = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    command = [_DOOR, "collection", "once", "x", "--wait", "--progress", "json"]
    return subprocess.Popen(
        [sys.executable, "-c", hearing, *command],
        cwd=person.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
@pytest.mark.parametrize("when", ["while it starts", "while it is watched"])
def test_a_signal_to_the_wait_stops_the_harvest_with_everything_stored(
    number: signal.Signals, code: int, when: str, person: Person
) -> None:
    """SIGTERM left it running, and its exit code said that everything was stored."""
    waiting = _waiting(person)
    assert waiting.stderr
    if when == "while it starts":
        until(lambda: list(person.folder.glob("*-runs/x/harvest.json")))
    else:
        assert "progress" in json.loads(waiting.stderr.readline())
    waiting.send_signal(number)
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == code, (out, err)
    assert "Stopping after storing what was collected." in err
    assert person.output("harvest", "list") == "No running harvests.\n"
    assert not (person.folder / "collections/x/lock.json").exists()


def test_a_closed_terminal_leaves_the_harvest_running(person: Person) -> None:
    waiting = _waiting(person)
    assert waiting.stderr
    assert "progress" in json.loads(waiting.stderr.readline())
    waiting.send_signal(signal.SIGHUP)
    waiting.communicate(timeout=60)
    assert waiting.returncode == -signal.SIGHUP
    assert person.output("harvest", "list").startswith("x => ")
    person.output("harvest", "stop", "x")


def test_where_the_machine_does_not_know_how_a_harvest_ended_its_record_counts() -> None:
    limited: HarvestSummary = {"state": "complete", "exit_code": int(Exit.RETRY_LATER)}
    assert [exit_code(ended, limited) for ended in (None, Ended(0), Ended(3))] == [Exit.RETRY_LATER, 0, 3]
    assert [exit_code(ended, None) for ended in (None, Ended(0), Ended(3))] == [Exit.ERROR, Exit.ERROR, 3]
