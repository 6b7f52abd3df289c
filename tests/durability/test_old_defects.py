"""What the system of 2019 did wrong in a harvest, and no other test names: each stays mended."""

import os
import threading
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

from harvester.clock import Stop
from harvester.collection.replay import replay
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.harvest.segment import Segment
from harvester.store.keys import CollectionKeys, changeset_version
from tests.support.harvest_stage import Stage, checked_by_sha256sum, staged, until

_KEYS = CollectionKeys("it")


def _search(stage: Stage, **more: Any) -> None:
    stage.add("it", type="search", search={"query": "flood", **more})


def _changesets(stage: Stage) -> list[str]:
    return sorted((entry.key for entry in stage.store.entries(_KEYS.changesets)), key=changeset_version)


def test_files_that_are_begun_in_one_second_are_several(tmp_path: Path) -> None:
    """D-03: the second one had the name of the first, and took its place."""
    with staged(tmp_path, search_posts=950) as stage:
        _search(stage)
        ended = stage.harvest("it", tweets_per_file=50)
        assert ended.summary["files"] == 10
        assert len(ended.ids) == len(set(ended.ids)) == 950
        checked_by_sha256sum(tmp_path / "collections")


def _with(tree: Tree, *, name: str) -> Tree:
    return {**tree, name: 1}


def test_changes_of_one_second_are_several(tmp_path: Path) -> None:
    """D-04: the later changeset had the name of the earlier."""
    with staged(tmp_path) as stage:
        _search(stage)
        for number in range(20):
            stage.edit("it", partial(_with, name=f"x_{number}"))
        assert len(_changesets(stage)) == 21
        assert replay(stage.store, _KEYS) == stage.collection("it")


def test_a_harvest_s_change_comes_after_an_edit_that_was_made_meanwhile(tmp_path: Path) -> None:
    """D-06: it was dated back to the harvest's start, and replayed in the wrong order."""
    with staged(tmp_path, search_posts=250) as stage:
        _search(stage)
        stage.control.faults([{"on": "GET /2/tweets/search/recent", "when": {"nth": 2}, "do": "unavailable"}])

        def edit(tree: Tree) -> Tree:
            return {**tree, "title": "edited"}

        stage.clock.before_wait = lambda _: stage.edit("it", edit)
        stage.harvest("it")
        tree = stage.collection("it")
        assert (tree["title"], tree["version"]) == ("edited", 3)
        assert "since_id" in tree["search"]
        assert _changesets(stage)[-1].endswith(tree["changeset"])
        stage.require_tidy("it")


def test_of_two_harvests_at_once_one_runs(tmp_path: Path) -> None:
    """D-07: both ran, in one folder, over each other's files."""
    with staged(tmp_path, search_posts=450, latency=20) as stage:
        _search(stage)
        begin, codes = threading.Barrier(4), []

        def harvest() -> None:
            begin.wait()
            try:
                codes.append(stage.harvest("it").outcome.exit_code)
            except HarvesterError as error:
                codes.append(error.exit_code)

        racers = [threading.Thread(target=harvest) for _ in range(4)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(60)
        assert sorted(codes) == [Exit.OK, *[Exit.LOCKED] * 3]
        assert len(stage.folders("it")) == 1
        assert stage.lost_and_doubled("it", stage.control.search("flood")) == (0, 0)


def test_a_harvest_that_failed_is_the_last_one_and_says_why(tmp_path: Path) -> None:
    """D-10: a failure was recorded nowhere, and asking for the last harvest broke."""
    with staged(tmp_path, search_posts=250) as stage:
        _search(stage)
        stage.control.faults(
            [{"on": "GET /2/tweets/search/recent", "when": {"from": 2}, "do": "not-enrolled"}]
        )
        ended = stage.harvest("it")
        last = stage.json(_KEYS.last_harvest)
        assert last == {"harvest_id": ended.summary["harvest_timestamp"], "state": "failed"}
        assert "does not allow this to the app" in ended.summary["reason"]
        assert ended.summary["tweets"] == len(ended.ids) == 100


def test_what_fails_first_is_what_is_told(tmp_path: Path) -> None:
    """D-11: the first error was hidden behind one that followed from it."""
    with staged(tmp_path, search_posts=250) as stage:
        _search(stage, archive=True)
        stage.keys = stage.keys.__class__(bearer_token="mistyped")
        ended = stage.harvest("it")
        assert "does not accept the keys" in ended.outcome.reason
        assert ended.outcome.exit_code == Exit.UNAUTHORIZED
        stage.require_tidy("it")


def test_hashing_a_large_file_takes_no_memory(tmp_path: Path) -> None:
    """D-17: each file was read whole, in a container of 512 MB."""
    segment = Segment(tmp_path / "tweets-20260101000000-000001.jsonl.gz")
    for _ in range(30):
        segment.write(os.urandom(1 << 20).hex().encode() + b"\n", posts=1)
    tracemalloc.start()
    try:
        finished = segment.close()
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert finished.size > 20 << 20


def test_a_stream_is_in_the_store_a_minute_after_it_came(tmp_path: Path) -> None:
    """D-18: up to half an hour of it lay in one container only."""
    with staged(tmp_path, users=1, keepalive=0.1) as stage:
        stage.add("it", type="filter", filter={"track": "flood"})
        with stage.harvesting("it"):
            until(stage.connected)
            stage.control.publish(stage.accounts[0], count=50, text="flood")
            with stage.clock.hurrying(times=40):
                until(lambda: _reached(stage) == 50)


def _reached(stage: Stage) -> int:
    """Posts that a successor on another machine would find."""
    segment = stage.json(_KEYS.checkpoint)["state"]["segment"]
    return segment["posts"] if segment else 0


def test_a_stop_before_anything_was_asked_for_leaves_nothing_half(tmp_path: Path) -> None:
    """D-29: a stop moved what is known past what was fetched."""
    with staged(tmp_path, search_posts=250) as stage:
        _search(stage)
        stop = Stop()
        stop.request("at once")
        ended = stage.harvest("it", stop=stop)
        assert (ended.outcome.state, ended.ids) == ("stopped", [])
        assert "since_id" not in stage.collection("it")["search"]
        stage.require_tidy("it")
