"""`collection repair`: what a person is told before and after, and what it may cost."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.clock import Stop, SystemClock, moment, timestamp
from harvester.documents import written
from harvester.harvest.lock import Lock
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.broken_streams import BrokenStream
from tests.support.cli_session import Person
from tests.support.harvest_stage import DAY, Stage, staged, until


def _at(ago: float) -> str:
    return f"{datetime.now(UTC) - timedelta(seconds=ago):%Y-%m-%dT%H:%M:%S}Z"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A person's folder, and a network whose clock a test may set back."""
    with staged(tmp_path, users=2, posts_per_user=0) as made:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("X_API_URL", made.emulated.url)
        monkeypatch.setenv("BEARER_TOKEN", emulator.CREDENTIALS["bearer_token"])
        yield made


@pytest.fixture
def person(stage: Stage) -> Person:
    return Person(stage.work.parent)


def _broken(stage: Stage, *, ago: float = 3600.0, cuts: int = 2, **section: Any) -> BrokenStream:
    """A stream that was cut so many seconds ago, and has ended."""
    stage.control.set_clock(_at(ago))
    broken = BrokenStream(stage)
    broken.begin(**section)
    with broken.streaming():
        broken.hear()
        for _ in range(cuts):
            broken.cut(seconds=20)
            broken.hear()
    stage.control.set_clock(_at(0))
    return broken


def test_a_dry_run_says_what_is_searched_for_and_what_it_may_cost(stage: Stage, person: Person) -> None:
    _broken(stage)
    before = sorted(entry.key for entry in stage.store.entries("collections/"))
    told = person.output("collection", "repair", "live", "--dry-run")
    assert "2 open gaps, " in told
    assert "2 searches; about " in told
    assert "posts (by the rate of the stream), about $" in told
    assert "Out of reach for 1 rule: retweets (since 2026-05-04" in told
    assert "Out of reach for 1 rule: quoted text (" in told
    assert sorted(entry.key for entry in stage.store.entries("collections/")) == before


def test_x_counts_for_an_exact_price_once_that_of_the_counts_is_agreed_to(
    stage: Stage, person: Person
) -> None:
    _broken(stage)
    told = person("collection", "repair", "live", "--counts", "--dry-run")
    assert "2 counts at X for $0.010. Count?" in told.words
    assert told.code
    assert stage.control.truth()["billed"]["requests"].get("counts/recent", 0) == 0
    told = person("collection", "repair", "live", "--counts", "--dry-run", "--yes")
    assert re.search(r"; \d+ posts \(as X counts them\), \$0\.0\d\.", told.out)
    assert stage.control.truth()["billed"]["requests"]["counts/recent"] == 2


def test_a_repair_stores_what_was_missed_and_closes_the_gaps(stage: Stage, person: Person) -> None:
    broken = _broken(stage)
    told = person("collection", "repair", "live", answer="n\n")
    assert (told.code, "Search for 2 gaps?" in told.words) == (1, True)
    told = person("collection", "repair", "live", "--yes")
    assert told.code == 0, told
    assert "2 gaps closed: 0 repaired, 2 partial; 6 posts stored, " in told.out
    assert " already there. Billed: $0.0" in told.out
    account = broken.account()
    assert (account.explained, account.doubled) == (account.existing, 0)
    assert person.output("collection", "repair", "live", "--yes").strip() == "No open gaps."
    assert not list(Path("temp").rglob("journal-*"))


def test_the_budget_is_kept_and_the_next_repair_goes_on(stage: Stage, person: Person) -> None:
    broken = _broken(stage)
    stage.edit("live", lambda tree: {**tree, "budget_usd": 0.6})
    told = person("collection", "repair", "live", "--yes")
    assert told.code == 0, told
    stage.edit("live", lambda tree: {**tree, "budget_usd": 0.1})
    assert broken.account().open == {}


def test_of_each_repair_it_is_told_what_that_one_stored(stage: Stage, person: Person) -> None:
    stage.control.set_clock(_at(3600))
    broken = BrokenStream(stage)
    broken.begin()
    with broken.streaming():
        broken.hear()
        more = {"user_id": broken.author, "count": 150, "text": "the flood again"}
        stage.control.faults(
            [{"on": "GET /2/tweets/search/stream", "when": {"nth": 1}, "do": "publish", **more}]
        )
        broken.cut(seconds=20)
        broken.hear()
    stage.control.set_clock(_at(0))
    stage.edit("live", lambda tree: {**tree, "budget_usd": 0.5})
    told = person("collection", "repair", "live", "--yes")
    assert "\n0 gaps closed: 0 repaired, 0 partial; 100 posts stored, " in told.out
    told = person("collection", "repair", "live", "--yes")
    assert "\n1 gap closed: 0 repaired, 1 partial; 53 posts stored, " in told.out


def test_gaps_older_than_seven_days_are_refused_with_the_price_of_the_archive(
    stage: Stage, person: Person
) -> None:
    broken = _broken(stage, ago=8 * DAY)
    told = person("collection", "repair", "live", "--yes")
    assert told.code == 2
    assert "2 gaps older than seven days: --archive searches for them, for about $" in told.err
    assert person("collection", "repair", "live", "--archive", "--yes").code == 0
    assert broken.account().open == {}


