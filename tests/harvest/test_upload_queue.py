"""Steps are done in order, tried again while the store is away, and never dropped in silence."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from harvester.clock import Clock, Stop, SystemClock
from harvester.errors import Conflict, HarvesterError, LockLost, StoreAway
from harvester.harvest.upload_queue import Uploads
from tests.support.stores import HandClock
from tests.support.unheard_signals import signal_in_another_thread


def _uploads(clock: Clock | None = None, stop: Stop | None = None, **options: Any) -> Uploads:
    return Uploads(clock=clock or HandClock(), stop=stop or Stop(), **options)


def _fails(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


class _Flaky:
    """A step that finds the store away for its first `times`."""

    def __init__(self, times: int, before: Callable[[int], None] = lambda _: None) -> None:
        self.tried, self._times, self._before = 0, times, before

    def __call__(self) -> None:
        self.tried += 1
        self._before(self.tried)
        if self.tried <= self._times:
            raise StoreAway("it is away")


def _pass(gate: threading.Event) -> None:
    gate.wait()


def test_steps_are_done_in_order() -> None:
    done: list[int] = []
    uploads = _uploads()
    for number in range(100):
        uploads.put("a step", partial(done.append, number))
    uploads.drain()
    assert done == list(range(100))
    uploads.put("the last", lambda: done.append(100))
    uploads.close()
    assert done == list(range(101))


def test_a_step_that_is_tried_again_holds_the_others_back() -> None:
    uploads, done = _uploads(), []
    uploads.put("flaky", _Flaky(3, before=lambda _: done.append("flaky")))
    uploads.put("next", lambda: done.append("next"))
    uploads.close()
    assert done == ["flaky"] * 4 + ["next"]


def test_who_is_too_fast_has_to_wait() -> None:
    uploads, gate, offered = _uploads(room=2), threading.Event(), []

    def offer() -> None:
        for number in range(10):
            uploads.put("a step", lambda: _pass(gate))
            offered.append(number)

    thread = threading.Thread(target=offer)
    thread.start()
    # One step is being done, two wait for it, and the fourth is held.
    deadline = SystemClock().elapsed() + 30
    while len(offered) < 3 and SystemClock().elapsed() < deadline:
        thread.join(0.01)
    thread.join(0.3)
    assert thread.is_alive()
    assert offered == [0, 1, 2]
    assert uploads.waiting == 2
    gate.set()
    thread.join(60)
    assert offered == list(range(10))
    uploads.close()


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), Conflict("somebody else"), LockLost("taken"), OSError(28, "no space")]
)
@pytest.mark.parametrize("next_call", ["put", "check", "drain", "close"])
def test_what_is_no_absence_of_the_store_stops_everything_and_is_raised(
    error: Exception, next_call: str
) -> None:
    stop, done, gate = Stop(), [], threading.Event()
    uploads = _uploads(stop=stop)
    uploads.put("first", lambda: _pass(gate))
    uploads.put("bad", _fails(error))
    uploads.put("next", lambda: done.append("next"))
    gate.set()
    assert stop.wait(60)
    calls: dict[str, Callable[[], None]] = {
        "put": lambda: uploads.put("another", lambda: None),
        "check": uploads.check,
        "drain": uploads.drain,
        "close": uploads.close,
    }
    with pytest.raises(type(error)) as raised:
        calls[next_call]()
    assert raised.value is error
    assert stop.reason == f"storing failed: {error}"
    with pytest.raises(type(error)):
        uploads.close()
    assert done == []


def test_a_step_is_tried_again_until_the_store_is_back_and_it_says_so() -> None:
    uploads, told = _uploads(), []
    step = _Flaky(3, before=lambda _: told.append(uploads.trouble))
    uploads.put("tweets-1", step)
    uploads.close()
    assert step.tried == 4
    assert told[0] == ""
    assert told[1] == "retrying to store tweets-1 since 0 s: it is away"
    assert told[3].startswith("retrying to store tweets-1 since ")
    assert uploads.trouble == ""


def test_a_store_that_stays_away_ends_it_when_patience_does() -> None:
    clock, stop, step = HandClock(), Stop(), _Flaky(10**6)
    began = clock.seconds
    uploads = _uploads(clock, stop, patience=900.0)
    uploads.put("tweets-1", step)
    assert stop.wait(60)
    with pytest.raises(StoreAway, match="it is away"):
        uploads.check()
    assert 900 <= clock.seconds - began < 901
    assert stop.reason == "storing failed: it is away"
    # Half a second at first, half a minute later; never all at the same moment.
    assert 30 <= step.tried <= 90
    assert 0.25 <= clock.waits[0] <= 0.5
    assert max(clock.waits) <= 30
    assert len(set(clock.waits)) > 10


def test_after_a_stop_patience_is_short() -> None:
    clock, stop = HandClock(), Stop()
    began = clock.seconds

    def ask_to_stop(tried: int) -> None:
        if tried == 3:
            stop.request("a stop was requested")

    step = _Flaky(10**6, before=ask_to_stop)
    uploads = _uploads(clock, stop, patience=900.0, patience_after_stop=15.0)
    uploads.put("tweets-1", step)
    with pytest.raises(StoreAway):
        uploads.drain()
    assert 15 <= clock.seconds - began < 16
    assert stop.reason == "a stop was requested"


def test_a_stop_wakes_a_step_that_rests() -> None:
    stop, tried = Stop(), threading.Event()
    uploads = _uploads(SystemClock(), stop, patience=900.0, patience_after_stop=0.0)

    def step() -> None:
        tried.set()
        raise StoreAway("it is away")

    uploads.put("tweets-1", step)
    assert tried.wait(60)
    stop.request("enough")
    with pytest.raises(StoreAway):
        uploads.close()


@pytest.mark.parametrize("call", [Uploads.drain, Uploads.close])
def test_who_waits_for_the_steps_hears_a_signal_that_another_thread_gets(
    call: Callable[[Uploads], None],
) -> None:
    stop, began = Stop(), SystemClock().elapsed()
    uploads = _uploads(SystemClock(), stop, patience=20.0, patience_after_stop=0.0)
    uploads.put("tweets-1", _Flaky(10**6))
    with (
        signal_in_another_thread(waits_in=call, hear=lambda _: stop.request("a signal")),
        pytest.raises(StoreAway),
    ):
        call(uploads)
    assert stop.reason == "a signal"
    assert SystemClock().elapsed() - began < 10


def test_of_what_is_abandoned_only_the_step_under_way_is_done() -> None:
    uploads, begun, gate, done = _uploads(), threading.Event(), threading.Event(), []

    def under_way() -> None:
        begun.set()
        _pass(gate)
        done.append("under way")

    uploads.put("under way", under_way)
    uploads.put("next", lambda: done.append("next"))
    assert begun.wait(60)
    threading.Timer(0.1, gate.set).start()
    uploads.abandon()
    assert done == ["under way"]
    with pytest.raises(HarvesterError):
        uploads.put("another", lambda: None)


def test_a_step_that_is_abandoned_is_not_tried_again() -> None:
    stop, tried = Stop(), threading.Event()
    uploads = _uploads(SystemClock(), stop, patience=900.0, patience_after_stop=900.0)

    def step() -> None:
        tried.set()
        raise StoreAway("it is away")

    uploads.put("tweets-1", step)
    assert tried.wait(60)
    uploads.abandon()
    with pytest.raises(HarvesterError):
        uploads.check()


def test_to_abandon_what_is_closed_is_no_stop() -> None:
    stop = Stop()
    uploads = _uploads(stop=stop)
    uploads.close()
    uploads.abandon()
    uploads.check()
    assert not stop.requested


def test_a_store_that_comes_back_after_a_stop_gets_everything() -> None:
    stop, done = Stop(), []
    uploads = _uploads(stop=stop)
    uploads.put("flaky", _Flaky(3, before=lambda tried: stop.request("enough") if tried == 2 else None))
    uploads.put("next", lambda: done.append("next"))
    uploads.close()
    assert done == ["next"]
