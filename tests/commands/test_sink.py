"""`sink`: what is typed, what is printed, and what is wrong in words."""

import json
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.clock import moment
from harvester.errors import Exit
from tests.sinks.histories import KEYS, Site
from tests.sinks.receiver import receiving
from tests.support import fork_server
from tests.support.cli_session import Person

_DOOR = Path(__file__).resolve().parents[2] / "twarc_cloud.py"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Person(tmp_path)
    for number, handler in before.items():
        signal.signal(number, handler)


def _printed(folder: Path, *arguments: str) -> list[str]:
    """What a process prints, whose standard output is a real one."""
    done = fork_server.run([sys.executable, str(_DOOR), "sink", *arguments], cwd=folder)
    return [json.loads(line)["data"]["id"] for line in done.stdout.splitlines()]


def test_all_that_is_stored_is_printed_or_what_is_asked_for(tmp_path: Path, person: Person) -> None:
    site = Site(tmp_path)
    site.harvest([10, 5], gaps=[0])
    site.harvest([7])
    assert _printed(tmp_path, "run", "s", "--to", "stdout", "--once") == [str(n) for n in range(1, 23)]
    second = json.loads(person.output("harvest", "last", "s", "--json"))["harvest_timestamp"]
    only = _printed(tmp_path, "run", "s", "--to", "stdout", "--harvest", second)
    assert only == [str(n) for n in range(16, 23)]
    assert _printed(tmp_path, "run", "s", "--to", "stdout", "--once", "--from", second[:19]) == only
    assert _printed(tmp_path, "run", "s", "--to", "stdout", "--once", "--from", "now") == []


def test_a_replay_says_what_it_sends_and_leaves_the_position(tmp_path: Path, person: Person) -> None:
    with receiving() as receiver:
        site = Site(tmp_path, sinks=[{"type": "webhook", "url": receiver.url}])
        site.harvest([10, 5], gaps=[0])
        site.harvest([7])
        told = person("sink", "run", "s", "--sink", "webhook", "--once")
        assert (told.code, told.words) == (0, "")
        # One of them is the gap.
        assert len(receiver.requests) == 23
        before = site.store.read(KEYS.sink("webhook")).data
        told = person("sink", "replay", "s", "--sink", "webhook")
        assert told.code == Exit.USAGE and "Send 22 posts of 2 harvests to webhook again?" in told.err
        told = person("sink", "replay", "s", "--sink", "webhook", "--yes")
        assert told.err == "Sending 22 posts of 2 harvests to webhook again.\nSent 23 messages.\n"
        assert len(receiver.requests) == 46
        assert {each.headers["webhook-id"] for each in receiver.requests[23:]} == {
            each.headers["webhook-id"] for each in receiver.requests[:23]
        }
        assert site.store.read(KEYS.sink("webhook")).data == before
        day = f"{moment(json.loads(before)['position']['harvest']):%Y-%m-%d}"
        told = person("sink", "replay", "s", "--sink", "webhook", "--from", f"{day}T23:59:59", "--dry-run")
        assert told.out.startswith("Would send up to 7 posts of 1 harvest to webhook again.")


def test_the_list_shows_how_far_each_sink_is(tmp_path: Path, person: Person) -> None:
    with receiving() as receiver:
        site = Site(tmp_path, sinks=[{"type": "webhook", "url": receiver.url}, {"type": "stdout"}])
        site.harvest([10])
        receiver.answer = lambda request: (422 if request.ids == ["3"] else 200, {}, b"no")
        person("sink", "run", "s", "--sink", "webhook", "--once")
        site.harvest([7])
        hook, stdout = person("sink", "list", "s", "--json").json
        assert (hook["state"], hook["delivered"], hook["dead_letters"]) == ("stopped", 9, 1)
        assert (hook["lag_records"], hook["position"]["line"], hook["lag_seconds"] >= 0) == (7, 10, True)
        assert (stdout["state"], stdout["lag_records"], stdout["position"]) == ("never started", 17, None)
        shown = person.output("sink", "list", "s")
        assert "webhook: the newest dead letters are in collections/s/sinks/webhook/dead/" in shown
        assert "LAG RECORDS" in shown
        person("sink", "run", "s", "--sink", "webhook", "--once")
        assert person("sink", "list", "s", "--json").json[0]["lag_records"] == 0


