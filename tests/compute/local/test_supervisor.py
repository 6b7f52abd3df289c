"""A stream is started again as long as that may help, and the counting begins anew after a long run."""

import signal
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.clock import Stop, SystemClock, moment
from harvester.compute import DIED, GAVE_UP, RESTARTING, RUNNING
from harvester.compute.local.compute import LocalCompute
from harvester.compute.local.processes import Slot
from harvester.compute.local.supervisor import Supervisor
from harvester.errors import Exit, StoreAway
from harvester.harvest.lock import Lock
from harvester.store import Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import until
from tests.support.scripted_x import HandClock

_KEYS, _BEGAN = CollectionKeys("live"), "2026-11-26T00:00:00+00:00"


class _Ended:
    pid = 1

    def __init__(self, code: int) -> None:
        self.returncode = code

    def poll(self) -> int:
        return self.returncode


class _Compute:
    """Runs harvests of which each lasts so many seconds and ends so."""

    def __init__(self, folder: Path, clock: HandClock, runs: list[tuple[float, int]]) -> None:
        self.store, self._clock, self._runs = FolderStore(folder / "collections"), clock, iter(runs)
        self.notes: list[str] = []
        self.started = 0

    def start(self, _: str, **__: Any) -> _Ended:
        self.started += 1
        seconds, code = next(self._runs)
        self._clock.advance(seconds)
        return _Ended(code)

    def note_service(self, _: str, status: str, __: str, ___: Any = None) -> None:
        self.notes.append(status)

    def forget_dead_lock(self, _: str) -> None:
        """No harvest here has one."""

    def forget_service(self, _: str) -> None:
        self.notes.append("over")


def _run(folder: Path, *runs: tuple[float, int], summary: dict[str, Any] | None = None) -> tuple[Any, ...]:
    """The exit code, the compute and the pauses of a stream that may fail three times in a row."""
    clock = HandClock()
    compute = _Compute(folder, clock, list(runs))
    if summary is not None:
        _end(compute.store, summary)
    return _supervisor(compute, clock).run(), compute, clock.waits


def _end(store: FolderStore, summary: dict[str, Any]) -> None:
    """Store a harvest that ended so."""
    store.create(_KEYS.last_harvest, orjson.dumps({"harvest_id": _BEGAN, "state": "stopped"}))
    here = _KEYS.harvest(moment(_BEGAN))
    store.create(here.harvest, orjson.dumps({"harvest_timestamp": _BEGAN, **summary}))


def _supervisor(compute: Any, clock: HandClock) -> Supervisor:
    log = Path(compute.store.name) / "log"
    return Supervisor(compute, "live", log, restarts=3, pause=1.0, clock=clock, stop=Stop())


@pytest.mark.parametrize("code", [Exit.OK, Exit.PARTIAL])
def test_a_harvest_that_is_through_is_not_started_again(tmp_path: Path, code: Exit) -> None:
    ended, compute, _ = _run(tmp_path, (1, code))
    assert (ended, compute.started, compute.notes[-1]) == (Exit.OK, 1, "over")


def test_after_so_many_failures_in_a_row_it_is_given_up(tmp_path: Path) -> None:
    ended, compute, pauses = _run(tmp_path, *[(1, Exit.ERROR)] * 4)
    assert (ended, compute.started, compute.notes[-1]) == (Exit.ERROR, 4, GAVE_UP)
    assert pauses == [1, 2, 4] and compute.notes.count(RESTARTING) == 3


def test_a_run_that_lasted_counts_as_a_new_beginning(tmp_path: Path) -> None:
    ended, compute, pauses = _run(tmp_path, *[(1, -9)] * 3, (61, -9), *[(1, -9)] * 2, (1, Exit.OK))
    assert (ended, compute.started) == (Exit.OK, 7)
    assert pauses == [1, 2, 4, 1, 2, 4]


