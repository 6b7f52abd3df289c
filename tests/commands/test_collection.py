"""`collection` and `harvest`: what people do, on a folder, with processes of this machine."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.commands.cli.workspace import chosen
from harvester.compute import RUNNING, STOPPING
from harvester.compute.local.compute import LocalCompute
from harvester.compute.local.scheduler import Scheduler
from harvester.harvest.app_lock import AppLock
from harvester.harvest.lock import Lock
from harvester.harvest.store_patience import Patience
from harvester.networks.x import Keys
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support import fork_server
from tests.support.cli_session import Person, at_a_terminal, until
from tests.support.stores import HandClock

pytestmark = pytest.mark.system

_POSTS = 30
_STREAM_KILLS = int(os.environ.get("STREAM_KILLS", "3"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Person, emulator.Emulated]]:
    # X lets an app connect to its stream 50 times in 15 minutes; kills may come faster.
    options: dict[str, Any] = {"users": 3, "posts_per_user": _POSTS, "stream_rate": "50", "limits": False}
    with at_a_terminal(tmp_path, monkeypatch, **options) as found:
        yield found


@pytest.fixture
def person(desk: tuple[Person, emulator.Emulated]) -> Person:
    return desk[0]


def _users(emulated: emulator.Emulated) -> list[str]:
    return list(emulated.control.truth(detail=True)["posts"]["by_user"])


def _add(person: Person, collection_id: str, **section: Any) -> None:
    kind = {"users": "user_timeline", "search": "search", "filter": "filter"}[next(iter(section))]
    person.write({"id": collection_id, "type": kind, **section})
    person.output("collection", "add")


def _held(person: Person, collection_id: str) -> Lock:
    """A harvest of somebody else, as far as anybody can see."""
    store = FolderStore(person.folder / "collections")
    lock = Lock(store, CollectionKeys(collection_id).lock, owner="somebody", clock=SystemClock())
    lock.acquire()
    return lock


def _summaries(person: Person, collection_id: str) -> list[dict[str, Any]]:
    found = (person.folder / "collections" / collection_id / "harvests").rglob("harvest.json")
    return [json.loads(path.read_text()) for path in sorted(found)]


def test_a_harvest_once_brings_every_post_and_is_told_of_afterwards(
    desk: tuple[Person, emulator.Emulated],
) -> None:
    person, emulated = desk
    _add(person, "museums", users={user: {} for user in _users(emulated)})
    told = person("collection", "once", "museums", "--wait")
    assert told.code == 0
    assert told.out.startswith("Started\nmuseums => Folder: collections. Harvest timestamp: ")
    assert f"Tweets: {3 * _POSTS}. Files: 1 (" in told.out
    assert "Billed: $0.48." in told.err
    (folder,) = (person.folder / "collections/museums").glob("harvests/*/*/*/*/*/*")
    assert f"Files: {folder.relative_to(person.folder)}/\n" in told.err
    assert "`export jsonl museums` writes one post a line," in told.err
    again = person("collection", "once", "museums", "--wait", "--json")
    assert (again.json["tweets"], again.json["state"]) == (0, "complete")
    told = person("harvest", "history", "museums", "--json", "--limit", "2")
    assert [summary["tweets"] for summary in told.json] == [0, 3 * _POSTS]


def test_once_says_how_to_follow_it_and_what_it_leaves_out(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    person.write({**person.file, "title": "A title"})
    told = person("collection", "once", "s")
    assert (told.code, told.out) == (0, "Started\n")
    assert "collection.json has changes that are not stored" in told.err
    assert "`harvest running s` or `harvest log s --follow`" in told.err
    until(lambda: _ended(person, "s") == 1)
    until(lambda: person.output("harvest", "list") == "No running harvests.\n")
    # What the harvest learnt meanwhile is no change of the person's.
    person.output("collection-config", "update")
    told = person("collection", "once", "s", "--dry-run", "--json")
    assert set(told.json) == {"id", "started", "cost", "budget"}
    assert "not stored" not in told.err


def test_a_collection_without_users_is_not_harvested(person: Person) -> None:
    _add(person, "museums", users={})
    told = person("collection", "once", "museums")
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("The collection has no users. Add some with `collection-config screennames`")
    assert _summaries(person, "museums") == []
    assert (
        "The collection has no users: add some"
        in person("collection", "schedule", "museums", "rate(7 days)").err
    )


def test_the_last_harvest_is_told_with_what_became_of_the_users(
    desk: tuple[Person, emulator.Emulated],
) -> None:
    person, emulated = desk
    _add(person, "museums", users={user: {} for user in _users(emulated)})
    person.output("collection", "once", "museums", "--wait")
    last = person.output("harvest", "last", "museums")
    assert f"Tweets: {3 * _POSTS}." in last
    assert "screen name found" in last
    assert "complete" in person.output("harvest", "history", "museums")
    assert [
        summary["state"] for summary in json.loads(person.output("harvest", "history", "museums", "--json"))
    ] == ["complete"]
    assert "museums => complete" in person.output("harvest", "log", "museums")
    assert "Tweets" in person.output("harvest", "log", "museums", "--follow")
    assert person.output("harvest", "list") == "No running harvests.\n"
    told = person("harvest", "running", "museums")
    assert (told.code, told.err.startswith("Task not found. The last harvest")) == (1, True)
    # What has the place of a harvest and says nothing: one that is suspended, or has only begun.
    with person.slot("museums", "harvest").held():
        assert "gives no sign of itself" in person("harvest", "running", "museums").err
    row = json.loads(person.output("collection", "list", "--json"))[0]
    assert (row["id"], row["collects"], row["state"]) == ("museums", "3 users", "complete")


def _typed(person: Person, *arguments: str) -> None:
    """The same command in a process of its own, where --debug counts."""
    door = Path(__file__).resolve().parents[2] / "twarc_cloud.py"
    told = fork_server.run([sys.executable, str(door), *arguments], cwd=person.folder, timeout=120)
    assert told.returncode == 0, told


def _log(person: Person, collection_id: str) -> str:
    (runs,) = person.folder.glob("*-runs")
    return "".join(path.read_text() for path in (runs / collection_id).glob("*.log"))


def test_debug_counts_for_what_is_started_too(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    _typed(person, "collection", "once", "s", "--wait")
    assert " DEBUG " not in _log(person, "s")
    _typed(person, "--debug", "collection", "once", "s", "--wait")
    assert " DEBUG X GET /2/tweets/search/recent?" in _log(person, "s")
    _add(person, "live", filter={"track": "library"})
    _typed(person, "collection", "filter-start", "live", "--debug")
    until(lambda: " DEBUG X GET /2/tweets/search/stream?" in _log(person, "live"))
    person.output("collection", "filter-stop", "live")
    assert emulator.CREDENTIALS["bearer_token"] not in _log(person, "s") + _log(person, "live")


def test_a_harvest_that_fails_at_once_was_not_started(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(person, "s", search={"query": "library"})
    monkeypatch.setenv("BEARER_TOKEN", "revoked")
    told = person("collection", "once", "s", "--wait")
    assert told.code == 4
    assert "keys" in told.words
    last = person("harvest", "last", "s").words
    assert "failed" in last
    monkeypatch.delenv("BEARER_TOKEN")
    told = person("collection", "once", "s")
    assert told.code == 4
    assert "Started" not in told.out


def test_a_running_harvest_is_shown_while_it_runs_and_stopped_with_everything_stored(person: Person) -> None:
    _add(person, "live", filter={"track": "library,archives", "count_rules": True})
    told = person("collection", "once", "live").err
    way = "live is a filter: `collection filter-start live` starts it."
    assert told == f"Collection is not a user_timeline or search or graph. {way}\n"
    assert person.output("collection", "filter-start", "live") == "Started\n"
    assert person("collection", "filter-start", "live").err.startswith("Collection already started.")
    until(lambda: person("harvest", "running", "live", "--json").code == 0)
    until(lambda: json.loads(person.output("harvest", "running", "live", "--json"))["tweets"] > 20)
    assert "live => Folder: collections. Status: RUNNING\n" in person.output("harvest", "list")
    assert "Activity: collecting" in person.output("harvest", "running", "live")
    assert "LAST 15M" not in person.output("harvest", "running", "live")
    assert "(rules of others only)" in person.output("harvest", "running", "--rules")
    assert "filter-stop" in person("harvest", "stop", "live").err
    assert person.output("collection", "timeline-stop", "live") == "Stopping ...\nStopped\n"
    assert person.output("harvest", "list") == "No running harvests.\n"
    (summary,) = _summaries(person, "live")
    assert (summary["state"], summary["reason"]) == ("stopped", "a stop was requested")
    counted = person.output("harvest", "last", "live", "--rules")
    assert "(all)" in counted and "library" in counted and "No user changes." not in counted
    over = person("harvest", "running", "live").err
    assert over.startswith("Task not found. The last harvest of live ended at ")
    assert " UTC as stopped (a stop was requested). `harvest last live` shows it." in over
    kept = sum(
        len(gzip.decompress(path.read_bytes()).splitlines())
        for path in (person.folder / "collections/live").rglob("tweets-*.gz")
    )
    assert kept == summary["tweets"] > 20
    told = "Collection not already started. No stream runs; `collection filter-start live` starts it."
    assert person("collection", "filter-stop", "live").err == f"{told}\n"


def test_a_stream_that_the_harvester_runs_by_itself_is_listed_changed_and_stopped(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWARC_CLOUD_LOCK_SECONDS", "2")
    monkeypatch.setenv("TWARC_CLOUD_CHECKPOINT_SECONDS", "1")
    _add(person, "live", filter={"track": "library"})
    assert person("collection-config", "update").code == 1
    person.write({**person.file, "filter": {"track": "museum"}})
    told = person("collection-config", "update")
    assert (told.code, "Stop and start" in told.words) == (0, False)
    assert person("harvest", "running").out == "No running harvests.\n"
    door = Path(__file__).resolve().parents[2] / "tweet_harvester.py"
    command = [sys.executable, str(door), "local", "harvester", "live"]
    process = fork_server.start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        until(lambda: "live => Folder: collections." in person.output("harvest", "running"))
        assert [row["collection_id"] for row in person("harvest", "running", "--json").json] == ["live"]
        person.write({**person.file, "filter": {"track": "archive"}})
        said = person.output("collection-config", "update")
        assert re.search(r"applies this within \d+ s; changed rules take effect 20 to 40 s later", said)
        version = person.stored("live")["version"]
        until(
            lambda: person("harvest", "running", "live", "--json").json.get("collection_version") == version
        )
        until(lambda: "Heartbeat: LIVE. Activity: collecting" in person.output("harvest", "running", "live"))
        assert person("harvest", "list", "--json").json[0]["heartbeat"] == "LIVE"
        assert "Status: RUNNING, LIVE (" in person.output("harvest", "list")
        assert person("collection", "list", "--json").json[0]["heartbeat"] == "LIVE"
        assert "LIVE" in person.output("collection", "list", "--long")
        # As of a command that died before it told the stream, and is typed again.
        history.edit(
            FolderStore(person.folder / "collections"),
            CollectionKeys("live"),
            lambda now: {**now, "filter": {"track": "letters"}},
        )
        person.output("collection-config", "download", "live", "--force")
        said = person.output("collection-config", "update")
        assert f"live runs with version {version}, not {version + 1}." in said and "applies this" in said
        until(
            lambda: person("harvest", "running", "live", "--json").json["collection_version"] == version + 1
        )
        assert "No changes" in person("collection-config", "update").err
        person.write({**person.file, "keys": {"profile": "other"}, "budget_usd": 5})
        words = person.output("collection-config", "update")
        assert "for the changed keys to go into effect" in words and "applies this" in words
        person.write({**person.file, "filter": {**person.file["filter"], "count_rules": True}})
        words = person.output("collection-config", "update")
        assert "for the changed filter.count_rules to go" in words and "applies this" not in words
        person.write({**person.file, "title": "A title"})
        assert "stream" not in person.output("collection-config", "update")
        assert person.output("collection", "filter-stop", "live") == "Stopping ...\nStopped\n"
        out, _ = process.communicate(timeout=60)
        assert "live => stopped (a stop was requested)." in out
    finally:
        process.kill()
        process.wait()


def test_another_query_says_what_is_paid_for_again(person: Person) -> None:
    _add(person, "s", search={"query": "library", "since_id": "20"})
    person.write({**person.file, "title": "A title"})
    assert "pays" not in person("collection-config", "update").words
    person.write({**person.file, "search": {**person.file["search"], "query": "museum"}})
    for options in (["--dry-run"], []):
        told = person("collection-config", "update", *options)
        assert told.code == 0
        assert "collects the last seven days and costs $0.005 a post" in told.err
    assert person.stored("s")["search"]["query"] == "museum"
    # The first harvest ended at max_records: it has paid for posts, and has no since_id yet.
    _add(person, "first", search={"query": "library", "resume": {"token": "t", "posts": 100}})
    person.write({**person.file, "search": {**person.file["search"], "query": "museum"}})
    assert "collects the last seven days" in person("collection-config", "update").err


def test_the_rules_of_a_stream_that_is_over_are_listed_and_removed_and_those_of_others_stay(
    person: Person,
) -> None:
    _add(person, "live", filter={"track": "library"})
    _add(person, "other", filter={"track": "museum", "max_records": 1})
    person.output("collection", "filter-start", "other")
    until(lambda: _ended(person, "other") == 1)
    person.output("collection", "filter-start", "live")
    until(lambda: person("harvest", "running", "live", "--json").code == 0)
    until(lambda: len(json.loads(person.output("collection", "rules", "live", "--json"))) == 2)
    refused = person("collection", "rules", "live", "--remove", "--yes")
    assert (refused.code, "already running" in refused.err) == (11, True)
    stopped = person("collection", "filter-stop", "live")
    assert "collection rules live --remove" in stopped.err
    shown = person.output("collection", "rules", "live").splitlines()
    assert shown[0].split("  ")[0] == "COLLECTION" and "ID AT X" in shown[0]
    (mine,) = (line.split() for line in shown if line.startswith("live "))
    (made,) = json.loads(person.output("collection-config", "rules", "live", "--json"))
    assert (mine[1], mine[3]) == (made["id"], "library")
    assert person("collection", "rules", "live", "--remove", answer="n\n").code == 1
    assert person.output("collection", "rules", "live", "--remove", answer="y\n") == "Removed 1 of 2 rules.\n"
    assert person.output("collection", "rules", "live", "--remove") == "Removed 0 of 1 rule.\n"
    (left,) = json.loads(person.output("collection", "rules", "live", "--json"))
    assert (left["id"], left["value"], left["removed"]) == ("other", "museum", False)


def test_rules_that_x_may_refuse_are_told_before_the_stream_is_started(person: Person) -> None:
    _add(person, "live", filter={"rules": [{"value": f"cat {number} sample:1"} for number in range(1001)]})
    told = person("collection", "filter-start", "live", "--dry-run")
    assert (told.code, "X may refuse live: The filter needs " in told.err) == (0, True)
    _add(person, "other", filter={"track": "museum"})
    assert "may refuse" not in person("collection", "filter-start", "other", "--dry-run").err


def test_a_stream_that_has_ended_by_itself_is_started_again_at_once(person: Person) -> None:
    _add(person, "some", filter={"track": "library", "max_records": 1})
    for number in (1, 2, 3):
        assert person.output("collection", "filter-start", "some") == "Started\n"
        until(lambda number=number: _ended(person, "some") == number)  # type: ignore[misc]


def _ended(person: Person, collection_id: str) -> int:
    """How many harvests of it are over, and its lock with them."""
    if (person.folder / "collections" / collection_id / "lock.json").exists():
        return 0
    return sum(summary["state"] != "running" for summary in _summaries(person, collection_id))


def _is_another(slot: Any, process: int) -> bool:
    return slot.is_alive and slot.note.get("process") != process


def test_a_stream_that_is_killed_is_started_again_with_the_gap_recorded(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWARC_CLOUD_RESTART_SECONDS", "0.05")
    monkeypatch.setenv("TWARC_CLOUD_RESTARTS", "1000")
    _add(person, "live", filter={"track": "library,archives"})
    person.output("filter", "start", "live")
    slot = person.slot("live", "harvest")
    for _ in range(_STREAM_KILLS):
        process = until(lambda: slot.is_alive and slot.note.get("process"))
        until(lambda: (json.loads(person("harvest", "running", "live", "--json").out or "{}")).get("tweets"))
        slot.signal(signal.SIGKILL)
        until(partial(_is_another, slot, process))
    until(lambda: (json.loads(person("harvest", "running", "live", "--json").out or "{}")).get("tweets"))
    person.output("collection", "filter", "stop", "live")
    summaries = _summaries(person, "live")
    assert [summary["state"] for summary in summaries] == ["interrupted"] * _STREAM_KILLS + ["stopped"]
    # The gap that a death left stands in the summary of the harvest that found it.
    assert all(summary["gaps"] for summary in summaries[1:])
    assert not (person.folder / "collections/live/lock.json").exists()
    assert not slot.is_alive
    assert not person.slot("live", "supervisor").is_alive


def test_a_stream_that_cannot_work_is_given_up_and_that_is_told(
    desk: tuple[Person, emulator.Emulated], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, emulated = desk
    monkeypatch.setenv("TWARC_CLOUD_RESTARTS", "1000")
    monkeypatch.setenv("TWARC_CLOUD_X_PATIENCE", "1")
    _add(person, "live", filter={"rules": [{"value": "is:retweet"}]})
    _add(person, "other", filter={"track": "library"})
    # As the scheduler does, which does not wait for the first harvest.
    chosen(None, None).this_machine.begin_service("live")
    told = until(lambda: "GAVE UP" in (found := person.output("harvest", "list")) and found)
    assert "exit code 1" in told and "is:retweet" in told and "\\n" not in told
    why = person("harvest", "running", "live")
    assert why.err.startswith(
        "Task not found. The stream of live gave up: the harvest ended with exit code 1"
    )
    assert "is:retweet" in why.err and "harvest last live` shows it." in why.err
    until(lambda: not person.slot("live", "supervisor").is_alive)
    person.output("collection", "filter-start", "other")
    until(lambda: "RUNNING" in person.output("harvest", "list"))
    again = person("collection", "filter-start", "live")
    assert (again.code, "The stream of other already runs with the same keys" in again.err) == (11, True)
    # Where it cannot be seen what runs there, the app itself says who holds it.
    until(lambda: list((person.folder / "collections/.apps").glob("*.json")))
    stored = person.folder / "collections/other/collection.json"
    sound = stored.read_bytes()
    stored.write_bytes(json.dumps({**json.loads(sound), "network": "fence"}).encode())
    again = person("collection", "filter-start", "live")
    assert (again.code, "The stream of other already uses the app" in again.err) == (11, True)
    stored.write_bytes(sound)
    emulated.control.revoke()
    emulated.control.disconnect()
    until(lambda: "exit code 4" in person.output("harvest", "list"))
    refused = person("collection", "filter-start", "live")
    assert (refused.code, "X does not accept the keys" in refused.err) == (4, True)
    person.output("collection", "filter-stop", "other")


def test_a_stream_is_refused_while_its_app_is_held_by_one_of_another_machine(person: Person) -> None:
    _add(person, "live", filter={"track": "library"})
    _add(person, "away", filter={"track": "library"})
    away, patience = _held(person, "away"), Patience(0.0, clock=SystemClock(), stop=Stop())
    app = AppLock(FolderStore(person.folder / "collections"), "away", owner="somebody", patience=patience)
    app.hold(Keys(bearer_token=os.environ["BEARER_TOKEN"]).app)
    refused = person("collection", "filter-start", "live")
    assert (refused.code, "The stream of away already uses the app" in refused.err) == (11, True)
    assert "somebody on " in refused.err
    away.release()
    person.output("collection", "filter-start", "live")
    person.output("collection", "filter-stop", "live")


def test_two_profiles_of_one_app_have_one_stream(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BEARER_TOKEN")
    known = emulator.CREDENTIALS
    one = {name: known[name] for name in ("consumer_key", "consumer_secret")}
    other = one | {name: known[name] for name in ("access_token", "access_token_secret")}
    lines = [
        f"[{profile}]\n" + "".join(f"{name} = {key}\n" for name, key in keys.items())
        for profile, keys in {"one": one, "other": other}.items()
    ]
    monkeypatch.setenv("HOME", str(person.folder))
    (person.folder / ".twarc").write_text("".join(lines))
    for name, profile in {"first": "one", "second": "other"}.items():
        keys = {"profile": profile}
        person.write({"id": name, "type": "filter", "keys": keys, "filter": {"track": "library"}})
        person.output("collection", "add")
    person.output("collection", "filter-start", "first")
    until(lambda: "RUNNING" in person.output("harvest", "list"))
    refused = person("collection", "filter-start", "second")
    assert (refused.code, "The stream of first already runs" in refused.err) == (11, True)
    person.output("collection", "filter-stop", "first")
    assert "emulator-consumer-key" not in str(sorted((person.folder / "collections").rglob("*")))


def test_a_stream_is_stopped_though_its_supervisor_is_dead(person: Person) -> None:
    _add(person, "live", filter={"track": "library"})
    person.output("collection", "filter-start", "live")
    until(lambda: "RUNNING" in person.output("harvest", "list"))
    person.slot("live", "supervisor").signal(signal.SIGKILL)
    until(lambda: "DIED" in person.output("harvest", "list"))
    person.output("collection", "filter-stop", "live")
    assert not person.slot("live", "harvest").is_alive
    assert person.output("harvest", "list") == "No running harvests.\n"


def _scheduler(said: list[str], clock: HandClock) -> Scheduler:
    machine = chosen(None, None).this_machine
    return Scheduler(machine, clock, Stop(), say=said.append, ended=str, running=lambda _: False)


def test_a_stream_that_died_with_the_machine_goes_on_with_the_scheduler_and_one_that_was_ended_does_not(
    person: Person,
) -> None:
    said: list[str] = []
    clock = HandClock()
    scheduler = _scheduler(said, clock)
    _add(person, "live", filter={"track": "library"})
    person.output("collection", "filter-start", "live")
    until(lambda: len(_summaries(person, "live")) == 1)
    scheduler.look()
    assert said == []
    # As a reboot does it: the supervisor first, so that it starts nothing again.
    for kind in ("supervisor", "harvest"):
        slot = person.slot("live", kind)
        slot.signal(signal.SIGKILL)
        until(lambda slot=slot: not slot.is_alive)  # type: ignore[misc]
    scheduler.look()
    assert said == ["live: its stream had died and was restarted."]
    until(lambda: len(_summaries(person, "live")) == 2)
    person.output("collection", "filter-stop", "live")
    clock.seconds += 3600
    scheduler.look()
    assert len(said) == 1
    assert person.output("harvest", "list") == "No running harvests.\n"
    states = [summary["state"] for summary in _summaries(person, "live")]
    assert states == ["interrupted", "stopped"]


def test_a_stream_that_is_being_ended_is_not_started_again_meanwhile(person: Person) -> None:
    said: list[str] = []
    scheduler = _scheduler(said, HandClock())
    machine = scheduler.compute
    machine.note_service("live", RUNNING, "")
    assert machine.orphans() == ["live"]
    machine.note_service("live", STOPPING, "")
    scheduler.look()
    assert (machine.orphans(), said) == ([], [])


def test_a_stream_whose_supervisor_dies_at_once_is_tried_again_once_a_minute(tmp_path: Path) -> None:
    said: list[str] = []
    clock = HandClock()
    machine = LocalCompute(
        FolderStore(tmp_path / "c"),
        tmp_path / "runs",
        harvest=lambda _: ["true"],
        supervise=lambda _: ["true"],
    )
    scheduler = Scheduler(machine, clock, Stop(), say=said.append, ended=str, running=lambda _: False)
    machine.note_service("live", RUNNING, "")
    for _ in range(10):
        until(machine.orphans)
        scheduler.look()
        clock.seconds += 10
    assert len(said) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("collection", "once", "nowhere"), 10, "Collection does not exist."),
        (("collection", "schedule", "nowhere", "rate(1 day)"), 10, "Collection does not exist."),
        (("collection", "schedule", "s", "rate(1 days)"), 2, "rate(1 day)"),
        (("collection", "stop", "nowhere"), 10, "no collection nowhere"),
        (("collection", "schedule", "s", "at(2019-01-01T06:00:00)"), 2, "has no future time"),
        (("collection", "schedule", "s", "rate(1 day)", "--timezone", "Berlin"), 2, "Europe/Berlin"),
        (("collection", "stop", "s"), 1, "s has no schedule."),
        (("collection", "stop", "s", "--pause"), 1, "s has no schedule."),
        (("collection", "filter-start", "nowhere"), 10, "Collection does not exist."),
        (
            ("collection", "filter-start", "s"),
            1,
            "Collection is not a filter. s is a search: `collection once s`",
        ),
        (("collection", "filter-stop", "s"), 1, "Collection is not a filter."),
        (("collection", "unlock", "nowhere"), 10, "no collection nowhere"),
        (("collection", "delete", "nowhere"), 10, "no collection nowhere"),
        (("collection", "copy", "nowhere", "t"), 10, "no collection nowhere"),
        (("collection", "copy", "s", "s"), 1, "already exists"),
        (("collection", "copy", "s", "../x"), 2, "may hold only"),
        (("collection", "once", "../x"), 2, "may hold only"),
        (("harvest", "running", "nowhere"), 10, "no collection nowhere"),
        (("harvest", "last", "nowhere"), 10, "no collection nowhere"),
        (("harvest", "history", "nowhere"), 10, "no collection nowhere"),
        (("harvest", "stop", "nowhere"), 10, "no collection nowhere"),
        (("harvest", "stop", "s"), 1, "No harvest of s is running."),
        (("harvest", "log", "s"), 1, "There is no log of s"),
        (("harvest", "lost"), 2, "No such command"),
        (("collection", "once"), 2, "Missing argument"),
        (("collection", "add"), 1, "Collection already exists."),
    ],
)
def test_a_mistake_gets_one_answer_in_words(
    person: Person, arguments: tuple[str, ...], code: int, words: str
) -> None:
    _add(person, "s", search={"query": "library"})
    told = person(*arguments)
    assert told.code == code, told
    assert words in told.err
    assert told.out == ""


def test_a_place_without_collections_is_told_of_as_such(person: Person) -> None:
    assert person.output("collection", "list") == "Collections:\n"
    assert json.loads(person.output("collection", "list", "--json")) == []
    assert person.output("collection", "scheduled") == "No scheduled tasks.\n"
    assert person.output("harvest", "list") == "No running harvests.\n"
    (person.folder / "collections/accident").mkdir(parents=True)
    assert person.output("collection", "list", "--long") == "Collections:\n"


def test_a_collection_that_was_never_harvested_has_no_last_harvest(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    assert person.output("harvest", "last", "s") == "Cannot find last harvest for this collection.\n"
    assert json.loads(person.output("harvest", "last", "s", "--json")) is None
    assert person.output("harvest", "history", "s") == "No harvests yet.\n"


def test_harvests_elsewhere_are_seen_by_their_locks(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    _held(person, "s")
    assert "s => Folder: collections. Status: RUNNING (on " in person.output("harvest", "list")
    told = person("collection", "once", "s")
    assert (told.code, "already running on" in told.err) == (11, True)
    told = person("collection", "delete", "s", "--yes")
    assert told.code == 11
    assert person.stored("s")["id"] == "s"


def test_a_lock_that_is_kept_fresh_is_not_removed_unasked(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    assert "not locked" in person.output("collection", "unlock", "s")
    _held(person, "s")
    assert person("collection", "unlock", "s", answer="n\n").code == 1
    assert person.output("collection", "unlock", "s", "--yes") == "Unlocked\n"
    assert not (person.folder / "collections/s/lock.json").exists()


def test_a_stop_from_elsewhere_that_nobody_hears_says_so(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    _held(person, "s")
    told = person("harvest", "stop", "s", "--timeout", "0.5")
    assert (told.code, "did not end within" in told.err) == (1, True)
    assert (person.folder / "collections/s/stop.json").exists()


def test_a_deleted_collection_is_gone_with_all_its_files_after_a_question(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    _add(person, "t", search={"query": "library"})
    person.output("collection", "schedule", "s", "rate(1 day)")
    assert person("collection", "delete", "s", answer="n\n").code == 1
    assert person.stored("s")
    assert person.output("collection", "delete", "s", answer="y\n").startswith("Deleted 2 files")
    assert person.output("collection", "list") == "Collections:\nt\n"
    assert not (person.folder / "collections/s").exists()
    assert person.output("collection", "scheduled") == "No scheduled tasks.\n"


def test_what_is_left_of_a_deletion_that_was_cut_can_be_deleted(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    (person.folder / "collections/s/collection.json").unlink()
    assert person.output("collection", "delete", "s", "--yes").startswith("Deleted 1 file")


def test_a_copy_asks_for_the_same_and_begins_anew_unless_told_otherwise(person: Person) -> None:
    search = {"query": "library", "since_id": "7"}
    _add(person, "s", search=search)
    person.output("collection", "copy", "s", "t")
    person.output("collection", "copy", "s", "u", "--with-state")
    person.output("collection", "copy", "s", "s", "--to-collections-path", "elsewhere")
    assert person.stored("t")["search"] == {"query": "library"}
    assert person.stored("u")["search"] == search
    assert json.loads((person.folder / "elsewhere/s/collection.json").read_text())["version"] == 1


def test_schedules_are_listed_replaced_and_ended(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    told = person("collection", "schedule", "s", "cron(0 6 ? * MON 2096)")
    assert told.out == "Scheduled\n"
    assert "Next harvests (UTC): 2096-01-02 06:00:00, 2096-01-09 06:00:00" in told.err
    assert "scheduler" in told.err
    person.output("collection", "schedule", "s", "rate(7 days)")
    listed = person("collection", "scheduled")
    assert listed.out == "collections s schedule => rate(7 days)\n"
    assert re.search(r"^  due since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", listed.err, re.M)
    (row,) = json.loads(person.output("collection", "scheduled", "--json"))
    assert (row["id"], row["scheduler_running"], row["handled_until"]) == ("s", False, None)
    person.output("collection", "schedule", "s", "rate(1 day)", "--dry-run")
    assert "rate(7 days)" in person.output("collection", "scheduled")
    assert person.output("collection", "stop", "s") == "Stopped\n"
    assert person.output("collection", "scheduled") == "No scheduled tasks.\n"


def test_a_schedule_is_told_in_its_time_zone_and_paused_and_resumed(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    wanted = ("collection", "schedule", "s", "cron(0 6 1 7 ? 2096)", "--timezone", "Europe/Berlin")
    assert "Next harvests (Europe/Berlin): 2096-07-01 06:00:00" in person(*wanted).err
    told = "collections s schedule => cron(0 6 1 7 ? 2096) Europe/Berlin"
    listed = person("collection", "scheduled")
    assert listed.out == f"{told}\n"
    assert "  next: 2096-07-01 06:00:00 Europe/Berlin\n" in listed.err
    (row,) = json.loads(person.output("collection", "scheduled", "--json"))
    assert (row["timezone"], row["next"]) == ("Europe/Berlin", "2096-07-01T04:00:00.000000+00:00")
    paused = person("collection", "stop", "s", "--pause")
    assert paused.out == "Paused\n"
    assert '`collection schedule s "cron(0 6 1 7 ? 2096)" --timezone Europe/Berlin` resumes it.' in paused.err
    listed = person("collection", "scheduled")
    assert listed.out == f"{told} (paused)\n"
    assert "no further harvests" in listed.err
    (row,) = json.loads(person.output("collection", "scheduled", "--json"))
    assert (row["paused"], row["next"]) == (True, None)
    person.output(*wanted)
    assert person.output("collection", "scheduled") == f"{told}\n"


def test_a_harvest_of_2019_that_left_no_record_is_told_as_failed(person: Person) -> None:
    _add(person, "s", search={"query": "library"})
    (person.folder / "collections/s/last_harvest.json").write_text(
        json.dumps({"harvest_id": "2019-03-09T15:35:07.464791"})
    )
    told = person.output("harvest", "last", "s")
    assert "Harvest timestamp: 2019-03-09T15:35:07.464791" in told
    assert "State: failed" in told
    folder = person.folder / "collections/s/harvests/2019/03/09/15/35/07"
    folder.mkdir(parents=True)
    summary = {
        "harvest_timestamp": "2019-03-09T15:35:07.464791",
        "tweets": 2140,
        "files": 1,
        "file_bytes": 876543,
    }
    (folder / "harvester.json").write_text(json.dumps(summary))
    told = person.output("harvest", "last", "s")
    assert told.startswith("s => Folder: collections. Harvest timestamp: 2019-03-09T15:35:07.464791. ")
    assert told.splitlines()[0].endswith(". Tweets: 2,140. Files: 1 (855K)")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"value": "x" * 2000, "id": "long"}, "Rule long has 2000 characters, and a live rule at most 1024"),
        ({"value": "((cat", "id": "open"}, "Rule open has a bracket that is not closed"),
    ],
    ids=["too long", "a bracket"],
)
def test_what_check_knows_to_be_impossible_is_neither_stored_nor_started(
    rule: dict[str, Any], told: str, person: Person
) -> None:
    _add(person, "live", filter={"rules": [{"value": "cat"}]})
    person.write({**person.file, "filter": {"rules": [{"value": "cat"}, rule]}})
    refused = person("collection-config", "update")
    assert (refused.code, told in refused.err) == (2, True), refused
    assert len(person.stored("live")["filter"]["rules"]) == 1
    _add(person, "other", filter={"rules": [rule]})
    started = person("collection", "filter-start", "other")
    assert (started.code, told in started.err, "Started" in started.out) == (2, True, False)
    off = {"rules": [{"value": "cat"}, {**rule, "status": "inactive"}]}
    person.write({**person.stored("live"), "filter": off})
    assert person("collection-config", "update").code == 0
