"""The scheduler starts what is due once, skips what still runs, and says each."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.compute import ONCE, RUNNING, Task
from harvester.compute.local.compute import LocalCompute
from harvester.compute.local.schedule_file import ScheduleFile
from harvester.compute.local.scheduler import Scheduler
from harvester.compute.schedules.expression import parsed
from harvester.errors import Conflict, HarvesterError, StoreAway
from harvester.store.folder import FolderStore

_START = datetime(2026, 11, 23, 8, 0, 30, tzinfo=UTC)


class _Clock:
    def __init__(self) -> None:
        self.time = _START

    def now(self) -> datetime:
        return self.time

    def elapsed(self) -> float:
        return (self.time - _START).total_seconds()

    def wait(self, stop: Stop, seconds: float) -> bool:
        self.time += timedelta(seconds=seconds)
        return stop.requested


class _Machine(LocalCompute):
    """This machine, on which starting takes no time; `busy` names what still runs."""

    def __init__(self, folder: Path, clock: _Clock) -> None:
        store = FolderStore(folder / "collections")
        super().__init__(store, folder / "runs", harvest=list, supervise=list, clock=clock)
        self.busy: set[str] = set()
        self.started: list[tuple[str, datetime]] = []
        self.refuses = False

    def once(self, collection_id: str) -> None:
        if self.refuses:
            raise HarvesterError("There are no keys.")
        self.started.append((collection_id, self._clock.now()))
        self.busy.add(collection_id)

    def task(self, collection_id: str) -> Task | None:
        return Task(collection_id, ONCE, RUNNING) if collection_id in self.busy else None


class _Desk:
    def __init__(self, folder: Path) -> None:
        self.clock, self.stop, self.said, self.elsewhere = _Clock(), Stop(), list[str](), set[str]()
        self.machine = _Machine(folder, self.clock)
        self.scheduler = self.anew()

    def anew(self) -> Scheduler:
        return Scheduler(
            self.machine,
            self.clock,
            self.stop,
            say=self.said.append,
            ended=lambda collection_id: f"{collection_id} ended",
            running=self.elsewhere.__contains__,
        )

    def pass_time(self, **span: float) -> None:
        self.clock.time += timedelta(**span)
        self.scheduler.look()

    def ends(self) -> None:
        self.machine.busy.clear()


@pytest.fixture
def desk(tmp_path: Path) -> _Desk:
    return _Desk(tmp_path)


def test_a_rate_is_due_at_once_and_then_at_its_pace(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("rate(7 days)"))
    for _ in range(3):
        desk.pass_time(seconds=0)
        desk.ends()
    assert [started for _, started in desk.machine.started] == [_START]
    desk.pass_time(days=6, hours=23)
    assert len(desk.machine.started) == 1
    desk.pass_time(hours=1)
    assert len(desk.machine.started) == 2
    assert "s ended" in desk.said


def test_a_cron_is_due_at_its_minute(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("cron(10 8 * * ? *)"))
    desk.pass_time(minutes=9)
    assert desk.machine.started == []
    desk.pass_time(minutes=1)
    assert len(desk.machine.started) == 1
    assert desk.said == ["s: due at 2026-11-23 08:10:00 UTC: started."]


def test_a_cron_is_due_at_the_time_of_its_zone(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("cron(10 9 * * ? *)", "Europe/Berlin"))
    desk.pass_time(minutes=10)
    assert desk.said == ["s: due at 2026-11-23 08:10:00 UTC: started."]


def test_what_is_due_once_is_started_once_and_then_over(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("at(2026-11-23T08:10:00)"))
    desk.pass_time(minutes=9)
    assert [each.collection_id for each in desk.machine.schedules()] == ["s"]
    desk.pass_time(minutes=1)
    desk.ends()
    desk.pass_time(minutes=1)
    assert len(desk.machine.started) == 1
    assert desk.machine.schedules() == []


def test_a_paused_schedule_starts_nothing_until_it_is_resumed(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("rate(1 hour)"), paused=True)
    desk.pass_time(hours=3)
    assert desk.machine.started == []
    desk.machine.schedule("s", parsed("rate(1 hour)"))
    desk.pass_time(seconds=1)
    assert len(desk.machine.started) == 1


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_what_still_runs_is_skipped_and_that_is_said(desk: _Desk, where: str) -> None:
    desk.machine.schedule("s", parsed("rate(1 hour)"))
    (desk.machine.busy if where == "here" else desk.elsewhere).add("s")
    desk.pass_time(seconds=1)
    assert desk.machine.started == []
    assert desk.said == [
        "s: due at 2026-11-23 08:00:30 UTC: skipped, because a harvest of it is still running."
    ]
    desk.pass_time(seconds=1)
    assert len(desk.said) == 1
    desk.ends()
    desk.elsewhere.clear()
    desk.pass_time(hours=1)
    assert len(desk.machine.started) == 1


def test_what_was_missed_is_made_up_for_once_and_said_to_be_late(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("rate(1 hour)"))
    desk.pass_time(seconds=0)
    desk.ends()
    desk.scheduler = desk.anew()
    desk.pass_time(days=30, minutes=20)
    desk.ends()
    desk.pass_time(seconds=1)
    assert len(desk.machine.started) == 2
    assert desk.said[-2:] == ["s: due at 2026-11-23 09:00:30 UTC, 719 h 20 min late: started.", "s ended"]


def test_what_is_dealt_with_is_not_done_again_by_another_scheduler(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("rate(1 day)"))
    desk.pass_time(seconds=0)
    desk.ends()
    desk.scheduler = desk.anew()
    desk.pass_time(hours=1)
    assert len(desk.machine.started) == 1


def test_a_harvest_that_cannot_start_is_told_and_others_go_on(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("rate(1 hour)"))
    desk.machine.refuses = True
    desk.pass_time(seconds=0)
    assert desk.said == ["s: due at 2026-11-23 08:00:30 UTC: could not be started. There are no keys."]
    desk.machine.refuses = False
    desk.pass_time(hours=1)
    assert len(desk.machine.started) == 1


def test_a_store_that_is_away_is_said_and_the_next_time_is_not_missed(desk: _Desk) -> None:
    def away(_: str) -> Any:
        raise StoreAway("The bucket cannot be reached.")

    desk.machine.schedule("s", parsed("rate(1 hour)"))
    running, desk.scheduler.running = desk.scheduler.running, away
    desk.pass_time(seconds=0)
    assert desk.said == [
        "s: due at 2026-11-23 08:00:30 UTC: could not be started. The bucket cannot be reached."
    ]
    desk.scheduler.running, desk.scheduler.ended = running, away
    desk.pass_time(hours=1)
    desk.ends()
    desk.pass_time(seconds=1)
    assert desk.said[-1] == "s: ended; its result cannot be read. The bucket cannot be reached."
    assert len(desk.machine.started) == 1


def test_a_schedule_that_was_ended_is_due_no_more(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("rate(1 hour)"))
    assert desk.machine.unschedule("s")
    assert not desk.machine.unschedule("s")
    desk.pass_time(hours=2)
    assert desk.machine.started == []


def test_only_one_scheduler_runs_for_a_place_and_it_is_known_whether_one_does(desk: _Desk) -> None:
    desk.machine.schedule("s", parsed("cron(0 0 1 1 ? 2099)"))
    assert [each.scheduler_running for each in desk.machine.schedules()] == [False]
    with desk.machine.schedule_file.scheduler.held():
        assert [each.scheduler_running for each in desk.machine.schedules()] == [True]
        with pytest.raises(Conflict):
            desk.scheduler.run()
    desk.stop.request("Ctrl-C")
    desk.scheduler.run()


def test_schedules_that_are_made_at_once_are_all_kept(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(20)]

    def put(name: str) -> None:
        ScheduleFile(tmp_path).put(name, parsed("rate(1 day)"), _START)

    threads = [threading.Thread(target=put, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.collection_id for each in ScheduleFile(tmp_path).all()] == sorted(names)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not JSON"),
        (b"\xff\xfe\x80garbage", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b'{"s": 5}', "the schedule of s is not a JSON object"),
    ],
    ids=["empty", "garbage", "deep", "a list", "a number"],
)
def test_a_damaged_file_of_schedules_is_named_and_never_overwritten(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    table, path = ScheduleFile(tmp_path), tmp_path / "schedules.json"
    path.write_bytes(content)
    for use in (
        table.all,
        lambda: table.put("new", parsed("rate(1 day)"), _START),
        lambda: table.take_out("s"),
        lambda: table.dealt_with("s", _START),
    ):
        with pytest.raises(HarvesterError) as raised:
            use()
        assert raised.value.message == f"{path} is not a valid file of schedules: {reason}."
        assert "move it away and create the schedules again" in raised.value.hint
        assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('{"since": "2026-11-23T08:00:30+00:00"}', "has no expression"),
        ('{"expression": "rate(1 day)"}', "has no since"),
        ('{"expression": "rate(1 day)", "since": "monday"}', "is not valid"),
        ('{"expression": 5, "since": "2026-11-23T08:00:30+00:00"}', "is not valid"),
        (
            '{"expression": "rate(1 day)", "since": "2026-11-23T08:00:30+00:00", "last": "monday"}',
            "is not valid",
        ),
    ],
)
def test_a_damaged_schedule_is_named_in_words(tmp_path: Path, entry: str, reason: str) -> None:
    (tmp_path / "schedules.json").write_text(f'{{"s": {entry}}}')
    with pytest.raises(HarvesterError, match=f"the schedule of s {reason}[.]"):
        ScheduleFile(tmp_path).all()
