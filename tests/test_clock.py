"""A stop is heard by every wait, once, with the first reason; the elapsed time cannot be set."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine

from harvester.clock import (
    Backoff,
    Stop,
    SystemClock,
    in_background,
    interruptible,
    moment,
    timestamp,
    waiting,
)
from harvester.errors import Terminated
from tests.support.unheard_signals import signal_in_another_thread

_WHEN = datetime(2026, 11, 3, 7, 5, 9, 123456, tzinfo=UTC)
_IN_TOKYO = _WHEN.astimezone(timezone(timedelta(hours=9)))


def test_the_first_reason_is_kept() -> None:
    stop = Stop()
    assert (stop.requested, stop.reason) == (False, "")
    stop.request("first")
    stop.request("second")
    assert (stop.requested, stop.reason) == (True, "first")


def test_a_wait_hears_a_stop() -> None:
    stop, began = Stop(), threading.Event()

    def ask() -> None:
        began.wait()
        stop.request("now")

    thread = threading.Thread(target=ask)
    thread.start()
    before = SystemClock().elapsed()
    began.set()
    assert SystemClock().wait(stop, 60)
    assert SystemClock().elapsed() - before < 10
    thread.join()


def test_a_wait_without_a_stop_takes_its_time_and_says_so() -> None:
    before = SystemClock().elapsed()
    assert not SystemClock().wait(Stop(), 0.05)
    assert SystemClock().elapsed() - before >= 0.05
    assert not SystemClock().wait(Stop(), -5)


def test_a_listener_is_told_once() -> None:
    stop, told = Stop(), []
    stop.on_request(lambda: told.append("early"))
    stop.request("now")
    stop.request("again")
    stop.on_request(lambda: told.append("late"))
    assert told == ["early", "late"]


def test_a_listener_may_ask_about_the_stop() -> None:
    stop, told = Stop(), []
    stop.on_request(lambda: told.append(stop.reason))
    stop.on_request(lambda: stop.request("another"))
    stop.request("now")
    assert told == ["now"]


def test_elapsed_seconds_are_not_those_of_the_wall_clock() -> None:
    clock = SystemClock()
    before = clock.elapsed()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        assert clock.now() - datetime.now(UTC) < timedelta(seconds=5)
        assert clock.elapsed() - before < 60


def test_what_is_done_in_the_background_returns_or_raises_where_it_is_asked_for() -> None:
    def fail() -> None:
        raise KeyboardInterrupt("of the work")

    name = in_background(lambda: threading.current_thread().name, name="beside")
    assert name.result(20) == "beside"
    with pytest.raises(KeyboardInterrupt, match="of the work"):
        in_background(fail, name="beside").result(20)


def test_a_signal_that_another_thread_gets_ends_the_wait_for_what_runs_in_the_background() -> None:
    over, began = threading.Event(), SystemClock().elapsed()

    def end(number: int) -> None:
        raise Terminated(number)

    try:
        with pytest.raises(Terminated), signal_in_another_thread(waits_in=interruptible, hear=end):
            interruptible(lambda: over.wait(20), name="a request")
        assert SystemClock().elapsed() - began < 10
    finally:
        over.set()


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    backoff = Backoff(0.5, 30.0)
    assert [backoff.pause() for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    backoff.reset()
    assert (backoff.upcoming, backoff.pause(), backoff.upcoming) == (0.5, 0.5, 1.0)


def test_pauses_may_grow_by_steps() -> None:
    backoff = Backoff(0.25, 1.0, step=0.25)
    assert [backoff.pause() for _ in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_a_jitter_shortens_each_pause_by_up_to_half() -> None:
    backoff = Backoff(8.0, 8.0, jitter=True)
    pauses = {backoff.pause() for _ in range(200)}
    assert len(pauses) > 100
    assert 4.0 <= min(pauses) < 4.5 < 7.5 < max(pauses) <= 8.0


def test_the_first_long_wait_is_reported_and_its_end() -> None:
    heard: list[tuple[str, float]] = []
    with waiting(lambda why, seconds: heard.append((why, seconds))) as report:
        report("short", 1.0)
        assert heard == []
        report("long", 1.5)
        report("longer", 9.0)
        assert heard == [("long", 1.5)]
    assert heard == [("long", 1.5), ("", 0.0)]


def test_a_wait_that_nobody_hears_of_or_that_is_short_reports_nothing() -> None:
    heard: list[tuple[str, float]] = []
    with waiting(lambda why, seconds: heard.append((why, seconds))) as report:
        report("short", 0.5)
    with waiting(None) as report:
        report("long", 9.0)
    assert heard == []


def test_a_wait_that_a_stop_ended_is_not_reported_as_over() -> None:
    heard: list[tuple[str, float]] = []
    with suppress(KeyboardInterrupt), waiting(lambda why, seconds: heard.append((why, seconds))) as report:
        report("long", 9.0)
        raise KeyboardInterrupt
    assert heard == [("long", 9.0)]


def test_a_part_of_the_work_hears_the_stop_of_all_until_it_is_over() -> None:
    stop = Stop()
    with stop.part() as before:
        before.request("its own")
    with stop.part() as part:
        assert not stop.requested
        stop.request("all")
    assert (before.reason, part.reason) == ("its own", "all")


def test_what_is_forgotten_is_not_called() -> None:
    stop, heard = Stop(), []
    one, other = lambda: heard.append("one"), lambda: heard.append("other")
    for listener in (one, other):
        stop.on_request(listener)
    stop.forget(one)
    stop.forget(one)
    stop.request("now")
    assert heard == ["other"]


@pytest.mark.parametrize(
    "when", [_WHEN, _IN_TOKYO, _WHEN.replace(microsecond=0), datetime(1970, 1, 1, tzinfo=UTC)]
)
def test_a_timestamp_is_read_back_and_sorts_as_time_does(when: datetime) -> None:
    assert moment(timestamp(when)) == when
    assert timestamp(when) < timestamp(when + timedelta(microseconds=1))
    assert timestamp(when).endswith("+00:00")


def test_a_timestamp_of_2019_was_in_utc() -> None:
    assert moment("2019-05-03T10:00:00.123456") == datetime(2019, 5, 3, 10, 0, 0, 123456, tzinfo=UTC)
    assert moment("2019-05-03T10:00:00Z") == datetime(2019, 5, 3, 10, tzinfo=UTC)
