"""Schedules on EventBridge Scheduler: what is asked of AWS, what comes back, and what it refuses."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harvester.aws.service import Service
from harvester.clock import SystemClock
from harvester.compute.fargate.eventbridge import EventBridge, collection_named, schedule_name
from harvester.compute.schedules.expression import parsed
from harvester.errors import Exit, HarvesterError
from tests.support.servers import S3Server

_ROLE = "arn:aws:iam::123456789012:role/scheduler"
_FAMILY = "arn:aws:ecs:us-east-1:123456789012:task-definition/twarc-cloud_"
_BUCKET = "museum-tweets"


def _target(collection_id: str) -> dict[str, Any]:
    return {
        "Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/harvests",
        "EcsParameters": {"TaskDefinitionArn": f"{_FAMILY}{collection_id}", "TaskCount": 1},
    }


@pytest.fixture
def service(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """EventBridge Scheduler with an empty group `harvests`."""
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    made = Service("scheduler")
    made("create_schedule_group", Name="harvests")
    yield made
    made("delete_schedule_group", Name="harvests")


def _bridge(service: Service, *, bucket: str = _BUCKET, group: str = "harvests") -> EventBridge:
    return EventBridge(service, group=group, bucket=bucket, role_arn=_ROLE, register_target=_target)


def _stored(service: Service, name: str = f"{_BUCKET}_s") -> dict[str, Any]:
    return service("get_schedule", Name=name, GroupName="harvests")


def _seen(bridge: EventBridge) -> list[tuple[str, str, str, bool]]:
    return [
        (each.collection_id, each.schedule.expression, each.schedule.timezone, each.paused)
        for each in bridge.schedules()
    ]


def test_a_schedule_starts_the_newest_task_of_its_collection_and_is_not_retried_for_a_day(
    service: Service,
) -> None:
    _bridge(service).schedule("s", parsed("cron(0 6 * * ? *)", "Europe/Berlin"))
    stored = _stored(service)
    assert stored["ScheduleExpression"] == "cron(0 6 * * ? *)"
    assert stored["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert stored["State"] == "ENABLED"
    assert stored["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert stored["ActionAfterCompletion"] == "DELETE"
    assert stored["Target"] == {
        **_target("s"),
        "RoleArn": _ROLE,
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 3},
    }


def test_a_schedule_is_replaced_as_a_whole(service: Service) -> None:
    bridge = _bridge(service)
    bridge.schedule("s", parsed("rate(7 days)"))
    bridge.schedule("s", parsed("cron(0 6 * * ? *)", "Europe/Berlin"), paused=True)
    assert _seen(bridge) == [("s", "cron(0 6 * * ? *)", "Europe/Berlin", True)]
    assert not _stored(service).get("StartDate")
    bridge.schedule("s", parsed("rate(1 hour)"))
    assert _seen(bridge) == [("s", "rate(1 hour)", "UTC", False)]


def test_a_rate_begins_within_two_minutes_and_its_beginning_is_known_later(service: Service) -> None:
    before = SystemClock().now()
    scheduled = _bridge(service).schedule("s", parsed("rate(7 days)"))
    assert timedelta(0) < scheduled.since - before < timedelta(minutes=2)
    (found,) = _bridge(service).schedules()
    assert found.since == scheduled.since
    assert found.schedule.after(scheduled.since, since=found.since) == scheduled.since + timedelta(days=7)
    assert found.scheduler_running


def test_a_schedule_that_is_ended_is_gone(service: Service) -> None:
    bridge = _bridge(service)
    assert not bridge.unschedule("s")
    bridge.schedule("s", parsed("rate(7 days)"))
    assert bridge.unschedule("s")
    assert not bridge.unschedule("s")
    assert bridge.schedules() == []


def test_every_schedule_of_the_bucket_is_listed_and_no_other(service: Service) -> None:
    # moto gives 50 at once, AWS 100.
    expected = [(f"c{number:03}", "rate(1 day)", "UTC", False) for number in range(60)]
    for collection_id, *_ in expected:
        _bridge(service).schedule(collection_id, parsed("rate(1 day)"))
    for bucket in ("museum", "museum-tweets2", "museum-tweets.org"):
        _bridge(service, bucket=bucket).schedule("other", parsed("rate(1 day)"))
    assert _seen(_bridge(service)) == expected


@pytest.mark.parametrize("bucket", ["abc", "b" * 47, "b" * 63])
def test_names_that_are_too_long_are_cut_and_found_again(service: Service, bucket: str) -> None:
    bridge, twin = _bridge(service, bucket=bucket), _bridge(service, bucket=bucket[:-1] + "x")
    ids = ["a" * 100, "a" * 99 + "b", "x_" + "a" * 61, "short"]
    for collection_id in ids:
        bridge.schedule(collection_id, parsed("rate(1 day)"))
        twin.schedule(collection_id, parsed("rate(2 days)"))
    names = {schedule_name(bucket, collection_id) for collection_id in ids}
    assert len(names) == len(ids)
    assert max(map(len, names)) <= 64
    assert [(each.collection_id, each.schedule.expression) for each in bridge.schedules()] == [
        (collection_id, "rate(1 day)") for collection_id in sorted(ids)
    ]
    for collection_id in ids:
        assert bridge.unschedule(collection_id)
    assert bridge.schedules() == []
    assert len(twin.schedules()) == len(ids)


def test_a_name_in_full_is_believed_only_if_its_digest_is_that_of_the_schedule() -> None:
    name = schedule_name("abc", "a" * 100)
    assert collection_named("abc", name, f"twarc-cloud:abc/{'a' * 100}") == "a" * 100
    assert collection_named("abc", name, f"twarc-cloud:abc/{'a' * 99}b") is None
    assert collection_named("abc", name, "edited by somebody") is None
    assert name.endswith(hashlib.sha256(f"abc_{'a' * 100}".encode()).hexdigest()[:16])


def test_a_schedule_that_somebody_wrote_by_hand_is_shown_as_it_is(service: Service) -> None:
    bridge = _bridge(service)
    bridge.schedule("s", parsed("rate(1 day)"))
    stored = {**_stored(service), "ScheduleExpression": "rate(1 fortnight)", "Description": ""}
    names = [
        "Name",
        "GroupName",
        "ScheduleExpression",
        "State",
        "FlexibleTimeWindow",
        "Target",
        "Description",
    ]
    service("update_schedule", **{name: stored[name] for name in names})
    (found,) = bridge.schedules()
    assert (found.collection_id, found.schedule.expression) == ("s", "rate(1 fortnight)")
    assert found.schedule.after(datetime(2026, 1, 1, tzinfo=UTC), since=found.since) is None


class _Fake(Service):
    """Answers as told, the last answer for ever, and notes what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def __call__(self, operation: str, **_: Any) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        self.asked.append(operation)
        code = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not code:
            return {}
        said: Mapping[str, str] = {"ResourceNotFoundException": "Schedule b_s does not exist."}
        response: Any = {"Error": {"Code": code, "Message": said.get(code, "It cannot be.")}}
        self.name = "scheduler"
        with self._translated(operation):
            raise ClientError(response, operation)


