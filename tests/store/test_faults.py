"""A store that stays away drops no record: it stops the harvest, and the next start stores what was kept."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from harvester.errors import Exit, HarvesterError
from harvester.store.s3 import S3Store
from tests.support.harvest_stage import Ended, Going, Stage, came_about, staged, until
from tests.support.s3_gate import OPEN, SHUT, Gate, gate
from tests.support.servers import Bucket

_AWAY = {
    "it cannot be reached": SHUT,
    "it refuses": "403 AccessDenied",
    "the session is over": "400 ExpiredToken",
    "the bucket is gone": "404 NoSuchBucket",
    "it is too busy": "503 SlowDown",
    "the clock is said to be wrong": "403 RequestTimeTooSkewed",
}
_SEARCH = "GET /2/tweets/search/recent"


@pytest.fixture
def barred(s3: Bucket) -> Iterator[tuple[Gate, S3Store]]:
    """A bucket of a real server behind a gate, and a store there that asks once for each thing."""
    with gate(s3.server.endpoint) as standing:
        s3.known_at(standing.url)
        behind_it = replace(s3.server, endpoint=standing.url)
        yield standing, S3Store(s3.name, client=behind_it.requests(s3.name, tries=1))


def _search(stage: Stage, *, bar_at_page: int) -> None:
    """A search of ten pages, with a wait before one of them."""
    stage.add("it", type="search", search={"query": "flood"})
    stage.control.faults([{"on": _SEARCH, "when": {"nth": bar_at_page}, "do": "unavailable"}])


@pytest.mark.parametrize("how", _AWAY)
def test_a_store_that_comes_back_in_time_costs_nothing_but_time(
    how: str, tmp_path: Path, barred: tuple[Gate, S3Store]
) -> None:
    """D-01: one failed upload ended the uploading in silence, and nothing more was stored."""
    way, store = barred
    with staged(tmp_path, store=store, search_posts=950) as stage:
        _search(stage, bar_at_page=4)
        waits = count()
        # Barred from the wait for X on, and free again at the fifth wait, which is one for the store.
        stage.clock.before_wait = lambda _: way.set(_AWAY[how] if next(waits) < 5 else OPEN)
        ended = stage.harvest("it", tweets_per_file=100)
        assert way.turned_away > 1
        assert (ended.outcome.state, ended.outcome.exit_code) == ("complete", Exit.OK)
        assert stage.lost_and_doubled("it", stage.control.search("flood")) == (0, 0)
        stage.require_tidy("it")


@pytest.mark.parametrize("how", _AWAY)
def test_a_store_that_stays_away_ends_the_harvest_and_the_next_start_stores_all(
    how: str, tmp_path: Path, barred: tuple[Gate, S3Store]
) -> None:
    way, store = barred
    with staged(tmp_path, store=store, search_posts=950) as stage:
        _search(stage, bar_at_page=6)
        stage.clock.before_wait = lambda _: way.set(_AWAY[how])
        outcome = stage.harvest("it", tweets_per_file=100, lock_seconds=1.0).outcome
        assert (outcome.state, outcome.exit_code) == ("failed", Exit.ERROR)
        assert store.name in outcome.reason
        assert "for the next start" in outcome.hint
        stage.clock.before_wait = lambda _: None
        stage.control.clear_faults()
        way.set(OPEN)
        ended = _once_unlocked(stage)
        assert ended.outcome.state == "complete"
        assert stage.lost_and_doubled("it", stage.control.search("flood")) == (0, 0)
        # The page that was on its way when the store was given up may be paid for twice.
        assert stage.emulated.truth()["billed"]["posts"] <= 950 + 100
        assert len(stage.folders("it")) == 2
        stage.require_tidy("it")


def test_a_stream_whose_store_stays_away_keeps_what_came_and_tells_the_gap(
    tmp_path: Path, barred: tuple[Gate, S3Store]
) -> None:
    way, store = barred
    with staged(tmp_path, store=store, stream_rate="300") as stage:
        stage.add("it", type="filter", filter={"track": "flood"})
        going = _shut_out(stage, way, tweets_per_file=50)
        assert going.end.outcome.state == "failed"
        way.set(OPEN)
        stage.edit("it", lambda tree: {**tree, "filter": {**tree["filter"], "max_records": 100}})
        again = _once_unlocked(stage)
        assert again.outcome.exit_code == Exit.PARTIAL
        # Whether it could say that it failed before the store was away for good.
        (gap,) = again.summary["gaps"]
        assert gap["reason"] in ("the harvest before failed", "the harvest before died")
        assert stage.unexplained("it") == []
        assert max(stage.stored("it").values()) == 1
        (first, _) = stage.folders("it")
        assert going.end.live["tweets"] == stage.tweets(first) > 50
        stage.require_tidy("it")


def test_what_is_on_its_way_when_the_store_is_given_up_is_kept(
    tmp_path: Path, barred: tuple[Gate, S3Store]
) -> None:
    way, store = barred
    with staged(tmp_path, store=store, stream_rate="2000") as stage:
        stage.add("it", type="filter", filter={"track": "flood"})
        # The store is not given up before all queues are full, and the emulator's socket with them.
        blocked: list[bool] = []

        def hold(_: float) -> None:
            if not blocked:
                blocked.append(came_about(lambda: _is_blocked(stage), within=60))

        stage.clock.before_wait = hold
        going = _shut_out(stage, way, tweets_per_file=10)
        assert blocked == [True]
        assert going.end.live["tweets"] == stage.clients[0].billing.snapshot()["posts"]


def _shut_out(stage: Stage, way: Gate, *, tweets_per_file: int) -> Going:
    """A stream that has stored a file when its store goes away, until it has ended for that."""
    with stage.harvesting("it", tweets_per_file=tweets_per_file, lock_seconds=1.0) as going:
        until(lambda: len(stage.folders("it")) == 1 and bool(_files(stage)))
        way.set(SHUT)
        until(lambda: bool(going.ended), within=60)
    return going


def _is_blocked(stage: Stage) -> bool:
    """Whether the harvest takes nothing more from its stream."""
    before = stage.clients[0].billing.snapshot()["posts"]
    return not came_about(lambda: stage.clients[0].billing.snapshot()["posts"] > before, within=1.0)


def _files(stage: Stage) -> list[str]:
    return [entry.key for entry in stage.store.entries("collections/it/") if entry.key.endswith(".gz")]


def _once_unlocked(stage: Stage) -> Ended:
    """The next harvest, after the lock that could not be released has expired."""
    ended: list[Ended] = []

    def takes_over() -> bool:
        try:
            ended.append(stage.harvest("it"))
        except HarvesterError as error:
            assert error.exit_code == Exit.LOCKED
            return False
        return True

    until(takes_over)
    return ended[0]
