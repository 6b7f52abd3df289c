"""A window is never overdrawn by what the headers told, by any thread, under any wall clock."""

import threading
from datetime import timedelta
from email.utils import format_datetime

import pytest

from harvester.clock import Stop
from harvester.networks import Stopped
from harvester.networks.x.http.rate_limit import LONGEST, Windows
from tests.support.scripted_x import HandClock

_E = "users/:id/tweets"


def _headers(clock: HandClock, *, remaining: int, resets_in: float, **more: str) -> dict[str, str]:
    reset = int(clock.now().timestamp() + resets_in)
    return {"x-rate-limit-remaining": str(remaining), "x-rate-limit-reset": str(reset), **more}


def _windows(clock: HandClock, stop: Stop | None = None) -> tuple[Windows, list[tuple[str, float]]]:
    told: list[tuple[str, float]] = []
    return Windows(
        clock=clock, stop=stop or Stop(), on_wait=lambda what, left: told.append((what, left))
    ), told


def test_an_empty_window_is_waited_for_once_and_told() -> None:
    clock = HandClock()
    windows, told = _windows(clock)
    windows.learn(_E, _headers(clock, remaining=0, resets_in=600))

    windows.reserve(_E)

    assert 600 < clock.elapsed() < 602
    assert told[0][0] == f"rate limit {_E}" and told[0][1] == pytest.approx(600, abs=2)
    assert told[1] == ("", 0.0)


def test_another_endpoint_has_a_window_of_its_own() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    windows.learn(_E, _headers(clock, remaining=0, resets_in=600))

    windows.reserve("tweets/search/recent")

    assert clock.waits == []


def test_many_threads_send_no_more_than_is_left_before_the_reset() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    windows.learn(_E, _headers(clock, remaining=30, resets_in=500))
    sent_at: list[float] = []

    def send() -> None:
        windows.reserve(_E)
        sent_at.append(clock.elapsed())

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(sent_at) == 50
    assert sum(at < 500 for at in sent_at) == 30


def test_answers_that_overtake_each_other_do_not_fill_a_window_up_again() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    late = _headers(clock, remaining=5, resets_in=500)
    windows.learn(_E, _headers(clock, remaining=1, resets_in=500))
    windows.learn(_E, late)

    windows.reserve(_E)
    windows.reserve(_E)

    assert clock.elapsed() >= 500


def test_requests_sent_before_anything_was_known_are_taken_off() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    for _ in range(8):
        windows.reserve(_E)
    windows.done(_E)
    windows.learn(_E, _headers(clock, remaining=9, resets_in=500))

    windows.reserve(_E)
    windows.reserve(_E)
    assert clock.elapsed() == 0
    windows.reserve(_E)

    assert clock.elapsed() >= 500


def test_others_who_use_the_same_keys_are_noticed() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    windows.learn(_E, _headers(clock, remaining=100, resets_in=500))
    for _ in range(3):
        windows.reserve(_E)
    windows.done(_E)
    windows.learn(_E, _headers(clock, remaining=2, resets_in=500))

    windows.reserve(_E)

    assert clock.elapsed() >= 500


def test_a_new_window_is_taken_as_it_is_told() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    windows.learn(_E, _headers(clock, remaining=0, resets_in=100))
    windows.learn(_E, _headers(clock, remaining=9, resets_in=900))

    for _ in range(9):
        windows.reserve(_E)

    assert clock.waits == []


@pytest.mark.parametrize("hours", [-5, 1, 30])
def test_a_wrong_clock_on_this_machine_does_not_matter(hours: int) -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    theirs = clock.now() + timedelta(hours=hours)
    reset = str(int(theirs.timestamp()) + 300)
    headers = {"x-rate-limit-reset": reset, "date": format_datetime(theirs)}

    windows.learn(_E, headers, limited=True)
    windows.reserve(_E)

    assert 300 <= clock.elapsed() < 303


def test_a_window_opens_a_second_after_what_is_told_in_whole_seconds() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)

    windows.learn(_E, _headers(clock, remaining=0, resets_in=300), limited=True)

    assert windows.closed_for(_E) == pytest.approx(301, abs=0.01)


def test_a_limit_without_headers_is_waited_for_blindly_and_doubling() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    waited = []
    for _ in range(9):
        before = clock.elapsed()
        windows.learn(_E, {}, limited=True)
        windows.reserve(_E)
        waited.append(clock.elapsed() - before)

    assert waited == pytest.approx([15, 30, 60, 120, 240, 480, 900, 900, 900], abs=1)


def test_the_later_of_two_resets_that_are_told_of_one_window_counts() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    windows.learn(_E, _headers(clock, remaining=3, resets_in=503))
    windows.learn(_E, _headers(clock, remaining=0, resets_in=500))

    assert windows.closed_for(_E) == pytest.approx(504, abs=0.01)


def test_many_refusals_at_once_double_a_blind_wait_once_and_an_answer_ends_the_doubling() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    for _ in range(5):
        windows.learn(_E, {}, limited=True)
    assert windows.closed_for(_E) == pytest.approx(15)

    windows.reserve(_E)
    windows.done(_E)
    windows.learn(_E, _headers(clock, remaining=9, resets_in=500))
    windows.learn(_E, {}, limited=True)
    assert windows.closed_for(_E) == pytest.approx(15)


def test_no_header_makes_a_wait_longer_than_a_window() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)

    windows.learn(_E, _headers(clock, remaining=0, resets_in=900_000), limited=True)
    windows.reserve(_E)

    assert clock.elapsed() <= LONGEST + 1


def test_a_spaced_endpoint_is_asked_once_a_second_at_most() -> None:
    clock = HandClock()
    windows, _ = _windows(clock)
    for _ in range(5):
        windows.reserve("tweets/search/all", spacing=1.0)

    assert clock.elapsed() == pytest.approx(4.0)


def test_a_stop_ends_the_wait_for_a_window() -> None:
    clock, stop = HandClock(), Stop()
    windows, _ = _windows(clock, stop)
    windows.learn(_E, _headers(clock, remaining=0, resets_in=600))
    stop.request("test")

    with pytest.raises(Stopped):
        windows.reserve(_E)