@pytest.mark.parametrize("code", [Exit.USAGE, Exit.UNAUTHORIZED, Exit.NO_COLLECTION])
def test_where_a_person_is_needed_it_is_given_up_at_once(tmp_path: Path, code: Exit) -> None:
    ended, compute, pauses = _run(tmp_path, (1, code))
    assert (ended, compute.notes[-1], pauses) == (code, GAVE_UP, [])


def test_what_x_refuses_until_the_collection_is_changed_is_given_up_at_once(tmp_path: Path) -> None:
    ended, compute, _ = _run(tmp_path, (1, Exit.ERROR), summary={"state": "failed", "needs_change": True})
    assert (ended, compute.started, compute.notes[-1]) == (Exit.ERROR, 1, GAVE_UP)


@pytest.mark.parametrize("call", ["start", "forget_dead_lock"])
def test_a_start_that_fails_while_the_store_is_away_is_tried_again(tmp_path: Path, call: str) -> None:
    def away(*_: Any, **__: Any) -> Any:
        delattr(compute, call)
        raise StoreAway("The bucket cannot be reached.")

    clock = HandClock()
    compute = _Compute(tmp_path, clock, [(1, Exit.ERROR), (1, Exit.OK)])
    setattr(compute, call, away)
    assert _supervisor(compute, clock).run() == Exit.OK
    assert compute.notes[-1] == "over"
    assert len(clock.waits) == (2 if call == "start" else 1)


def test_a_start_that_fails_is_not_judged_by_the_harvest_before(tmp_path: Path) -> None:
    def away(*_: Any, **__: Any) -> Any:
        del compute.start
        raise StoreAway("The bucket cannot be reached.", exit_code=Exit.RETRY_LATER)

    clock = HandClock()
    compute: Any = _Compute(tmp_path, clock, [(1, Exit.OK)])
    _end(compute.store, {"state": "stopped", "limit": "budget"})
    compute.start = away
    assert (_supervisor(compute, clock).run(), compute.started) == (Exit.OK, 1)


class _Away(FolderStore):
    """Cannot be read for a number of times; `lasting` as of a bucket that may not be read."""

    def __init__(self, root: Path, *, times: int, lasting: bool = False) -> None:
        super().__init__(root)
        self._times, self._lasting = times, lasting

    def read(self, key: str) -> Stored:
        self._times -= 1
        if self._times < 0:
            return super().read(key)
        raise _away(lasting=self._lasting)


def _away(*, lasting: bool) -> StoreAway:
    away = StoreAway("The bucket cannot be reached.")
    away.lasting = lasting
    return away


@pytest.mark.parametrize("code", [Exit.ERROR, Exit.RETRY_LATER])
def test_an_end_that_cannot_be_read_while_the_store_is_away_is_not_the_last(
    tmp_path: Path, code: Exit
) -> None:
    clock = HandClock()
    compute = _Compute(tmp_path, clock, [(1, code), (1, Exit.OK)])
    compute.store = _Away(tmp_path, times=9, lasting=True)
    assert _supervisor(compute, clock).run() == Exit.OK
    assert (compute.started, compute.notes[-1]) == (2, "over")


def test_a_budget_that_was_spent_when_the_store_went_away_is_not_spent_again(tmp_path: Path) -> None:
    clock = HandClock()
    compute = _Compute(tmp_path, clock, [(1, Exit.RETRY_LATER), (1, Exit.OK)])
    _end(compute.store, {"state": "stopped", "limit": "budget"})
    compute.store = _Away(compute.store.root, times=2)
    assert _supervisor(compute, clock).run() == Exit.OK
    assert (compute.started, compute.notes[-1], clock.waits) == (1, "over", [1, 2])


@pytest.mark.parametrize(("lasting", "ended"), [(False, Exit.OK), (True, Exit.ERROR)])
def test_no_stream_is_given_up_for_an_outage_that_passes(tmp_path: Path, lasting: bool, ended: Exit) -> None:
    def away(*_: Any, **__: Any) -> Any:
        if len(clock.waits) == 20:
            del compute.start
        raise _away(lasting=lasting)

    clock = HandClock()
    compute: Any = _Compute(tmp_path, clock, [(1, Exit.OK)])
    compute.start = away
    assert _supervisor(compute, clock).run() == ended
    assert (compute.started, compute.notes[-2:]) == (
        (0, [RESTARTING, GAVE_UP]) if lasting else (1, [RUNNING, "over"])
    )
    assert max(clock.waits) <= 60