def test_a_second_repair_at_the_same_time_is_refused(stage: Stage, person: Person) -> None:
    broken = _broken(stage)
    lock = Lock(stage.store, broken.keys.repairs.lock, owner="another", clock=SystemClock())
    lock.acquire()
    told = person("collection", "repair", "live", "--yes")
    assert (told.code, "A repair of live is already running on " in told.err) == (11, True)
    lock.release()


def test_only_streams_have_gaps_that_are_repaired(stage: Stage, person: Person) -> None:
    stage.add("flood", type="search", search={"query": "flood"})
    told = person("collection", "repair", "flood")
    assert (told.code, "Collection is not a filter." in told.err) == (1, True)


def test_a_description_of_repairs_is_not_a_collection_that_a_person_adds(
    stage: Stage, person: Person
) -> None:
    person.write({"id": "mine", "type": "repair", "repair": {"gaps": [], "queries": []}})
    told = person("collection", "add")
    assert "Unrecognized collection type 'repair'" in told.err
    assert isinstance(stage.store, FolderStore)
    assert not any(stage.store.entries(CollectionKeys("mine").folder))


def test_the_fields_of_json_are_those_of_the_page(stage: Stage, person: Person) -> None:
    _broken(stage)
    plan = person("collection", "repair", "live", "--dry-run", "--json").json
    assert set(plan) == _FIELDS
    done = person("collection", "repair", "live", "--yes", "--json", "--progress", "none").json
    assert set(done) == _FIELDS | {"repair"}
    assert [event["stored"] for event in done["repair"]["repairs"]] == [3, 3]


_FIELDS = {
    *("id", "started", "gaps", "searches", "posts", "usd", "usd_range", "is_counted", "out_of_reach"),
    *("needs_archive", "needs_archive_usd", "not_settled", "without_rules", "no_rule_live"),
    *("partial", "partial_usd"),
}


def test_it_says_with_which_rules_each_gap_is_searched_for_and_since_when_they_were_live(
    stage: Stage, person: Person
) -> None:
    flood, fire = ({"id": name, "value": name} for name in ("flood", "fire"))
    _broken(stage, rules=[flood])
    told = person.output("collection", "repair", "live", "--dry-run")
    assert len(re.findall(r"  with 1 rule, first live at [-0-9]+ [:0-9]+ UTC: flood\n", told)) == 1
    section = {"rules": [{**flood, "status": "inactive"}, fire]}
    stage.edit("live", lambda tree: {**tree, "filter": section})
    told = person.output("collection", "repair", "live", "--dry-run")
    assert " UTC: flood; no longer active: flood\n" in told


def test_a_start_that_never_streamed_leaves_nothing_to_repair(stage: Stage, person: Person) -> None:
    """Its gap would be searched for with the rules of the stream before it, for money."""
    broken = _broken(stage, cuts=0)
    for track in ("flood,fire", "flood,fire,ash"):
        stage.control.faults([{"on": "POST /2/tweets/search/stream/rules", "do": "unauthorized"}])
        stage.edit("live", lambda tree, track=track: {**tree, "filter": {"track": track}})  # type: ignore[misc]
        assert stage.harvest("live").outcome.state == "failed"
        stage.control.faults([])
        stage.clock.advance(3600)
        with broken.streaming():
            broken.hear()
    assert person.output("collection", "repair", "live", "--dry-run").startswith("No open gaps.\n")


def test_gaps_that_overlap_are_one_to_a_person(stage: Stage, person: Person) -> None:
    broken = _broken(stage, cuts=1)
    (folder,) = stage.folders("live")
    key = f"{folder}harvest.json"
    summary = stage.json(key)
    (gap,) = summary["gaps"]
    summary["gaps"].append(
        {**gap, "to": timestamp(moment(gap["to"]) + timedelta(seconds=60)), "reason": "it died"}
    )
    stage.store.replace(key, written(summary), version=stage.store.read(key).version)
    told = person.output("collection", "repair", "live", "--dry-run")
    assert ": closed; it died\n" in told
    assert "\n1 open gap, " in told and "Would search for 1 gap of live." in told
    assert len(broken.plan().planned) == 2
    assert "\n1 gap closed: 0 repaired, 1 partial; " in person.output("collection", "repair", "live", "--yes")
    again = person("collection", "repair", "live", "--dry-run")
    assert "1 gap closed as partial: --again searches for it once more" in again.err


def test_a_partial_gap_is_searched_for_again_only_when_that_is_asked_for(
    stage: Stage, person: Person
) -> None:
    broken = _broken(stage)
    assert person("collection", "repair", "live", "--yes").code == 0
    told = person("collection", "repair", "live", "--yes")
    assert told.out == "No open gaps.\n"
    assert re.search(r"2 gaps closed as partial: --again searches for them once more, for about \$", told.err)
    paid = broken.paid_for
    again = person("collection", "repair", "live", "--again", "--yes")
    assert "2 gaps closed: 0 repaired, 2 partial; 0 posts stored, " in again.out
    assert broken.paid_for > paid
    repairs = sorted(each["harvest_timestamp"] for each in _history(person, "--repairs"))
    (summary,) = _history(person)
    assert {gap["repaired"]["by"] for gap in summary["gaps"]} == {repairs[-1]}
    assert broken.account().doubled == 0


