"""The summary of a harvest is read while other threads change it, and never shows half a change."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harvester.clock import SystemClock
from harvester.errors import Exit
from harvester.harvest.progress import FAILED, RUNNING, STOPPED, Outcome, Progress
from harvester.harvest.segment import Finished
from harvester.harvest.workdir import State, Work
from harvester.networks import Batch

_AT = "2026-11-26T12:00:00+00:00"
_NOW = SystemClock().now()


@pytest.fixture
def often_switched() -> Iterator[None]:
    """Threads take turns within microseconds, so that what can come between two steps does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class _ReadWithin(list[Finished]):
    """A list of files in the midst of whose growth another thread reads the account."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state
        self.seen: list[Any] = []

    def append(self, file: Finished) -> None:
        self._read()
        super().append(file)
        self._read()

    def _read(self) -> None:
        reader = threading.Thread(target=lambda: self.seen.append(self._state.figures()["tweets"]))
        reader.start()
        # One that waits for the change to be through reads later.
        reader.join(0.2)


def test_posts_are_never_fewer_and_never_twice_while_a_segment_becomes_a_file(tmp_path: Path) -> None:
    work = Work.begin(tmp_path, State(harvest=_AT, owner="me"))
    work.add(Batch(lines=b'{"data":{"id":"1"}}\n', posts=1), now=_NOW)
    work.sync(now=_NOW)
    work.state.finished = files = _ReadWithin(work.state)
    work.close_segment(now=_NOW)
    while len(files.seen) < 2:
        threading.Event().wait(0.01)
    assert files.seen == [1, 1]


def test_what_was_read_does_not_change_with_what_comes_later() -> None:
    state, progress = State(harvest=_AT, owner="me"), Progress("a", "here", _AT)
    state.learn(Batch(counts={"pages": 1}))
    summary = progress.summary(state)
    state.learn(Batch(counts={"pages": 1, "users_done": 1}, events=({"event": "gap"},)))
    progress.field_refused("edit_controls", at=_AT)
    assert (summary["counts"], summary["gaps"]) == ({"pages": 1}, [])
    assert "refused_fields" not in summary


def test_no_change_of_one_thread_is_lost_to_another(often_switched: None) -> None:
    progress = Progress("a", "here", _AT)

    def change(number: int) -> None:
        for each in range(200):
            progress.field_refused(f"{number}-{each}", at=_AT)
            progress.waits("a limit", 1.0)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(progress.summary(State(harvest=_AT, owner="me"))["refused_fields"]) == 1600


def test_between_any_two_lines_of_an_end_it_is_not_over_or_has_all_of_it() -> None:
    state, progress, seen = State(harvest=_AT, owner="me"), Progress("a", "here", _AT), list[Any]()

    def look(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not Progress.end.__code__:
            return None
        summary = progress.summary(state)
        seen.append((summary["state"], summary.get("harvest_end_timestamp"), summary.get("missed_interval")))
        return look

    sys.settrace(look)
    try:
        progress.end(Outcome(FAILED, "no room"), at=_AT, missed={"since": _AT})
    finally:
        sys.settrace(None)
    running, over = (RUNNING, None, None), (FAILED, _AT, {"since": _AT})
    assert len(seen) > 3
    assert seen[-1] == over
    assert all(each in (running, over) for each in seen)


def test_an_outcome_is_read_again_from_the_summary_also_of_a_later_version() -> None:
    ended = Outcome(STOPPED, "enough", Exit.RETRY_LATER, "Buy credits.", "budget", needs_change=True)
    progress = Progress("c", "store")
    progress.end(ended, at=_AT)
    summary = progress.summary(State(harvest=_AT, owner="me"))
    assert Outcome.of(summary) == ended
    summary["exit_code"] = 99
    assert Outcome.of(summary) == replace(ended, exit_code=Exit.ERROR)
