"""A stop is heard by every wait, once, with the first reason; the elapsed time is nobody's to change."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from harvester.clock import Stop, SystemClock, in_background


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