def test_a_collection_without_sinks_has_none(tmp_path: Path, person: Person) -> None:
    Site(tmp_path)
    assert person.output("sink", "list", "s") == "No sinks.\n"
    assert person("sink", "list", "s", "--json").json == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("run", "s"), "Give either --sink or --to."),
        (("run", "s", "--sink", "stdout", "--to", "stdout"), "Give either --sink or --to."),
        (("run", "s", "--sink", "stdot"), "The collection s has no sink 'stdot'. Did you mean 'stdout'?"),
        (("run", "s", "--to", "stdot"), "--to is 'stdot', which is not a type of sink."),
        (("run", "s", "--to", "http://example.org/"), "--to is not an https:// address"),
        (("run", "s", "--to", "https://user:pw@example.org/"), "--to is not an https:// address"),
        (
            ("run", "s", "--to", "https://example.org", "--secret", "me"),
            "--secret must say where the secret is",
        ),
        (("run", "s", "--to", "stdout", "--once", "--from", "yesterday"), "'yesterday' is not a date."),
        (("run", "s", "--to", "stdout", "--harvest", "2019-01-01"), "s has no harvest of 2019-01-01."),
        (("run", "s", "--sink", "stdout", "--from", "start"), "stdout continues from its stored position."),
        (("replay", "s"), "--sink is missing."),
    ],
)
def test_what_is_wrong_is_one_line(
    typed: tuple[str, ...], words: str, tmp_path: Path, person: Person
) -> None:
    Site(tmp_path, sinks=[{"type": "stdout"}]).harvest([1])
    told = person("sink", *typed)
    assert told.code == Exit.USAGE, told
    assert told.err.startswith(words) and told.err.count("\n") == 1
    assert "user:pw" not in told.err


def test_a_secret_that_is_not_there_is_named(tmp_path: Path, person: Person) -> None:
    Site(tmp_path, sinks=[{"type": "webhook", "url": "http://127.0.0.1:9/", "secret": "env:NO_SUCH"}])
    told = person("sink", "run", "s", "--sink", "webhook", "--once")
    assert told.code == Exit.UNAUTHORIZED
    assert told.err.startswith("The environment variable NO_SUCH, which holds the sink's secret, is not set.")


def test_what_repairs_found_is_sent_on_request_only(tmp_path: Path, person: Person) -> None:
    with receiving() as receiver:
        site = Site(tmp_path, sinks=[{"type": "webhook", "url": receiver.url}])
        site.harvest([10])
        # As a repair is stored: a harvest in a folder of its own.
        shutil.copytree(site.store.root / "s/harvests", site.store.root / "s/repairs/harvests")
        person("sink", "run", "s", "--sink", "webhook", "--once")
        assert len(receiver.requests) == 10
        told = person("sink", "replay", "s", "--sink", "webhook", "--repairs", "--yes")
        assert told.err.startswith("Sending 10 posts of 1 harvest to webhook again.")
        assert len(receiver.requests) == 20


def test_the_objects_of_sinks_are_no_strangers_in_a_collection(tmp_path: Path, person: Person) -> None:
    with receiving() as receiver:
        site = Site(tmp_path, sinks=[{"type": "webhook", "url": receiver.url}])
        site.harvest([10])
        receiver.answer = lambda request: (422 if request.ids == ["3"] else 200, {}, b"")
        person("sink", "run", "s", "--sink", "webhook", "--once")
    told = person("collection", "verify", "s")
    assert told.code == 0, told
    copy = ("collection", "copy", "s", "s", "--with-harvests", "--to-collections-path", "copied")
    assert person(*copy).code == 0
    # Where a sink of the copy goes on is not where that of the original does.
    assert [path.parent.name for path in (tmp_path / "copied/s/sinks").rglob("*.json*")] == ["dead"]


def test_a_sink_that_is_behind_is_shown_with_the_running_harvest(tmp_path: Path, person: Person) -> None:
    site = Site(tmp_path, sinks=[{"type": "stdout"}])
    shown: list[str] = []

    def look() -> None:
        tree = {"owner": "x", "last_delivered": "2026-01-01T00:00:00+00:00", "last_error": "It is away."}
        if not shown:
            site.store.create(KEYS.sink("stdout"), json.dumps(tree).encode())
        shown.append(person.output("harvest", "running", "s"))

    site.harvest([5])
    site.harvest([5], meanwhile=look)
    line = shown[-1].splitlines()[-1]
    # The checkpoint has the five posts that were stored, or also those that are on disk by then.
    assert re.fullmatch(r"  Sink stdout is behind: (5|10) posts, [\d,]+ minutes \(It is away\.\)", line)
