"""Streams: what matches is stored once, and whatever was missed lies inside a gap that was recorded."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.errors import Exit
from harvester.networks.x import Rule, XClient
from harvester.networks.x.rules.wanted import active_rules
from tests.support.harvest_stage import Going, Stage, staged, until

pytestmark = pytest.mark.usefixtures("x_in_any_form")

_STREAM = "GET /2/tweets/search/stream"


def _filter(stage: Stage, **section: Any) -> None:
    stage.add("live", type="filter", filter=section or {"track": "flood"})


def _publish(stage: Stage, *, count: int = 1, text: str = "a flood is coming") -> list[str]:
    return stage.control.publish(stage.accounts[0], count=count, text=text)


def _written(stage: Stage) -> int:
    return sum(stage.control.stream()["written"])


def _events(going: Going, name: str) -> list[dict[str, Any]]:
    return [event for event in going.end.events if event["event"] == name]


def test_what_matches_is_stored_once_and_nothing_else(tmp_path: Path) -> None:
    with staged(tmp_path, users=2) as stage:
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
            _publish(stage, text="nothing of interest")
            posts = _publish(stage, count=20)
            until(lambda: _written(stage) == 20)
        assert going.end.ids == posts
        assert going.end.outcome.state == "stopped"
        (rule,) = active_rules({"track": "flood"})
        tag = f"twarc-cloud:live:{rule.id}"
        assert {line["matching_rules"][0]["tag"] for line in going.end.lines} == {tag}
        assert going.end.summary["billed"]["posts"] == 20
        stage.require_tidy("live")


def test_track_follow_locations_and_rules_widen_each_other(tmp_path: Path) -> None:
    with staged(tmp_path, users=3) as stage:
        followed, other, third = stage.accounts
        _filter(
            stage,
            track="storm surge,#flood",
            follow=followed,
            locations="-0.2,51.4,0,51.6",
            rules=[{"value": "from:" + third, "tag": "mine"}],
        )
        tagged = {"hashtags": [{"start": 6, "end": 12, "tag": "flood"}]}
        place: dict[str, Any] = {"geo": {"coordinates": {"type": "Point", "coordinates": [-0.1, 51.5]}}}
        with stage.harvesting("live") as going:
            until(stage.connected)
            wanted = [
                *stage.control.publish(other, text="the storm brings a surge"),
                *stage.control.publish(other, text="now a #flood", entities=tagged),
                *stage.control.publish(followed, text="anything"),
                *stage.control.publish(other, text="here", **place),
                *stage.control.publish(third, text="anything"),
            ]
            stage.control.publish(other, text="a storm alone")
            until(lambda: _written(stage) >= len(wanted))
        assert going.end.ids == wanted
        types = {
            f"twarc-cloud:live:{rule.id}": rule.type
            for rule in active_rules(stage.collection("live")["filter"])
        }
        assert [types[line["matching_rules"][0]["tag"]] for line in going.end.lines] == [
            *("keyword", "keyword", "userid", "geo", "native"),
        ]


@pytest.mark.parametrize("most", [1, 250])
def test_max_records_ends_the_harvest_exactly_there(tmp_path: Path, most: int) -> None:
    with staged(tmp_path, stream_rate="2000") as stage:
        _filter(stage, track="flood", max_records=most)
        ended = stage.harvest("live")
        assert len(ended.ids) == len(set(ended.ids)) == most
        assert (ended.outcome.state, ended.outcome.exit_code) == ("complete", Exit.OK)
        assert "max_records" in ended.outcome.reason
        published = stage.control.stream()["ids"]
        first = published.index(ended.ids[0])
        assert ended.ids == published[first : first + most]


@pytest.mark.parametrize("how", ["close", "reset", "operational-disconnect", "ForceDisconnect"])
def test_a_disconnect_is_mended_and_told_as_a_gap_that_covers_the_loss(tmp_path: Path, how: str) -> None:
    """D-16: the first interruption ended the stream in silence, as a success."""
    with staged(tmp_path, users=1, connections=1) as stage:
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
            before = _publish(stage, count=3)
            until(lambda: _written(stage) == 3)
            stage.control.faults([{"on": _STREAM, "when": {"nth": [1, 2]}, "do": "unavailable"}])
            stage.control.disconnect(how)
            missed = _publish(stage, count=5)
            until(lambda: stage.control.fired() == [2] and stage.connected())
            after = _publish(stage, count=3)
            until(lambda: _written(stage) == 6)
        assert going.end.ids == before + after
        (gap,) = going.end.summary["gaps"]
        assert (gap["last_id_before"], gap["first_id_after"]) == (before[-1], after[0])
        assert stage.unexplained("live") == []
        assert set(missed).isdisjoint(stage.stored("live"))


@pytest.mark.parametrize("failures", [0, 2])
def test_what_nobody_heard_after_an_end_that_was_not_meant_is_a_gap_of_the_next(
    failures: int, tmp_path: Path
) -> None:
    """A task that is replaced, or one that its keys failed: the service starts it again, some time later."""
    with staged(tmp_path, users=1) as stage:
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
            before = _publish(stage, count=2)
            until(lambda: _written(stage) == 2)
            going.stop.request("SIGTERM")
        assert going.end.summary["gaps"] == []
        missed = _publish(stage, count=3)
        if failures:
            stage.control.faults([{"on": "GET /2/tweets/search/stream/rules/counts", "do": "unauthorized"}])
        for _ in range(failures):
            failed = stage.harvest("live")
            assert (failed.outcome.state, failed.summary["gaps"]) == ("failed", [])
            missed += _publish(stage, count=1)
        stage.control.faults([])
        with stage.harvesting("live") as going:
            until(stage.connected)
            after = _publish(stage, count=2)
            until(lambda: going.summary()["tweets"] == 2)
        (gap,) = going.end.summary["gaps"]
        assert gap["reason"] == "the harvest before was ended (SIGTERM)"
        assert (gap["last_id_before"], gap["first_id_after"]) == (before[-1], after[0])
        assert set(missed).isdisjoint(stage.stored("live"))
        assert stage.unexplained("live") == []


def test_what_comes_after_a_stop_that_was_meant_is_no_gap(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        _filter(stage)
        for _ in range(2):
            with stage.harvesting("live") as going:
                until(stage.connected)
                _publish(stage, count=1)
                until(lambda: going.summary()["tweets"] == 1)
            assert going.end.summary["gaps"] == []
            assert "missed_interval" not in going.end.summary


def test_a_line_cut_in_the_middle_is_no_record(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.control.faults([{"on": _STREAM, "when": {"nth": 1}, "do": "cut-mid-line", "after_posts": 3}])
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
            posts = _publish(stage, count=4)
            until(lambda: len(stage.control.stream()["connections"]) == 2)
            posts += _publish(stage, count=2)
            until(lambda: _written(stage) == 5)
        assert going.end.ids == [*posts[:3], *posts[4:]]
        assert len(_events(going, "partial")) == 1
        assert stage.unexplained("live") == []


def test_a_stream_that_falls_silent_is_left_and_opened_anew(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, keepalive=0.1) as stage:
        stage.control.faults([{"on": _STREAM, "when": {"nth": 1}, "do": "stall", "after_posts": 2}])
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
            posts = _publish(stage, count=2)
            until(lambda: _written(stage) == 2)
            _publish(stage, count=4)
            with stage.clock.hurrying(times=40):
                until(lambda: len(stage.control.stream()["connections"]) == 2)
            posts += _publish(stage, count=2)
            until(lambda: _written(stage) == 4)
        assert going.end.ids == posts
        (gap,) = going.end.summary["gaps"]
        assert gap["reason"] == "nothing came for 25 s"
        assert gap["seconds"] >= 25
        assert stage.unexplained("live") == []


def test_keep_alives_alone_make_no_files_and_no_gap(tmp_path: Path) -> None:
    """D-32: a silent stream made an empty file every half hour."""
    with staged(tmp_path, users=1, keepalive=0.05) as stage:
        _filter(stage)
        begun = stage.clock.now()
        with stage.harvesting("live", seconds_per_file=20.0) as going, stage.clock.hurrying(times=40):
            until(lambda: (stage.clock.now() - begun).total_seconds() > 100)
        assert going.end.summary["files"] == 0
        assert going.end.summary["gaps"] == []


def _spoiled(folder: Path, fault: str, *, every: int, written: int) -> tuple[Going, list[str]]:
    """A stream of ten posts with a fault at every so many, of which X writes so many lines; their ids."""
    with staged(folder, users=1) as stage:
        stage.control.faults([{"on": _STREAM, "do": fault, "every": every}])
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
            posts = _publish(stage, count=10)
            until(lambda: _written(stage) == written)
    return going, posts


def test_records_that_come_twice_are_stored_once_and_counted(tmp_path: Path) -> None:
    going, posts = _spoiled(tmp_path, "duplicate", every=2, written=15)
    assert going.end.ids == posts
    assert [event["dropped"] for event in _events(going, "duplicates")] == [5]


def test_records_that_come_twice_do_not_count_towards_max_records(tmp_path: Path) -> None:
    with staged(tmp_path, stream_rate="500") as stage:
        stage.control.faults([{"on": _STREAM, "do": "duplicate", "every": 2}])
        _filter(stage, track="flood", max_records=100)
        ended = stage.harvest("live")
        assert len(set(ended.ids)) == len(ended.ids) == 100
        (event,) = [event for event in ended.events if event["event"] == "duplicates"]
        assert event["dropped"] >= 49


def test_records_out_of_order_are_stored_as_they_came(tmp_path: Path) -> None:
    going, posts = _spoiled(tmp_path, "reorder", every=3, written=10)
    assert sorted(going.end.ids, key=int) == posts != going.end.ids


def test_what_is_no_record_goes_to_the_events(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.control.faults(
            [
                {"on": _STREAM, "do": "error-line", "after_posts": 1},
                {"on": _STREAM, "do": "garbage-line", "after_posts": 2},
            ]
        )
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
            posts = _publish(stage, count=4)
            until(lambda: _written(stage) == 4)
        assert going.end.ids == posts
        assert {event["event"] for event in going.end.events} >= {"error", "unparsable"}


def test_a_ghost_of_an_earlier_connection_is_cleared(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, connections=1) as stage:
        stage.control.faults([{"on": _STREAM, "when": {"nth": 1}, "do": "ghost-connection"}])
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
            stage.control.disconnect("close")
            until(lambda: len(stage.control.stream()["connections"]) == 2)
            posts = _publish(stage)
            until(lambda: _written(stage) == 1)
        assert going.end.ids == posts
        assert len(_events(going, "connections cleared")) == 1


def test_rules_of_others_stay_and_are_told(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        _add_foreign_rule(stage)
        _filter(stage)
        with stage.harvesting("live") as going:
            until(stage.connected)
        (event,) = _events(going, "rules")
        assert [rule["value"] for rule in event["foreign"]] == ["foreign"]
        assert [rule["value"] for rule in event["rules"]] == ["flood"]
        assert "foreign" in _live_rules(stage)


def _changed(tree: dict[str, Any], *, section: dict[str, str]) -> dict[str, Any]:
    return {**tree, "filter": section}


def test_a_changed_filter_changes_the_rules_and_nothing_of_others(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        _add_foreign_rule(stage)
        _filter(stage)
        for words in ("flood", "storm,surge"):
            stage.edit("live", partial(_changed, section={"track": words}))
            with stage.harvesting("live"):
                until(stage.connected)
        assert _live_rules(stage) == ["foreign", "storm", "surge"]


def test_rules_that_x_refuses_are_named_before_anything_is_collected(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        _filter(stage, rules=[{"value": "flood ("}, {"value": "storm"}])
        ended = stage.harvest("live")
        assert (ended.outcome.state, ended.outcome.exit_code) == ("failed", Exit.ERROR)
        assert "flood (" in ended.outcome.reason


def test_too_many_terms_for_the_caps_are_told_in_numbers(tmp_path: Path) -> None:
    with staged(tmp_path, rule_cap=2) as stage:
        _filter(stage, track=",".join(f"term{number:03}" for number in range(400)))
        ended = stage.harvest("live")
        assert ended.outcome.state == "failed"
        assert "needs 5 rules of 1024 characters, and the keys allow 2" in ended.outcome.reason


def _add_foreign_rule(stage: Stage) -> None:
    client = XClient(stage.keys, base_url=stage.emulated.url, clock=stage.clock, stop=Stop())
    client.add_rules([Rule("foreign", "somebody else's")])
    client.close()


def _live_rules(stage: Stage) -> list[str]:
    return sorted(rule["value"] for rule in stage.control.call("GET", "stream/rules")["rules"])
