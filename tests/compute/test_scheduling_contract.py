"""What every place that keeps schedules promises, whatever carries them out."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from harvester.aws.service import Service
from harvester.clock import SystemClock
from harvester.compute import Scheduled
from harvester.compute.fargate.eventbridge import EventBridge
from harvester.compute.local.compute import LocalCompute
from harvester.compute.schedules.expression import Schedule, parsed
from harvester.store.folder import FolderStore
from tests.support.servers import S3Server


class Scheduling(Protocol):
    def schedule(self, collection_id: str, schedule: Schedule, *, paused: bool = False) -> Scheduled: ...

    def unschedule(self, collection_id: str) -> bool: ...

    def schedules(self) -> list[Scheduled]: ...


@pytest.fixture(params=["local", "eventbridge"])
def scheduling(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scheduling]:
    if request.param == "local":
        store = FolderStore(tmp_path / "collections")
        yield LocalCompute(store, tmp_path / "runs", harvest=list, supervise=list)
        return
    server: S3Server = request.getfixturevalue("moto_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    service = Service("scheduler")
    service("create_schedule_group", Name="contract")
    yield EventBridge(
        service,
        group="contract",
        bucket="contract",
        role_arn="arn:aws:iam::123456789012:role/scheduler",
        register_target=lambda name: {"Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/it", "Input": name},
    )
    service("delete_schedule_group", Name="contract")


def _seen(scheduling: Scheduling) -> list[tuple[str, str, str, bool]]:
    return [
        (each.collection_id, each.schedule.expression, each.schedule.timezone, each.paused)
        for each in scheduling.schedules()
    ]


def test_a_schedule_is_in_force_until_it_is_replaced_or_ended(scheduling: Scheduling) -> None:
    assert scheduling.schedules() == []
    scheduling.schedule("s", parsed("rate(1 day)"))
    scheduling.schedule("s", parsed("cron(0 6 * * ? *)", "Europe/Berlin"))
    assert _seen(scheduling) == [("s", "cron(0 6 * * ? *)", "Europe/Berlin", False)]
    assert scheduling.unschedule("s")
    assert not scheduling.unschedule("s")
    assert scheduling.schedules() == []


def test_each_collection_has_its_own_schedule_and_they_come_in_order(scheduling: Scheduling) -> None:
    scheduling.schedule("t", parsed("at(2196-12-24T18:00:00)"))
    scheduling.schedule("s", parsed("rate(1 day)"))
    assert [name for name, *_ in _seen(scheduling)] == ["s", "t"]
    assert scheduling.unschedule("t")
    assert [name for name, *_ in _seen(scheduling)] == ["s"]


def test_a_paused_schedule_is_kept_and_comes_into_force_again(scheduling: Scheduling) -> None:
    assert scheduling.schedule("s", parsed("rate(1 day)"), paused=True).paused
    assert _seen(scheduling) == [("s", "rate(1 day)", "UTC", True)]
    assert not scheduling.schedule("s", parsed("rate(1 day)")).paused
    assert _seen(scheduling) == [("s", "rate(1 day)", "UTC", False)]


def _between(low: datetime, moment: datetime, high: datetime) -> bool:
    return low - timedelta(seconds=1) <= moment <= high


def test_a_rate_is_due_within_two_minutes_and_a_replaced_one_again(scheduling: Scheduling) -> None:
    for _ in range(2):
        before = SystemClock().now()
        scheduled = scheduling.schedule("s", parsed("rate(7 days)"))
        (found,) = scheduling.schedules()
        assert found.since == scheduled.since
        due = found.schedule.after(before - timedelta(days=1), since=found.since)
        assert due is not None
        assert _between(before, due, before + timedelta(minutes=2))
        assert found.schedule.after(due, since=found.since) == due + timedelta(days=7)


def test_the_longest_id_keeps_its_schedule(scheduling: Scheduling) -> None:
    twins = ["a" * 99 + "b", "a" * 99 + "c"]
    for each in twins:
        scheduling.schedule(each, parsed("rate(1 day)"))
    assert [name for name, *_ in _seen(scheduling)] == twins
