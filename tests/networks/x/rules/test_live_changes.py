"""A stream takes over what is changed of its collection while it runs, and loses and doubles nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest

from harvester.harvest.lock_content import note_change
from harvester.store.keys import CollectionKeys
from tests.support.harvest_stage import Ended, Going, Stage, staged, until

KEYS = CollectionKeys("live")
_STEP = 3.0


def _edit(stage: Stage, **section: Any) -> None:
    """As `collection-config update` does it."""
    stage.edit("live", lambda tree: {**tree, "filter": {**tree["filter"], **section}})
    note_change(stage.store, KEYS.lock)


def _rules(*words: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"r-{word}", "value": word, **more} for word in words]


def _live(stage: Stage) -> list[str]:
    return sorted(rule["value"] for rule in stage.control.call("GET", "stream/rules")["rules"])


def _events(ended: Ended, *names: str) -> list[dict[str, Any]]:
    return [event for event in ended.events if event["event"] in names]


def _pass_until(stage: Stage, holds: Callable[[], object], *, seconds: int = 200) -> None:
    """Let time pass second by second, so that none of them goes by unread, until it holds."""
    pause = Event()
    for _ in range(seconds):
        if holds():
            return
        stage.clock.advance(1.0)
        pause.wait(0.06)
    assert holds()


def _words_in_force(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, datetime, datetime]]:
    """By the events' own words: a rule, since when and until when each post that matches it is promised."""
    since: dict[str, datetime] = {}
    for event in events:
        at, begins = (datetime.fromisoformat(event[name]) for name in ("at", "in_force_from"))
        new = {name for rule in event.get("rules", event.get("new", [])) for name in rule["ids"]}
        gone = {name for rule in event.get("old", []) for name in rule["ids"]} - new
        for name in gone & since.keys():
            yield name, since.pop(name), at
        since |= {name: begins for name in new - since.keys()}
    for name, begun in since.items():
        yield name, begun, datetime.max.replace(tzinfo=begun.tzinfo)


def _billed(going: Going) -> int:
    """The posts that were read, which the summary counts as tweets only once they are written."""
    return int(going.summary()["billed"]["posts"])


class _Posts:
    """Posts of one word each, and when they were published."""

    def __init__(self, stage: Stage, going: Going) -> None:
        self._stage, self._going, self._author = stage, going, stage.accounts[0]
        self.published: dict[str, tuple[str, datetime]] = {}

    def publish(self, words: list[str]) -> None:
        at = self._stage.clock.now()
        posts = [{"user_id": self._author, "text": f"a {word} here"} for word in words]
        for word, post in zip(words, self._stage.control.publish_all(posts), strict=True):
            self.published[post] = (f"r-{word}", at)
        # All that came is read before time goes on, as no real second passes in which it could be.
        until(lambda: [_billed(self._going)] == [each["sent"] for each in self._stage.control.connections()])

    def promised(self, ended: Ended) -> set[str]:
        forces = list(_words_in_force(_events(ended, "rules")))
        return {
            post
            for post, (name, at) in self.published.items()
            if any(name == rule and begins <= at < end for rule, begins, end in forces)
        }


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize(
    ("edits", "options"),
    [
        pytest.param(200, {"vary": 5}, id="a live rule each"),
        pytest.param(70, {"rule_cap": 40, "vary": 7}, id="packed, with little room"),
    ],
)
def test_edits_every_three_seconds_lose_and_double_nothing(
    tmp_path: Path, edits: int, options: dict[str, Any]
) -> None:
    """Two hundred take ten minutes, in which X allows 67 requests that change rules."""
    draw, words = Random(3), [f"{'word' * 15}{n:02d}" for n in range(60)]
    with staged(tmp_path, users=1, keepalive=0.05, rule_delay=20, **options) as stage:
        now = words[:40]
        stage.add("live", type="filter", filter={"rules": _rules(*now, type="keyword")})
        edited: dict[int, datetime] = {}
        with stage.harvesting("live", seconds_per_file=1e6) as going:
            until(stage.connected)
            posts = _Posts(stage, going)
            for _ in range(edits):
                word = draw.choice(words)
                now = [each for each in now if each != word] if word in now else [*now, word]
                _edit(stage, rules=_rules(*now, type="keyword"))
                edited[stage.collection("live")["version"]] = stage.clock.now()
                going.renew()
                posts.publish(draw.sample(words, 3))
                stage.clock.advance(_STEP)
            last = max(edited)
            for _ in range(40):
                posts.publish(draw.sample(words, 3))
                stage.clock.advance(_STEP)
            assert going.summary()["collection_version"] == last
            open_files = going.summary()["files"]
        ended = going.end
        stream, asked = stage.control.stream(), stage.control.truth()
    changes = [
        each for each in asked["requests"] if (each["method"], each["path"][-6:]) == ("POST", "/rules")
    ]
    assert len(changes) <= 67
    assert len(asked["connections"]) == 1
    assert (open_files, ended.summary["files"]) == (1, 1)
    stored = set(ended.ids)
    assert stored == set(stream["ids"][stream["connections"][0]["published_before"] :])
    assert len(stored) == len(ended.ids)
    promised = posts.promised(ended)
    assert len(promised) > edits
    assert promised <= stored
    told = {event["version"]: datetime.fromisoformat(event["at"]) for event in _events(ended, "rules")[1:]}
    for version, at in edited.items():
        first = min(when for number, when in told.items() if number >= version)
        assert first - at <= timedelta(seconds=60)
    assert not _events(ended, "rules pending", "rule refused", "gap")


