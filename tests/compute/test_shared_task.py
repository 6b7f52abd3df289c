"""The processes of one task are started, started again, and ended, each by itself."""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harvester.clock import Stop
from harvester.compute.shared_task import SharedTask
from harvester.compute.stream_end import Membership
from harvester.errors import Exit
from harvester.store import Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import until
from tests.support.stores import HandClock

_WITHIN = 60.0


class _Hands(HandClock):
    """Time passes only where `passes` says so; it is looked again at each wait."""

    def __init__(self, passes: Callable[["_Hands"], float]) -> None:
        super().__init__()
        self.passes = passes
        self._deadline = time.monotonic() + _WITHIN

    def wait(self, stop: Stop, seconds: float) -> bool:
        assert time.monotonic() < self._deadline, "the task does not end"
        self.seconds += self.passes(self)
        return stop.requested or stop.wait(0.002)


def _task(tmp_path: Path, clock: HandClock, stop: Stop, scripts: dict[str, str]) -> SharedTask:
    store = FolderStore(tmp_path)
    return SharedTask(
        store,
        list(scripts),
        Membership(store.now()),
        command=lambda each: ["sh", "-c", scripts[each]],
        say=lambda line: logging.getLogger("said").info("%s", line),
        clock=clock,
        stop=stop,
        heartbeat=tmp_path / "heartbeat",
    )


def test_one_that_fails_again_and_again_is_started_later_and_later_and_the_other_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Stop()
    ends = tmp_path / "ends"
    fails = f"echo x >> {tmp_path}/starts; test $(wc -l < {tmp_path}/starts) -lt 15 || exit 0; exit 1"
    waits = f"echo y >> {tmp_path}/other; until test -e {ends}; do sleep 0.01; done"

    def passes(_: HandClock) -> float:
        if "fails: the stream is over." in caplog.text:
            ends.touch()
        return 30.0 if "starting again" in (caplog.messages or [""])[-1] else 0.0

    task = _task(tmp_path, _Hands(passes), stop, {"fails": fails, "waits": waits})
    with caplog.at_level(logging.INFO):
        assert task.run() == Exit.OK
    pauses = [message.split()[-2] for message in caplog.messages if "starting again" in message]
    assert pauses == [str(1 << power) for power in range(12)] + ["3600", "3600"]
    assert (tmp_path / "other").read_text() == "y\n"


def test_one_that_is_stopped_between_two_starts_is_not_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = CollectionKeys("it").stop

    def passes(_: HandClock) -> float:
        if "starting again" in caplog.text and not list(task.store.entries(stop)):
            task.store.create(stop, b"{}")
        return 1.0

    task = _task(tmp_path, _Hands(passes), Stop(), {"it": f"echo x >> {tmp_path}/starts; exit 1"})
    with caplog.at_level(logging.INFO):
        assert task.run() == Exit.OK
    assert (tmp_path / "starts").read_text() == "x\n"
    assert "it: the stream was stopped or has ended, and is not started." in caplog.text


def test_after_a_long_run_the_pauses_begin_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = f"echo x >> {tmp_path}/starts; test $(wc -l < {tmp_path}/starts) -lt 5 || exit 3; exit 1"
    task = _task(tmp_path, _Hands(lambda _: 100.0), Stop(), {"it": script})
    with caplog.at_level(logging.INFO):
        assert task.run() == Exit.PARTIAL
    assert [message.split()[-2] for message in caplog.messages if "starting again" in message] == ["1"] * 4


def test_one_that_does_not_end_in_time_is_killed_and_the_others_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Stop()
    deaf = f"trap '' TERM; touch {tmp_path}/deaf; while :; do sleep 0.01; done"
    hears = (
        f"trap 'touch {tmp_path}/heard; exit 0' TERM; touch {tmp_path}/hears; while :; do sleep 0.01; done"
    )

    def passes(clock: HandClock) -> float:
        if (tmp_path / "deaf").exists() and (tmp_path / "hears").exists():
            stop.request("SIGTERM")
            # What is left of the two minutes is over.
            clock.elapsed = lambda: clock.seconds + next(late)  # type: ignore[method-assign]
        return 0.0

    late = iter([0.0, 109.5, *[200.0] * 9])
    task = _task(tmp_path, _Hands(passes), stop, {"hears": hears, "deaf": deaf})
    with caplog.at_level(logging.INFO):
        assert task.run() == Exit.TERMINATED
    assert (tmp_path / "heard").exists()
    assert [message[:11] for message in caplog.messages if "did not stop in time" in message] == [
        "deaf: proce"
    ]


def test_one_that_hangs_is_killed_and_started_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its file was touched, and then no more; the one beside it is touched at each look."""
    hangs = (
        f"test -e {tmp_path}/twice && exit 0; touch {tmp_path}/twice $TWARC_CLOUD_HEARTBEAT; exec sleep 60"
    )
    lives = f"touch $TWARC_CLOUD_HEARTBEAT; until test -e {tmp_path}/ends; do sleep 0.01; done"
    looks = iter(range(1 << 30))

    def passes(_: HandClock) -> float:
        beat = tmp_path / "heartbeat-lives"
        if beat.exists():
            os.utime(beat, (next(looks),) * 2)
        if "hangs: the stream is over." in caplog.text:
            (tmp_path / "ends").touch()
        return 1.0

    task = _task(tmp_path, _Hands(passes), Stop(), {"hangs": hangs, "lives": lives})
    with caplog.at_level(logging.INFO):
        assert task.run() == Exit.OK
    assert [message for message in caplog.messages if "hangs; killing it" in message]
    assert "hangs: the harvest ended with signal 9" in caplog.text
    assert "lives: the harvest ended" not in caplog.text


def test_a_stop_is_heard_while_the_store_does_not_answer(tmp_path: Path) -> None:
    began, hears, heard = (tmp_path / name for name in ("began", "hears", "heard"))
    stop, answers = Stop(), threading.Event()
    answered = list[bool]()

    class Silent(FolderStore):
        def read(self, key: str) -> Stored:
            if began.exists():
                until(hears.exists)
                stop.request("SIGTERM")
                answered.append(answers.wait(10))
            return super().read(key)

    scripts = {
        "ends": f"touch {began}; exit {Exit.RETRY_LATER:d}",
        "hears": f"trap 'touch {heard}; exit 0' TERM; touch {hears}; while :; do sleep 0.01; done",
    }
    task = _task(tmp_path, _Hands(lambda _: 0.0), stop, scripts)
    task.store = Silent(tmp_path)
    assert task.run() == Exit.TERMINATED
    assert heard.exists()
    assert not answered, "the processes waited for the store"
    answers.set()