def test_a_stop_ends_the_wait_for_a_store_that_is_away(tmp_path: Path) -> None:
    class Stopped(HandClock):
        def wait(self, stop: Stop, seconds: float) -> bool:
            stop.request("enough")
            return super().wait(stop, seconds)

    compute = _Compute(tmp_path, Stopped(), [(1, Exit.RETRY_LATER)])
    compute.store = _Away(tmp_path, times=9)
    assert _supervisor(compute, Stopped()).run() == Exit.OK
    assert (compute.started, compute.notes[-1]) == (1, "over")


def test_a_budget_that_is_spent_is_not_spent_again(tmp_path: Path) -> None:
    ended, compute, _ = _run(tmp_path, (1, Exit.RETRY_LATER), summary={"state": "stopped", "limit": "budget"})
    assert (ended, compute.started, compute.notes[-1]) == (Exit.OK, 1, "over")


def _machine(folder: Path, clock: HandClock) -> LocalCompute:
    def sleeps(_: str) -> list[str]:
        return [sys.executable, "-S", "-c", "import signal; signal.pause()"]

    store = FolderStore(folder / "collections")
    return LocalCompute(store, folder / "runs", harvest=sleeps, supervise=sleeps, clock=clock)


@pytest.mark.parametrize("state", ["", RUNNING, GAVE_UP])
def test_the_processes_of_a_stream_that_ended_are_waited_for(tmp_path: Path, state: str) -> None:
    class Passing(HandClock):
        """The supervisor exits while it is waited for."""

        def wait(self, stop: Stop, seconds: float) -> bool:
            slot.signal(signal.SIGKILL)
            until(lambda: not slot.is_alive)
            return super().wait(stop, seconds)

    machine, slot = _machine(tmp_path, Passing()), Slot(tmp_path / "runs/live", "supervisor")
    machine.begin_service("live")
    machine.note_service("live", state, "")
    if not state:
        machine.forget_service("live")
    assert slot.is_alive
    task = machine.settled("live")
    assert not slot.is_alive
    assert (task and task.status) == {"": None, RUNNING: DIED, GAVE_UP: GAVE_UP}[state]


@pytest.mark.parametrize("state", [RUNNING, RESTARTING])
def test_a_stream_that_collects_or_waits_to_is_not_waited_for(tmp_path: Path, state: str) -> None:
    clock = HandClock()
    machine, slot = _machine(tmp_path, clock), Slot(tmp_path / "runs/live", "supervisor")
    machine.begin_service("live")
    machine.note_service("live", state, "")
    if state == RUNNING:
        Lock(machine.store, _KEYS.lock, owner="it", clock=SystemClock()).acquire()
    try:
        assert machine.settled("live") is not None
        assert clock.waits == []
    finally:
        slot.signal(signal.SIGKILL)


def test_a_stop_reaches_a_supervisor_that_is_noted_only_after_it_was_asked_for(tmp_path: Path) -> None:
    slot, noted = Slot(tmp_path / "runs/live", "supervisor"), tmp_path / "runs/live/supervisor.json"

    class Passing(HandClock):
        def wait(self, stop: Stop, seconds: float) -> bool:
            if not noted.exists():
                later.rename(noted)
            else:
                until(lambda: not slot.is_alive)
            return super().wait(stop, seconds)

    machine = _machine(tmp_path, Passing())
    sleeps = [sys.executable, "-S", "-c", "import signal; signal.pause()"]
    process = slot.start(sleeps, log=tmp_path / "runs/live/a.log", note={}, environment={})
    later = noted.rename(tmp_path / "later")
    try:
        machine.stop_service("live", within=5)
        assert process.wait(timeout=60) == -signal.SIGTERM
    finally:
        process.kill()
