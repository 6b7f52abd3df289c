"""What a stream missed is searched for within its gaps; a cut repair goes on where it was."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop, timestamp
from harvester.collection import history
from harvester.networks.x.post_ids import created
from harvester.store.keys import CollectionKeys
from tests.support.harvest_stage import Ended, Stage, staged

_RECENT = "GET /2/tweets/search/recent"
_HARVEST = "2026-01-01T00:00:00.000000+00:00"


def _gap(since: datetime, until: datetime, *queries: int, **more: Any) -> dict[str, Any]:
    ends = {"from": timestamp(since), "to": timestamp(until)}
    return {"harvest": _HARVEST, **ends, "spans": [{**ends, "queries": list(queries or (0,))}], **more}


def _plan(stage: Stage, *gaps: dict[str, Any], queries: tuple[str, ...] = ("flood",), **more: Any) -> None:
    listed = [{"query": query, "rules": [f"rule-{number}"]} for number, query in enumerate(queries)]
    section = {"archive": False, "gaps": list(gaps), "queries": listed, **more}
    history.add(
        stage.store, CollectionKeys("live").repairs, {"id": "live", "type": "repair", "repair": section}
    )


def _backfills(ended: Ended) -> list[dict[str, Any]]:
    return [event for event in ended.events if event["event"] == "backfill"]


def _flood(stage: Stage) -> list[str]:
    """All posts that match, oldest first."""
    return stage.control.search("flood")[::-1]


def test_a_gap_is_searched_to_the_millisecond(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=900, posts_per_user=0) as stage:
        posts = _flood(stage)
        missed = posts[200:450]
        _plan(stage, _gap(created(missed[0]), created(missed[-1])))
        ended = stage.repair("live")
        assert ended.outcome.state == "complete"
        assert sorted(ended.ids) == sorted(missed)
        (event,) = _backfills(ended)
        assert ended.summary["repairs"] == [event]
        assert {name: event[name] for name in ("harvest", "state", "found", "stored", "already_there")} == {
            "harvest": _HARVEST,
            "state": "repaired",
            "found": 250,
            "stored": 250,
            "already_there": 0,
        }
        assert event["usd"] == pytest.approx(1.25)
        assert ended.folder.startswith("collections/live/repairs/harvests/")


@pytest.mark.usefixtures("x_in_any_form")
def test_posts_that_are_there_are_dropped_by_id(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=600, posts_per_user=0) as stage:
        posts = _flood(stage)[100:400]
        _plan(stage, _gap(created(posts[0]), created(posts[-1])))
        known = set(posts[:20] + posts[-30:])
        ended = stage.repair("live", known=lambda: known)
        assert sorted(ended.ids) == sorted(set(posts) - known)
        assert ended.summary["tweets"] == 250
        (event,) = _backfills(ended)
        assert (event["found"], event["stored"], event["already_there"]) == (300, 250, 50)
        assert ended.summary["counts"]["already_there"] == 50


def test_a_post_that_two_queries_find_is_stored_once(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=150, posts_per_user=0) as stage:
        posts = _flood(stage)
        gap = _gap(created(posts[0]), created(posts[-1]), 0, 1)
        _plan(stage, gap, queries=("flood", "flood -is:nullcast"))
        ended = stage.repair("live")
        assert sorted(ended.ids) == sorted(posts)
        assert _backfills(ended)[0]["found"] == 300


def test_classes_out_of_reach_make_a_gap_partial(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=10, posts_per_user=0) as stage:
        posts = _flood(stage)
        classes = [{"class": "retweets", "rules": ["rule-0"], "reason": "..."}]
        _plan(stage, _gap(created(posts[0]), created(posts[-1]), out_of_reach=classes))
        (event,) = _backfills(stage.repair("live"))
        assert (event["state"], event["out_of_reach"]) == ("partial", classes)


@pytest.mark.parametrize("page", [1, 2, 4])
def test_a_repair_that_was_stopped_goes_on_where_it_was(tmp_path: Path, page: int) -> None:
    with staged(tmp_path, search_posts=600, posts_per_user=0) as stage:
        posts = _flood(stage)
        gaps = [_gap(created(posts[start]), created(posts[start + 149])) for start in (0, 300)]
        _plan(stage, *gaps)
        stop = Stop()
        stage.clock.before_wait = lambda _: stop.request("enough")
        stage.control.faults([{"on": _RECENT, "when": {"nth": page}, "do": "unavailable"}])
        first = stage.repair("live", stop=stop)
        assert first.outcome.state == "stopped"
        stage.clock.before_wait = lambda _: None
        stage.control.clear_faults()
        second = stage.repair("live")
        assert second.outcome.state == "complete"
        assert sorted(first.ids + second.ids) == sorted(posts[:150] + posts[300:450])
        told = [*_backfills(first), *_backfills(second)]
        assert [(event["found"], event["stored"]) for event in told] == [(150, 150)] * 2
        # Nothing that was paid for is asked for again.
        assert stage.control.truth()["billed"]["posts"] == 300
        assert stage.repair("live").summary["billed"].get("posts", 0) == 0


def test_a_query_that_is_refused_is_named_and_the_others_are_asked(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=50, posts_per_user=0) as stage:
        posts = _flood(stage)
        gap = _gap(created(posts[0]), created(posts[-1]), 0, 1)
        _plan(stage, gap, queries=("bio:museum", "flood"))
        ended = stage.repair("live")
        assert sorted(ended.ids) == sorted(posts)
        (event,) = _backfills(ended)
        assert event["state"] == "partial"
        (missed,) = event["out_of_reach"]
        assert (missed["class"], missed["rules"]) == ("refused", ["rule-0"])
        assert "bio" in missed["reason"]


def test_a_gap_that_has_become_too_old_stays_open(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=50, posts_per_user=0) as stage:
        posts = _flood(stage)
        _plan(stage, _gap(created(posts[0]), created(posts[-1])))
        stage.clock.advance(8 * 86_400)
        ended = stage.repair("live")
        assert (ended.outcome.state, _backfills(ended)) == ("partial", [])
        assert "seven days" in ended.outcome.reason


def test_the_budget_ends_a_repair_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=400, posts_per_user=0) as stage:
        posts = _flood(stage)
        _plan(stage, _gap(created(posts[0]), created(posts[-1])))
        first = stage.repair("live", budget_usd=1.0)
        assert (first.outcome.state, first.summary["limit"]) == ("stopped", "budget")
        assert first.summary["billed"]["usd"] <= 1.0
        second = stage.repair("live")
        assert sorted(first.ids + second.ids) == sorted(posts)
        assert _backfills(second)[0]["stored"] == 400