@contextmanager
def _streaming(folder: Path, *, rules: list[dict[str, Any]], **options: Any) -> Iterator[tuple[Stage, Going]]:
    """A stream of these rules, which is read; time stands unless the test lets it pass."""
    with staged(folder, users=1, keepalive=0.03, **options) as stage:
        stage.add("live", type="filter", filter={"rules": rules})
        with stage.harvesting("live") as going:
            until(lambda: going.summary().get("activity") != "starting")
            yield stage, going


def _now(stage: Stage, going: Going, **section: Any) -> int:
    """Edit the collection, and let the harvest hear of it; the version that this makes."""
    _edit(stage, **section)
    going.renew()
    return int(stage.collection("live")["version"])


def _ended(going: Going) -> Ended:
    """What it came to, now that it is asked to stop."""
    going.stop.request("the test is through")
    until(lambda: going.ended)
    return going.end


def test_what_stays_is_not_touched_and_what_goes_is_deleted_once_the_rest_is_in_force(tmp_path: Path) -> None:
    with _streaming(tmp_path, rules=_rules("cat", "dog"), rule_delay=20) as (stage, going):
        until(stage.connected)
        before = {rule["value"]: rule for rule in stage.control.rules()}
        version = _now(stage, going, rules=_rules("dog", "emu"))
        _pass_until(stage, lambda: _live(stage) == ["dog", "emu"])
        assert going.summary()["collection_version"] == version
        rules = {rule["value"]: rule for rule in stage.control.rules()}
    assert rules["dog"] == before["dog"]
    assert rules["cat"]["deleted"] >= rules["emu"]["since"]
    first, change = _events(going.end, "rules")
    assert {rule["value"] for rule in first["rules"]} == {"cat", "dog"}
    assert [[rule["ids"] for rule in change[name]] for name in ("old", "new")] == [[["r-cat"]], [["r-emu"]]]
    assert change["version"] == version and change["changeset"].startswith("change-")
    assert change["in_force_from"] >= rules["emu"]["since"]


def test_a_rule_that_x_refuses_leaves_all_as_it_was_and_is_told_once(tmp_path: Path) -> None:
    with _streaming(tmp_path, rules=_rules("cat")) as (stage, going):
        until(stage.connected)
        _now(stage, going, rules=[*_rules("dog"), {"id": "bad", "value": "emu ("}])
        _pass_until(stage, lambda: "emu (" in str(going.summary().get("change_waits")))
        assert (_live(stage), going.summary()["collection_version"]) == (["cat"], 1)
        stage.clock.advance(100)
        stage.control.publish(stage.accounts[0], text="a cat")
        version = _now(stage, going, rules=_rules("dog"))
        _pass_until(stage, lambda: _live(stage) == ["dog"])
        assert going.summary()["collection_version"] == version
        assert "change_waits" not in going.summary()
        _ended(going)
        assert len(stage.control.truth()["connections"]) == 1
    (refused,) = _events(going.end, "rule refused")
    assert (refused["ids"], refused["value"], refused["version"]) == (["bad"], "emu (", 2)
    assert "emu (" in refused["reason"] or "UnprocessableEntity" in refused["reason"]
    assert len(going.end.ids) == 1