def _history(person: Person, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person("harvest", "history", "live", *options, "--json").json
    return found


def test_a_running_repair_is_listed_shown_and_stopped(stage: Stage, person: Person) -> None:
    broken = _broken(stage, cuts=3)
    asked, ended, found = threading.Event(), Stop(), []

    def before_wait(_: float) -> None:
        asked.set()
        until(lambda: ended.requested)

    stage.control.faults([{"on": "GET /2/tweets/search/recent", "do": "unavailable"}])
    stage.clock.before_wait = before_wait
    thread = threading.Thread(target=lambda: found.append(broken.repaired(stop=ended)))
    thread.start()
    assert asked.wait(30)
    (row,) = person("harvest", "list", "--json").json
    assert (row["id"], row["kind"], row["status"]) == ("live", "repair", "RUNNING")
    assert "(repair, on " in person.output("harvest", "list")
    assert person.output("harvest", "running", "live").startswith("live (repair) => ")
    assert person("harvest", "running", "--json").json[0]["is_repair"] is True
    assert "stop the repair of live" in person.output("harvest", "stop", "live", "--dry-run")
    assert person.output("harvest", "stop", "live") == "Stopping ...\nStopped\n"
    thread.join(30)
    assert [outcome.state for outcome in found] == ["stopped"]
    none = person("harvest", "stop", "live", "--repair")
    assert (none.code, "No repair of live is running." in none.err) == (1, True)


def test_coverage_says_what_counting_costs_and_asks_first(stage: Stage, person: Person) -> None:
    _broken(stage, ago=0.0, cuts=1)
    told = person("collection", "coverage", "live")
    assert "1 count at X for $0.005. Count?" in told.words
    assert stage.control.truth()["billed"]["requests"].get("counts/recent", 0) == 0
    told = person("collection", "coverage", "live", "--yes")
    assert (told.code, "COLLECTED" in told.out) == (0, True)
    assert "In no count, for 1 rule: retweets (" in told.err
    found = person("collection", "coverage", "live", "--yes", "--json").json
    assert set(found) == {"id", "days", "queries", "out_of_reach", "usd"}
    assert set(found["days"][-1]) == {
        *("day", "collected", "repaired", "unseen", "counted", "share", "open_seconds")
    }
    assert stage.control.truth()["billed"]["requests"]["counts/recent"] == 2


def _said(person: Person, *command: str) -> str:
    told = person(*command)
    assert told.code == 0, told
    return told.words


def test_every_command_that_reads_a_collection_knows_its_repairs(stage: Stage, person: Person) -> None:
    _broken(stage)
    assert "No repairs yet." in _said(person, "harvest", "history", "live", "--repairs")
    assert _open_gaps(person) == 2
    _said(person, "collection", "repair", "live", "--yes")
    assert _open_gaps(person) == 0
    (row,) = person("harvest", "history", "live", "--repairs", "--json").json
    assert (row["tweets"], len(row["repairs"])) == (6, 2)
    assert "REPAIRED" in _said(person, "harvest", "history", "live", "--repairs")
    costs = person("collection", "cost", "live", "--json").json["harvests"]
    assert [(each["is_repair"], each["x"] >= 0.03) for each in costs] == [(False, True), (True, True)]
    assert " (repair)" in _said(person, "collection", "cost", "live")
    for _ in range(2):
        # The second time into a copy that holds repairs, and is no place of collections.
        copied = _said(person, "collection", "download", "live", "--copy-folder", "copy", "--verify")
        assert "OK: 2 harvests, 21 posts, 0 gaps" in copied
    _said(person, "collection", "copy", "live", "live", "--with-harvests", "--to-collections-path", "other")
    assert "OK: 2 harvests, 21 posts, 0 gaps" in _said(
        person, "collection", "verify", "live", "--collections-path", "other"
    )
    assert person("collection", "list").out.split() == ["Collections:", "live"]
    _said(person, "collection", "delete", "live", "--yes")
    assert not list(stage.store.entries("collections/live/"))


def _open_gaps(person: Person) -> int:
    header, row = person("harvest", "history", "live").out.splitlines()
    return int(row.split()[header.split().index("GAPS") + 1])


def test_a_collection_is_neither_deleted_nor_copied_while_a_repair_runs(stage: Stage, person: Person) -> None:
    broken = _broken(stage)
    broken.repaired()
    lock = Lock(stage.store, broken.keys.repairs.lock, owner="another", clock=SystemClock())
    lock.acquire()
    assert person("collection", "delete", "live", "--yes").code == 11
    told = person("collection", "copy", "live", "live", "--with-harvests", "--to-collections-path", "other")
    assert (told.code, "A repair of live is running, or died" in told.err) == (11, True)
    lock.release()
    assert any(stage.store.entries(broken.keys.collection))
