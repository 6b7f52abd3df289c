"""One word says how a stream is, by what it hands on; a quiet night is no alarm, a silence is one."""

from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harvester.harvest import catalog
from harvester.harvest.heartbeat_word import LIVE, QUIET, REFUSED, STALE, WAITING, Heartbeat
from harvester.harvest.lock import Lock
from harvester.networks import Batch
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.harvest.test_a_day import CountingStore
from tests.support.harvest_stage import staged, until
from tests.support.stores import HandClock, Wrapped

_INTERVAL = 60.0
KEYS = CollectionKeys("live")


def _heartbeat(clock: HandClock) -> Heartbeat:
    return Heartbeat(clock, interval=_INTERVAL)


def _alive(beat: Heartbeat, clock: HandClock, *, seconds: float, posts: int = 0) -> None:
    """As long, in which the network gives a sign of life every 20 s."""
    for _ in range(int(seconds // 20)):
        clock.seconds += 20
        beat.take(Batch(posts=posts, heard="2026-01-01T00:00:00+00:00"))


def test_a_stream_that_hears_nothing_is_stale_after_one_and_a_half_intervals() -> None:
    clock = HandClock()
    beat = _heartbeat(clock)
    assert beat.word == LIVE
    clock.seconds += 90
    assert beat.word == LIVE
    clock.seconds += 1
    assert beat.word == STALE
    beat.take(Batch(posts=1, heard="now"))
    assert beat.word == LIVE


def test_a_stream_without_posts_is_quiet_while_the_network_gives_signs_of_life() -> None:
    clock = HandClock()
    beat = _heartbeat(clock)
    _alive(beat, clock, seconds=100)
    assert beat.word == QUIET


@pytest.mark.parametrize(("every", "silence", "word"), [(1, 100, QUIET), (60, 500, LIVE), (60, 700, QUIET)])
def test_how_long_a_silence_is_usual_is_known_by_the_posts_so_far(
    every: int, silence: int, word: str
) -> None:
    clock = HandClock()
    beat = _heartbeat(clock)
    for _ in range(100):
        clock.seconds += every
        beat.take(Batch(posts=1, heard="now"))
    _alive(beat, clock, seconds=silence)
    assert beat.word == word


def test_a_network_without_signs_of_life_is_quiet_and_never_stale() -> None:
    clock = HandClock()
    beat = _heartbeat(clock)
    for _ in range(3):
        clock.seconds += 5
        beat.take(Batch(posts=1))
    clock.seconds += 3600
    assert beat.word == QUIET


def test_a_refusal_and_a_filter_without_rules_are_told_until_they_are_over() -> None:
    clock = HandClock()
    beat = _heartbeat(clock)
    refused = {"event": "refused", "outcome": "credits depleted"}
    beat.take(Batch(events=(refused,)))
    clock.seconds += 3600
    assert beat.word == REFUSED
    beat.take(Batch(heard="now"))
    beat.take(Batch(events=({"event": "refused", "outcome": "unavailable"},)))
    assert beat.word != REFUSED
    beat.take(Batch(events=({"event": "rules"}, {"event": "waiting"})))
    _alive(beat, clock, seconds=600)
    assert beat.word == WAITING
    beat.take(Batch(events=({"event": "rules"},)))
    assert beat.word == QUIET


def test_in_a_day_with_interruptions_no_stream_that_lives_is_called_stale() -> None:
    """By itself, and by those who read its lock at any moment, which is renewed every 45 s."""
    draw, clock = Random(1), HandClock()
    store: Any = CountingStore(clock)
    beat = _heartbeat(clock)
    lock = Lock(store, KEYS.lock, owner="me", clock=clock, ttl=_INTERVAL)
    lock.heartbeat = lambda: beat.word
    lock.acquire()
    lock.renew()
    renewed, until_then, words = clock.seconds, 0.0, set[str]()
    for number in range(24 * 60 * 6):
        clock.seconds += 10
        is_night = number > 12 * 60 * 6
        if draw.random() < 0.002:
            # X was silent for 25 s, and its first record ends the gap half a minute after the connection.
            until_then = clock.seconds + draw.uniform(25, 60)
        if clock.seconds >= until_then and number % 2:
            beat.take(Batch(posts=int(not is_night and draw.random() < 0.1), heard="now"))
        if clock.seconds - renewed >= 45:
            lock.renew()
            renewed = clock.seconds
        words |= {beat.word, catalog.heartbeat(store, KEYS)}
    assert words == {LIVE, QUIET}
    clock.seconds += 61
    assert catalog.heartbeat(store, KEYS) == STALE


def test_a_lock_of_no_stream_or_given_back_says_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    assert catalog.heartbeat(store, KEYS) == ""
    lock = Lock(store, KEYS.lock, owner="me", clock=HandClock())
    lock.acquire()
    assert catalog.heartbeat(store, KEYS) == ""
    assert catalog.stale(Wrapped(store, ahead=timedelta(minutes=5)), KEYS) is None


def test_a_stream_says_how_it_is_in_its_lock_and_in_its_summary(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, keepalive=0.03) as stage:
        stage.waits_for = lambda _: True
        stage.add("live", type="filter", filter={"track": "flood"})
        with stage.harvesting("live") as going:
            until(stage.connected)
            until(lambda: going.summary().get("heartbeat") == LIVE)
            for _ in range(6):
                stage.clock.advance(20)
                heard = stage.control.connections()[0]
                until(lambda heard=heard: heard)  # type: ignore[misc]
                stage.control.publish(stage.accounts[0], text="nothing")
                until(lambda: going.summary()["heartbeat"] != STALE)
            until(lambda: going.summary()["heartbeat"] == QUIET)
            going.renew()
            assert stage.json(KEYS.lock)["heartbeat"] == QUIET
            running = catalog.running(stage.store, KEYS)
            assert running and running["heartbeat"] == QUIET
            later = Wrapped(stage.store, ahead=timedelta(seconds=90))
            assert catalog.running(later, KEYS) is None
            frozen = catalog.stale(later, KEYS)
            assert frozen and frozen["heartbeat"] == STALE
            stage.control.faults([{"on": "GET /2/tweets/search/stream", "do": "credits-depleted"}])
            stage.control.disconnect("close")
            until(lambda: going.summary()["heartbeat"] == REFUSED)
    assert "heartbeat" not in going.end.summary