@pytest.mark.parametrize("refusal", ["credits-depleted", "unauthorized", "not-enrolled"])
def test_a_stream_outlives_that_x_refuses_the_change_and_takes_it_over_later(
    tmp_path: Path, refusal: str
) -> None:
    with _streaming(tmp_path, rules=_rules("cat")) as (stage, going):
        until(stage.connected)
        stage.control.faults([{"on": "POST /2/tweets/search/stream/rules", "do": refusal}])
        _now(stage, going, rules=_rules("cat", "dog"))
        _pass_until(stage, lambda: going.summary().get("change_waits"))
        stage.control.publish(stage.accounts[0], text="a cat")
        stage.control.clear_faults()
        _pass_until(stage, lambda: _live(stage) == ["cat", "dog"])
        stage.control.publish(stage.accounts[0], text="a dog")
        until(lambda: _billed(going) == 2)
        assert len(stage.control.truth()["connections"]) == 1
    assert len(_events(going.end, "rules pending")) == 1
    assert len(_events(going.end, "rules")) == 2


def test_a_change_that_failed_is_tried_again_though_another_has_rules_to_delete(tmp_path: Path) -> None:
    with _streaming(tmp_path, rules=_rules("cat"), rule_delay=20) as (stage, going):
        until(stage.connected)
        _now(stage, going, rules=_rules("dog"))
        _pass_until(stage, lambda: _live(stage) == ["cat", "dog"])
        stage.control.faults([{"on": "GET /2/tweets/search/stream/rules", "do": "credits-depleted"}])
        _now(stage, going, rules=_rules("emu"))
        _pass_until(stage, lambda: going.summary().get("change_waits"))
        assert _live(stage) == ["dog"]
        stage.control.clear_faults()
        _pass_until(stage, lambda: _live(stage) == ["emu"])
    assert len(_events(going.end, "rules pending")) == 1


def test_a_filter_that_cannot_be_rules_is_told_and_waits_for_the_next_edit(tmp_path: Path) -> None:
    with _streaming(tmp_path, rules=_rules("cat"), rule_cap=5) as (stage, going):
        until(stage.connected)
        _now(stage, going, rules=[{"id": f"r{n}", "value": f"sample:{n + 1} w"} for n in range(9)])
        _pass_until(stage, lambda: going.summary().get("change_waits"))
        asked = len(stage.control.truth()["requests"])
        for _ in range(4):
            stage.clock.advance(20)
            Event().wait(0.1)
        assert len(stage.control.truth()["requests"]) == asked
        assert _live(stage) == ["cat"]
    (pending,) = _events(going.end, "rules pending")
    assert "and the keys allow 5" in pending["reason"]


def test_where_the_app_has_no_room_for_both_the_gap_is_told(tmp_path: Path) -> None:
    long = [{"id": f"r{n}", "value": f"{'x' * 300}{n}", "type": "keyword"} for n in range(14)]
    with _streaming(tmp_path, rules=long[:12], rule_cap=4, rule_delay=20) as (stage, going):
        until(stage.connected)
        version = _now(stage, going, rules=long[2:])
        _pass_until(stage, lambda: going.summary()["collection_version"] == version)
        assert len(_live(stage)) <= 4
    (gap,) = _events(going.end, "gap")
    (_, change) = _events(going.end, "rules")
    assert "no room" in gap["reason"]
    assert gap["to"] == change["in_force_from"]


def test_the_gap_of_rules_that_are_missing_still_at_the_end_is_told(tmp_path: Path) -> None:
    long = [{"id": f"r{n}", "value": f"{'x' * 300}{n}", "type": "keyword"} for n in range(14)]
    with _streaming(tmp_path, rules=long[:12], rule_cap=4, rule_delay=20) as (stage, going):
        until(stage.connected)
        # Behind the question whether X accepts the rules, and the end of those that they replace.
        no_credits = {"do": "credits-depleted", "when": {"from": 3}}
        stage.control.faults([{"on": "POST /2/tweets/search/stream/rules", **no_credits}])
        _now(stage, going, rules=long[2:])
        _pass_until(stage, lambda: going.summary().get("change_waits"))
        stage.clock.advance(30)
    (gap,) = _events(going.end, "gap")
    assert "no room" in gap["reason"]
    assert gap["seconds"] >= 30