def test_what_others_change_at_the_same_moment_is_tried_again() -> None:
    fake = _Fake("ConflictException", "ResourceNotFoundException", "")
    _bridge(fake).schedule("s", parsed("rate(1 day)"))
    assert fake.asked == ["create_schedule", "update_schedule", "create_schedule"]


_REFUSALS = {
    "ResourceNotFoundException": ("`schedule_group`", Exit.USAGE),
    "ValidationException": ("`scheduler_role_arn`", Exit.USAGE),
    "ServiceQuotaExceededException": ("quota of schedules", Exit.ERROR),
    "AccessDeniedException": ("operator role", Exit.UNAUTHORIZED),
    "ThrottlingException": ("Try again", Exit.RETRY_LATER),
}


@pytest.mark.parametrize(("code", "told"), _REFUSALS.items(), ids=_REFUSALS)
def test_what_aws_refuses_is_told_with_what_to_do(code: str, told: tuple[str, Exit]) -> None:
    with pytest.raises(HarvesterError) as caught:
        _bridge(_Fake(code)).schedule("s", parsed("rate(1 day)"))
    assert told[0] in caught.value.hint
    assert caught.value.exit_code == told[1]


def test_a_group_that_is_not_there_is_no_group_without_schedules(service: Service) -> None:
    bridge = _bridge(service, group="elsewhere")
    with pytest.raises(HarvesterError, match="schedule_group"):
        bridge.unschedule("s")