def test_a_filter_without_active_rules_waits_and_connects_when_there_are_some(tmp_path: Path) -> None:
    resting = _rules("cat", status="inactive")
    with _streaming(tmp_path, rules=resting) as (stage, going):
        until(lambda: "no rule of the filter is active" in going.summary()["activity"])
        assert not stage.control.truth()["connections"]
        _now(stage, going, rules=_rules("cat"))
        _pass_until(stage, stage.connected)
        stage.control.publish(stage.accounts[0], text="a cat")
        until(lambda: _billed(going) == 1)
        _now(stage, going, rules=resting)
        _pass_until(stage, lambda: not stage.connected() and not _live(stage))
        stage.control.publish(stage.accounts[0], text="a cat")
        _now(stage, going, rules=_rules("dog"))
        _pass_until(stage, stage.connected)
        stage.control.publish(stage.accounts[0], text="a dog")
        until(lambda: _billed(going) == 2)
    assert len(_events(going.end, "waiting")) == 2
    assert going.end.gaps == []
    assert len(going.end.ids) == 2


def test_a_changed_limit_and_budget_count_from_then_on(tmp_path: Path) -> None:
    with _streaming(tmp_path, rules=_rules("cat")) as (stage, going):
        until(stage.connected)
        stage.control.publish(stage.accounts[0], text="a cat", count=3)
        until(lambda: _billed(going) == 3)
        version = _now(stage, going, max_records=5)
        _pass_until(stage, lambda: going.summary()["collection_version"] == version)
        stage.edit("live", lambda tree: {**tree, "budget_usd": 7.0})
        _now(stage, going)
        _pass_until(stage, lambda: stage.clients[-1].billing.budget == 7.0)
        stage.control.publish(stage.accounts[0], text="a cat", count=4)
        until(lambda: going.ended)
    assert going.end.summary["reason"] == "max_records reached"
    assert len(going.end.ids) == 5
    assert len(_events(going.end, "rules")) == 1


def test_what_was_changed_counts_when_the_stream_is_begun_again_within_the_harvest(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, keepalive=0.03) as stage:
        stage.waits_for = lambda _: True
        stage.add("live", type="filter", filter={"rules": _rules("cat")})
        with stage.harvesting("live") as going:
            until(stage.connected)
            _now(stage, going, rules=_rules("dog"))
            _pass_until(stage, lambda: _live(stage) == ["dog"])
            fault = {"on": "GET /2/tweets/search/stream", "when": {"count": 1}, "do": "credits-depleted"}
            stage.control.faults([fault])
            stage.control.disconnect("close")
            _pass_until(stage, lambda: len(stage.clients) == 2 and stage.connected())
            assert _live(stage) == ["dog"]


def test_a_word_that_is_told_while_another_is_heard_is_not_lost(tmp_path: Path) -> None:
    with _streaming(tmp_path, rules=_rules("cat")) as (stage, going):
        until(stage.connected)
        assert note_change(stage.store, KEYS.lock)
        assert note_change(stage.store, KEYS.lock)
        assert "collection_changed" in stage.json(KEYS.lock)
        going.renew()
        assert "collection_changed" not in stage.json(KEYS.lock)
        version = _now(stage, going, rules=_rules("dog"))
        _pass_until(stage, lambda: going.summary()["collection_version"] == version)
    assert not note_change(stage.store, KEYS.lock)


def test_a_change_of_which_the_stream_was_not_told_is_taken_over_within_an_hour(tmp_path: Path) -> None:
    """As of a command that died after it had stored the change."""
    with _streaming(tmp_path, rules=_rules("cat")) as (stage, going):
        until(stage.connected)
        stage.edit("live", lambda tree: {**tree, "filter": {"rules": _rules("dog")}})
        stage.clock.advance(3600)
        _pass_until(stage, lambda: _live(stage) == ["dog"])
        asked = len(stage.control.truth()["requests"])
        stage.clock.advance(3600)
        _pass_until(stage, lambda: going.summary()["collection_version"] == 2)
        assert len(stage.control.truth()["requests"]) == asked


def test_a_stream_whose_rules_x_refuses_begins_once_they_are_corrected(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, keepalive=0.03) as stage:
        stage.waits_for = lambda _: True
        stage.add("live", type="filter", filter={"rules": _rules("emu (")})
        waited = Event()

        def correct(seconds: float) -> None:
            if seconds >= 10 and not waited.is_set():
                waited.set()
                _edit(stage, rules=_rules("dog"))
                going.renew()

        stage.clock.before_wait = correct
        with stage.harvesting("live") as going:
            until(stage.connected, within=10)
            assert _live(stage) == ["dog"]
            assert going.summary()["collection_version"] == 2
