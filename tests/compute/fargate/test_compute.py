"""Each state in which ECS can be is told, waited for or ended as it should be; a test moves ECS (moto)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from harvester.clock import Stop, moment, timestamp
from harvester.collection import history
from harvester.compute import (
    DIED,
    GAVE_UP,
    NO_ROOM,
    ONCE,
    RESTARTING,
    RUNNING,
    SERVICE,
    STARTING,
    STOPPING,
    Ended,
)
from harvester.compute.fargate.compute import FargateCompute
from harvester.compute.fargate.status_port import Port
from harvester.compute.fargate.task_name import family
from harvester.errors import Exit, HarvesterError
from harvester.harvest import catalog, control
from harvester.store.keys import CollectionKeys
from tests.support.fake_fargate import ended
from tests.support.fargate_stage import Stage, as_json, fargate_stage
from tests.support.iam_guard import guard
from tests.support.servers import Bucket


@pytest.fixture
def stage(moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with fargate_stage(moto_s3, monkeypatch) as made:
        yield made


def _as(task: Any, status: str) -> None:
    task.last_status = status


def _answering(stage: Stage, operation: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """AWS's next answers to an operation are changed on their way."""
    events = stage.compute.aws.ecs.client.meta.events
    events.register(f"after-call.ecs.{operation}", lambda parsed, **_: change(parsed))


def test_once_waits_until_the_harvest_has_begun(stage: Stage) -> None:
    newest = stage.ecs.newest
    stage.next(
        lambda: _as(newest(), "PROVISIONING"),
        lambda: _as(newest(), "PENDING"),
        lambda: _as(newest(), "RUNNING"),
        lambda: stage.harvests("s"),
    )
    stage.compute.once("s")
    assert stage.clock.steps == []
    assert [status for _, status, _ in stage.said] == ["RUNNING", "PROVISIONING", "PENDING", "RUNNING"]
    assert len(stage.ecs.tasks) == 1


def test_once_asks_for_a_task_that_can_be_found_paid_for_and_told_apart(stage: Stage) -> None:
    asked: list[dict[str, Any]] = []
    events = stage.compute.aws.ecs.client.meta.events
    events.register("provide-client-params.ecs.RunTask", lambda params, **_: asked.append(params))
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    (request,) = asked
    assert request["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1}]
    assert request["propagateTags"] == "TASK_DEFINITION"
    assert request["enableECSManagedTags"] is True
    assert request["clientToken"]
    assert request["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == [stage.cloud.settings.subnets]
    assert {"key": "twarc-cloud:collection", "value": "s"} in request["tags"]


def test_once_takes_spot_where_the_collection_asks_for_it(stage: Stage) -> None:
    tree = {"id": "cheap", "type": "search", "search": {"query": "q"}, "task": {"spot": True}}
    history.add(stage.store, CollectionKeys("cheap"), tree)
    stage.next(lambda: stage.harvests("cheap"))
    stage.compute.once("cheap")
    assert stage.ecs.newest().capacity_provider_name == "FARGATE_SPOT"


def test_a_harvest_that_was_through_at_once_was_well(stage: Stage) -> None:
    stage.next(lambda: ended(stage.ecs.newest(), Exit.PARTIAL, reason="Essential container in task exited"))
    stage.compute.once("s")
    assert stage.compute.ended("s") == Ended(Exit.PARTIAL)
    assert stage.compute.task("s") is None


def test_d_28_what_run_task_did_not_start_is_told(stage: Stage) -> None:
    def fail(answer: dict[str, Any]) -> None:
        answer["tasks"] = []
        answer["failures"] = [
            {"reason": "RESOURCE:FARGATE", "detail": "Capacity is unavailable at this time"}
        ]

    _answering(stage, "RunTask", fail)
    with pytest.raises(
        HarvesterError, match="was not started: RESOURCE:FARGATE Capacity is unavail"
    ) as caught:
        stage.compute.once("s")
    assert "without `spot`" in caught.value.hint
    assert caught.value.exit_code == Exit.RETRY_LATER


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("CannotPullContainerError: pull image has been retried: not found", "Check `image`"),
        ("ECS was unable to assume the role 'arn:aws:iam::1:role/none'", "`task_role_arn`"),
        (
            "ResourceInitializationError: failed to validate logger args: log group does not exist",
            "`log_group`",
        ),
        ("Capacity is unavailable at this time. Please try again later", "try again later"),
    ],
)
def test_a_task_that_cannot_start_is_told_with_awss_reason_and_what_to_do(
    stage: Stage, reason: str, hint: str
) -> None:
    stage.next(
        lambda: _as(stage.ecs.newest(), "PROVISIONING"),
        lambda: ended(stage.ecs.newest(), None, reason=reason, stop_code="TaskFailedToStart"),
    )
    with pytest.raises(HarvesterError) as caught:
        stage.compute.once("s")
    assert reason in caught.value.message
    assert "TaskFailedToStart" in caught.value.message
    assert hint in caught.value.hint


def test_a_harvest_that_failed_at_once_is_told_with_its_own_words_and_code(stage: Stage) -> None:
    def die() -> None:
        task = stage.ecs.newest()
        stream = f"{stage.cloud.settings.bucket}/s/harvester/{task.id}"
        _log(stage, stream, "2026-11-25 10:00:00 INFO Starting.", "The keys were refused.", "Renew them.")
        ended(task, Exit.UNAUTHORIZED, reason="Essential container in task exited")

    stage.next(die)
    with pytest.raises(HarvesterError) as caught:
        stage.compute.once("s")
    assert caught.value.message == "The keys were refused.\nRenew them."
    assert caught.value.exit_code == Exit.UNAUTHORIZED


def test_a_harvest_that_failed_without_a_word_is_told_with_awss(stage: Stage) -> None:
    why = "OutOfMemoryError: Container killed due to memory usage"
    stage.next(lambda: ended(stage.ecs.newest(), 137, reason="Essential container in task exited", why=why))
    with pytest.raises(HarvesterError, match="exit code 137") as caught:
        stage.compute.once("s")
    assert "task.memory" in caught.value.hint
    assert caught.value.exit_code == Exit.ERROR


def test_a_task_that_does_not_begin_in_time_is_told_and_left(stage: Stage) -> None:
    stage.next(lambda: _as(stage.ecs.newest(), "PROVISIONING"))
    with pytest.raises(HarvesterError, match="did not start within 300 s; it is PROVISIONING") as caught:
        stage.compute.once("s")
    assert caught.value.exit_code == Exit.RETRY_LATER
    assert stage.ecs.newest().desired_status == "RUNNING"


def test_a_collection_that_asks_for_what_fargate_has_not_starts_nothing(stage: Stage) -> None:
    tree = {"id": "big", "type": "search", "search": {"query": "q"}, "task": {"cpu": 1024}}
    history.add(stage.store, CollectionKeys("big"), tree)
    with pytest.raises(HarvesterError, match="memory is 512; it must be one of 2048") as caught:
        stage.compute.once("big")
    assert caught.value.exit_code == Exit.USAGE
    assert stage.ecs.tasks == []


def test_a_spot_interruption_is_told_with_its_exit_code(stage: Stage) -> None:
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    task = stage.ecs.newest()
    ended(task, Exit.TERMINATED, reason="Your Spot Task was interrupted.", stop_code="SpotInterruption")
    found = stage.compute.ended("s")
    assert found is not None
    assert found.code == Exit.TERMINATED
    assert "the next harvest continues" in found.detail


def test_the_exit_code_is_waited_for(stage: Stage) -> None:
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    task = stage.ecs.newest()
    task.desired_status, task.last_status, task.containers[0].exitCode = "STOPPED", "STOPPING", None
    stage.next(lambda: None, lambda: ended(task, Exit.OK))
    assert stage.compute.ended("s") == Ended(Exit.OK)
    assert stage.compute.ended("live") is None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("PROVISIONING", STARTING),
        ("PENDING", STARTING),
        ("ACTIVATING", STARTING),
        ("RUNNING", RUNNING),
        ("DEACTIVATING", STOPPING),
    ],
)
def test_a_task_is_told_in_the_words_of_the_interface(stage: Stage, status: str, told: str) -> None:
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    stage.ecs.newest().last_status = status
    (found,) = stage.compute.tasks()
    assert (found.collection_id, found.kind, found.status) == ("s", ONCE, told)
    assert stage.compute.task("s") == found


def test_only_the_tasks_and_services_of_the_bucket_are_listed(stage: Stage) -> None:
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    other = FargateCompute(stage.store, replace(stage.cloud.settings, bucket="other"), clock=stage.clock)
    assert other.tasks() == []
    assert other.task("s") is None


def test_many_tasks_and_services_are_listed_over_all_pages(stage: Stage) -> None:
    """ECS gives a hundred at a time, and describes a hundred tasks and ten services."""
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    ecs, settings = stage.cloud.client("ecs"), stage.cloud.settings
    network = {
        "awsvpcConfiguration": {"subnets": [settings.subnets], "securityGroups": [settings.security_groups]}
    }
    name, strategy = family(settings.bucket, "s"), [{"capacityProvider": "FARGATE", "weight": 1}]

    def tags(collection_id: str) -> list[dict[str, str]]:
        return [
            {"key": "twarc-cloud:bucket", "value": settings.bucket},
            {"key": "twarc-cloud:collection", "value": collection_id},
        ]

    for number in range(104):
        ecs.run_task(
            cluster=settings.cluster,
            taskDefinition=name,
            capacityProviderStrategy=strategy,
            networkConfiguration=network,
            tags=tags(f"many-{number:03d}"),
        )
    for number in range(12):
        ecs.create_service(
            cluster=settings.cluster,
            serviceName=f"service-{number}",
            taskDefinition=name,
            desiredCount=1,
            networkConfiguration=network,
            tags=tags(f"stream-{number:02d}"),
        )
    found = [task.collection_id for task in stage.compute.tasks()]
    assert len(found) == 1 + 104 + 12
    assert found == sorted(found)


def _started(stage: Stage) -> Any:
    """The stream `live` runs as a service; its task."""
    tasks: list[Any] = []
    stage.next(lambda: tasks.append(stage.task_of_service()), lambda: stage.harvests("live"))
    stage.compute.start_service("live")
    return tasks[0]


def test_a_service_keeps_a_stream_running(stage: Stage) -> None:
    _started(stage)
    service = stage.service()
    assert (service.name, service.desired_count) == (family(stage.cloud.settings.bucket, "live"), 1)
    found = stage.compute.task("live")
    assert found is not None
    assert (found.kind, found.status, found.detail) == (SERVICE, RUNNING, "")
    assert [task.collection_id for task in stage.compute.tasks()] == ["live"]


def test_a_service_is_asked_for_with_a_circuit_breaker_and_one_task_at_a_time(stage: Stage) -> None:
    asked: list[dict[str, Any]] = []
    events = stage.compute.aws.ecs.client.meta.events
    events.register("provide-client-params.ecs.CreateService", lambda params, **_: asked.append(params))
    _started(stage)
    (request,) = asked
    assert request["deploymentConfiguration"] == {
        "deploymentCircuitBreaker": {"enable": True, "rollback": False},
        "minimumHealthyPercent": 0,
        "maximumPercent": 100,
    }
    assert request["propagateTags"] == "SERVICE"
    assert request["enableECSManagedTags"] is True
    assert request["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1}]


def test_a_service_whose_tasks_crash_is_told_with_the_last_ones_reason(stage: Stage) -> None:
    task = _started(stage)
    ended(task, 1, reason="Essential container in task exited")
    found = stage.compute.task("live")
    assert found is not None
    assert found.status == RESTARTING
    assert "exit code 1: Essential container in task exited" in found.detail
    stage.service().deployments[0]["rolloutState"] = "FAILED"
    found = stage.compute.task("live")
    assert found and found.status == GAVE_UP


def test_a_service_without_a_task_yet_is_told_with_the_words_of_ecs(stage: Stage) -> None:
    task = _started(stage)
    del stage.ecs.backend.tasks[stage.ecs.cluster][task.task_arn]
    event = {"id": "1", "createdAt": datetime.now(UTC), "message": "was unable to place a task."}
    stage.service(events=[event])
    (found,) = stage.compute.tasks()
    assert (found.status, found.detail) == (RESTARTING, "was unable to place a task.")


def test_a_stream_that_is_over_says_so_while_its_task_stays(stage: Stage) -> None:
    task = _started(stage)
    stage.lets_go("live")
    stage.store.remove(CollectionKeys("live").checkpoint)
    here = CollectionKeys("live").harvest(stage.store.now() - timedelta(hours=1))
    summary = {"harvest_timestamp": timestamp(here.started), "state": "complete"}
    end = {"harvest_end_timestamp": timestamp(stage.store.now() + timedelta(seconds=5))}
    stage.store.create(here.harvest, as_json(summary | end))
    stage.store.create(CollectionKeys("live").last_harvest, as_json({"harvest_id": timestamp(here.started)}))
    found = stage.compute.task("live")
    assert found is not None
    assert (found.status, found.kind) == (RUNNING, SERVICE)
    assert "the stream is over (complete): `collection filter-stop live` ends its task" in found.detail
    assert task.last_status == "RUNNING"


_FULL = "(service it) was unable to place a task. Reason: Capacity is unavailable at this time."


def _on_spot(stage: Stage, *, fallback: bool) -> FargateCompute:
    chosen = replace(stage.cloud.settings, task_spot=True, task_fallback=fallback)
    stage.compute = FargateCompute(
        stage.store, chosen, clock=stage.clock, on_wait=lambda *what: stage.said.append(what)
    )
    return stage.compute


def _asked(stage: Stage, operation: str) -> list[str]:
    """The capacity provider of each such request from now on."""
    asked: list[str] = []
    stage.compute.aws.ecs.client.meta.events.register(
        f"provide-client-params.ecs.{operation}",
        lambda params, **_: asked.append(params["capacityProviderStrategy"][0]["capacityProvider"]),
    )
    return asked


def _full_for_spot(stage: Stage, asked: list[str]) -> None:
    def answer(answered: dict[str, Any]) -> None:
        if asked[-1] == "FARGATE_SPOT":
            answered["tasks"] = []
            answered["failures"] = [{"reason": "Capacity is unavailable at this time."}]

    _answering(stage, "RunTask", answer)


@pytest.mark.parametrize("fallback", [True, False])
def test_once_runs_on_demand_where_spot_has_no_room_and_that_was_asked_for(
    fallback: bool, stage: Stage
) -> None:
    compute = _on_spot(stage, fallback=fallback)
    asked = _asked(stage, "RunTask")
    _full_for_spot(stage, asked)
    if fallback:
        stage.next(lambda: _as(stage.ecs.newest(), "RUNNING"), lambda: stage.harvests("s"))
        compute.once("s")
        assert asked == ["FARGATE_SPOT", "FARGATE"]
        definition = stage.ecs.backend.describe_task_definition(stage.ecs.newest().task_definition_arn)
        told = {each["name"]: each["value"] for each in definition.container_definitions[0]["environment"]}
        assert orjson.loads(told["TWARC_CLOUD_TASK"])["spot"] is False
        return
    with pytest.raises(HarvesterError, match="Capacity is unavailable") as caught:
        compute.once("s")
    assert "`fallback`" in caught.value.hint
    assert asked == ["FARGATE_SPOT"]


def test_what_would_fall_back_is_scheduled_on_demand_for_nobody_would_try_again(stage: Stage) -> None:
    def provider(*, fallback: bool) -> str:
        target = _on_spot(stage, fallback=fallback).definitions.register_target("s")
        return str(target["EcsParameters"]["CapacityProviderStrategy"][0]["capacityProvider"])

    assert [provider(fallback=False), provider(fallback=True)] == ["FARGATE_SPOT", "FARGATE"]


def _lists_what_stopped(stage: Stage) -> None:
    """As ECS does, for an hour; moto lists no more what is of a definition that was retired."""
    asked: list[str] = []

    def answer(answered: dict[str, Any]) -> None:
        stopped = [task.task_arn for task in stage.ecs.tasks if task.last_status == "STOPPED"]
        if asked[-1] == "STOPPED":
            answered["taskArns"] = stopped

    events = stage.compute.aws.ecs.client.meta.events
    asks = "provide-client-params.ecs.ListTasks"
    events.register(asks, lambda params, **_: asked.append(params["desiredStatus"]))
    _answering(stage, "ListTasks", answer)


@pytest.mark.parametrize("told", ["by an event of the service", "by its first task"])
def test_a_stream_for_which_spot_has_no_room_is_started_on_demand(told: str, stage: Stage) -> None:
    compute = _on_spot(stage, fallback=True)
    # The task that Spot had no room for is not taken for that of the start on demand.
    _lists_what_stopped(stage)
    made, changed = _asked(stage, "CreateService"), _asked(stage, "UpdateService")

    def full() -> None:
        if told == "by its first task":
            ended(stage.task_of_service(), None, reason="Capacity is unavailable at this time.")
        else:
            stage.service(events=[{"id": "1", "createdAt": datetime.now(UTC), "message": _FULL}])

    def room() -> None:
        stage.service(events=[])
        stage.task_of_service()

    stage.next(full, lambda: None, room, lambda: stage.harvests("live"))
    compute.start_service("live")
    assert (made, changed) == (["FARGATE_SPOT"], ["FARGATE"])
    assert [why for _, why, _ in stage.said if "Spot" in why] == ["no Spot capacity, so it runs on demand"]


def test_a_stream_that_aws_has_no_room_for_says_so_and_can_be_started_anew(stage: Stage) -> None:
    task = _started(stage)
    del stage.ecs.backend.tasks[stage.ecs.cluster][task.task_arn]
    stage.lets_go("live")
    stage.store.remove(CollectionKeys("live").checkpoint)
    stage.service(events=[{"id": "1", "createdAt": datetime.now(UTC), "message": _FULL}])
    found = stage.compute.task("live")
    assert found is not None
    assert (found.status, found.detail) == (NO_ROOM, _FULL)
    changed = _asked(stage, "UpdateService")
    stage.next(lambda: stage.service(events=[]), stage.task_of_service, lambda: stage.harvests("live"))
    stage.clock.seconds += 5
    stage.compute.start_service("live")
    assert changed == ["FARGATE"]


def test_a_service_that_runs_is_not_started_again(stage: Stage) -> None:
    _started(stage)
    with pytest.raises(HarvesterError, match="already started") as caught:
        stage.compute.start_service("live")
    assert caught.value.exit_code == Exit.LOCKED


def test_a_service_whose_first_task_fails_is_told_and_leaves_nothing(stage: Stage) -> None:
    reason = "CannotPullContainerError: image not found"
    stage.next(
        lambda: stage.task_of_service("PENDING"),
        lambda: ended(stage.ecs.newest(), None, reason=reason, stop_code="TaskFailedToStart"),
    )
    with pytest.raises(HarvesterError, match="CannotPullContainerError") as caught:
        stage.compute.start_service("live")
    assert "Check `image`" in caught.value.hint
    assert stage.compute.task("live") is None
    assert [service.status for service in stage.ecs.services] == ["INACTIVE"]


def test_a_service_that_failed_and_may_not_be_removed_is_told_with_both_reasons(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    mostly = [*(f"ecs:{verb}*" for verb in ("Describe", "List", "Register", "Tag", "Create")), "iam:PassRole"]
    policy = {"Sid": "Mostly", "Effect": "Allow", "Action": mostly, "Resource": "*"}
    with guard(stage.cloud.endpoint, {"operator": [policy]}) as guarded:
        monkeypatch.setenv("AWS_ENDPOINT_URL", guarded.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
        compute = FargateCompute(stage.store, stage.cloud.settings, clock=stage.clock)
        stage.next(
            lambda: stage.task_of_service("PENDING"),
            lambda: ended(stage.ecs.newest(), None, reason="no image", stop_code="TaskFailedToStart"),
        )
        with pytest.raises(HarvesterError, match="ecs:DeleteService") as caught:
            compute.start_service("live")
    assert "no image" in str(caught.value)
    assert "`collection filter-stop live` removes it" in caught.value.hint


@pytest.mark.parametrize("collection_id", ["s", "live"])
def test_a_task_that_was_started_and_may_not_be_seen_is_told(
    collection_id: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would look for it, and it is paid for."""
    verbs = ("DescribeT*ition", "DescribeS*", "List*", "Register*", "Tag*", "Run*", "Create*")
    starts = {"Sid": "S", "Effect": "Allow", "Action": [f"ecs:{verb}" for verb in verbs], "Resource": "*"}
    roles = {"Sid": "R", "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}
    with guard(stage.cloud.endpoint, {"operator": [starts, roles]}) as guarded:
        monkeypatch.setenv("AWS_ENDPOINT_URL", guarded.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
        compute = FargateCompute(stage.store, stage.cloud.settings, clock=stage.clock)
        stage.next(lambda: stage.task_of_service("PENDING"))
        start = compute.once if collection_id == "s" else compute.start_service
        with pytest.raises(HarvesterError, match="was started, but cannot be watched: .*ecs:DescribeTasks"):
            start(collection_id)
    assert len(stage.ecs.tasks) == 1


def test_a_stop_of_a_service_that_may_not_be_changed_says_that_it_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _started(stage)
    looks = {
        "Sid": "Looks",
        "Effect": "Allow",
        "Action": ["ecs:Describe*", "ecs:List*", "s3:*"],
        "Resource": "*",
    }
    with guard(stage.cloud.endpoint, {"operator": [looks]}) as guarded:
        monkeypatch.setenv("AWS_ENDPOINT_URL", guarded.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
        compute = FargateCompute(stage.store, stage.cloud.settings, clock=stage.clock)
        with pytest.raises(HarvesterError, match="and starts its harvest again: .*ecs:UpdateService") as told:
            compute.stop_service("live", within=10)
    assert "operator role" in told.value.hint


def test_a_service_is_started_anew_after_one_that_was_deleted(stage: Stage) -> None:
    task = _started(stage)
    stage.service(status="DRAINING")
    found = stage.compute.task("live")
    assert found and found.status == STOPPING

    def gone() -> None:
        ended(task, Exit.TERMINATED)
        stage.lets_go("live")
        stage.store.remove(CollectionKeys("live").checkpoint)
        stage.service(status="INACTIVE")

    stage.next(gone, stage.task_of_service, lambda: stage.harvests("live"))
    stage.clock.seconds += 5
    stage.compute.start_service("live")
    said: list[Any] = [*stage.said]
    assert ("live", "the previous stream is ending", pytest.approx(0.0)) in said
    assert stage.service().status == "ACTIVE"


def test_a_service_before_that_does_not_end_is_told(stage: Stage) -> None:
    _started(stage)
    stage.service(status="DRAINING")
    with pytest.raises(HarvesterError, match="previous stream of live is still ending") as caught:
        stage.compute.start_service("live")
    assert caught.value.exit_code == Exit.RETRY_LATER


def test_what_is_left_of_a_stop_that_was_cut_short_can_be_started_or_stopped(stage: Stage) -> None:
    task = _started(stage)
    ended(task, Exit.TERMINATED)
    stage.lets_go("live")
    stage.store.remove(CollectionKeys("live").checkpoint)
    stage.service(desired_count=0)
    found = stage.compute.task("live")
    assert found and found.status == DIED
    assert "filter-stop" in found.detail
    stage.next(stage.task_of_service, lambda: stage.harvests("live"))
    stage.compute.start_service("live")
    assert stage.service().desired_count == 1


def _is_gone(stage: Stage) -> bool:
    return stage.compute.task("live") is None and stage.compute.tasks() == []


def test_a_stop_lets_the_harvest_end_first_and_then_its_task_and_service(stage: Stage) -> None:
    task, order = _started(stage), []
    held = catalog.live_lock(stage.store, CollectionKeys("live"))
    assert held
    # Another clock than that of the lock dates it, and both tell whole seconds.
    task.created_at = moment(held["acquired"]) + timedelta(seconds=1)

    def harvest_ends() -> None:
        assert [entry.key for entry in stage.store.entries(CollectionKeys("live").stop)]
        assert stage.service().desired_count == 1
        order.append("harvest")
        stage.lets_go("live")

    def task_ends() -> None:
        assert stage.service().desired_count == 0
        order.append("task")
        ended(task, Exit.TERMINATED)

    stage.next(lambda: None, harvest_ends, task_ends)
    stage.compute.stop_service("live", within=60)
    assert order == ["harvest", "task"]
    assert _is_gone(stage)


def test_d_12_a_service_without_any_task_is_removed(stage: Stage) -> None:
    task = _started(stage)
    stage.lets_go("live")
    del stage.ecs.backend.tasks[stage.ecs.cluster][task.task_arn]
    stage.compute.stop_service("live", within=60)
    assert _is_gone(stage)


def test_d_12_a_service_whose_tasks_crash_is_removed(stage: Stage) -> None:
    ended(_started(stage), 1)
    stage.lets_go("live")
    again = stage.task_of_service("PENDING")
    stage.next(lambda: ended(again, 1))
    stage.compute.stop_service("live", within=60)
    assert _is_gone(stage)


def test_d_12_a_service_with_many_tasks_is_removed(stage: Stage) -> None:
    tasks = [_started(stage), stage.task_of_service(), stage.task_of_service()]
    stage.next(lambda: stage.lets_go("live"), *(lambda task=task: ended(task, 143) for task in tasks))
    stage.compute.stop_service("live", within=60)
    assert _is_gone(stage)


def test_a_stream_that_was_over_inside_is_removed(stage: Stage) -> None:
    task = _started(stage)
    stage.lets_go("live")
    stage.next(lambda: ended(task, 0))
    stage.compute.stop_service("live", within=60)
    assert _is_gone(stage)
    assert list(stage.store.entries(CollectionKeys("live").stop)) == []


def test_a_service_that_is_gone_already_is_gone(stage: Stage) -> None:
    stage.compute.stop_service("live", within=60)
    ended(_started(stage), 0)
    stage.cloud.client("ecs").delete_service(
        cluster=stage.ecs.cluster, service=stage.service().name, force=True
    )
    stage.compute.stop_service("live", within=60)
    assert _is_gone(stage)


def test_a_service_that_another_command_deletes_meanwhile_is_gone(stage: Stage) -> None:
    task = _started(stage)
    ecs = stage.cloud.client("ecs")

    def deleted() -> None:
        stage.lets_go("live")
        ended(task, 143)
        ecs.delete_service(cluster=stage.ecs.cluster, service=stage.service().name, force=True)
        stage.ecs.backend.services.clear()

    stage.next(deleted)
    stage.compute.stop_service("live", within=60)
    assert _is_gone(stage)


def test_a_harvest_elsewhere_is_not_stopped_with_a_service(stage: Stage) -> None:
    """The task of the service is younger than the lock, and only waits to be turned away."""
    keys = CollectionKeys("live")
    before = stage.store.now() - timedelta(minutes=10)
    stage.store.create(keys.lock, as_json({"owner": "laptop", "acquired": timestamp(before), "ttl": 60}))
    tasks: list[Any] = []
    stage.next(lambda: tasks.append(stage.task_of_service()), *[lambda: None] * 70)
    stage.compute.start_service("live")
    stage.clock.steps = [lambda: ended(tasks[0], Exit.LOCKED)]
    stage.compute.stop_service("live", within=60)
    assert list(stage.store.entries(keys.stop)) == []
    assert catalog.live_lock(stage.store, keys)
    assert _is_gone(stage)


def test_d_13_a_stop_that_takes_too_long_is_told_with_what_remains_and_polls_calmly(stage: Stage) -> None:
    task = _started(stage)
    stage.clock.waits.clear()
    began = stage.clock.elapsed()
    with pytest.raises(HarvesterError, match="did not end within 60 s: its task .* is RUNNING") as caught:
        stage.compute.stop_service("live", within=60)
    assert task.id in caught.value.message
    assert 60 <= stage.clock.elapsed() - began <= 70
    assert min(stage.clock.waits) >= 1
    assert [service.status for service in stage.ecs.services] == ["INACTIVE"]


def test_a_task_that_has_not_begun_is_stopped_at_once(stage: Stage) -> None:
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    task = stage.ecs.newest()
    task.last_status = "PENDING"
    assert stage.compute.ask_to_stop("s")
    assert task.desired_status == "STOPPED"
    assert not stage.compute.ask_to_stop("s")


def test_a_stop_that_nobody_hears_is_hastened(stage: Stage) -> None:
    settings = replace(stage.cloud.settings, stop_poll_seconds=0.001)
    stage.compute.settings = settings
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    assert not stage.compute.ask_to_stop("s"), "the store has not been asked"
    control.ask(stage.store, CollectionKeys("s"))
    stage.compute.settings = stage.cloud.settings
    assert not stage.compute.ask_to_stop("s"), "there is still time to hear it"
    stage.compute.settings = settings
    Stop().wait(1.1)
    assert stage.compute.ask_to_stop("s")
    assert stage.ecs.newest().desired_status == "STOPPED"


def test_without_a_port_a_task_is_not_asked(stage: Stage) -> None:
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    assert stage.compute.live("s") is None


def test_a_task_is_asked_at_its_public_address(stage: Stage) -> None:
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    (task,) = stage.compute.cluster.tasks_of("s")
    port = Port(stage.cloud.settings, stage.compute.aws)
    assert port.address(task) == ""
    assert not port.is_open
    (interface,) = [
        detail["value"]
        for detail in task["attachments"][0]["details"]
        if detail["name"] == "networkInterfaceId"
    ]
    ec2 = stage.cloud.client("ec2")
    allocated = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=allocated["AllocationId"], NetworkInterfaceId=interface)
    assert port.address(task) == allocated["PublicIp"]
    ended = {"name": "networkInterfaceId", "value": "eni-0123456789abcdef0"}
    assert port.address({"attachments": [{"details": [ended]}]}) == ""


def test_a_task_that_does_not_answer_is_as_one_without_a_port(stage: Stage) -> None:
    settings = replace(stage.cloud.settings, status_port=8080, parameter_path="/twarc-cloud")
    stage.next(lambda: stage.harvests("s"))
    compute = FargateCompute(stage.store, settings, clock=stage.clock)
    compute.once("s")
    assert compute.live("s") is None
    stage.cloud.client("ssm").put_parameter(Name="/twarc-cloud/tokens/s", Value="t", Type="SecureString")
    assert compute.live("s") is None


def _log(stage: Stage, stream: str, *lines: str) -> None:
    logs, group = stage.cloud.client("logs"), stage.cloud.settings.log_group
    if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(datetime.now(UTC).timestamp() * 1000)
    for start in range(0, len(lines), 5000):
        events = [{"timestamp": now, "message": line} for line in lines[start : start + 5000]]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _lines(stage: Stage, lines: int) -> list[str]:
    return list(stage.compute.log("s", lines=lines, follow=False, stop=Stop()))


def test_the_end_of_a_long_log_is_read_over_its_pages(stage: Stage) -> None:
    said = [f"line {number}" for number in range(12_000)]
    _log(stage, f"{stage.cloud.settings.bucket}/s/harvester/old", *said)
    assert _lines(stage, 3) == said[-3:]
    assert _lines(stage, 11_000) == said[-11_000:]
    assert _lines(stage, 0) == []


def test_the_newest_log_is_that_of_the_task_that_runs_or_else_was_written_last(stage: Stage) -> None:
    prefix = f"{stage.cloud.settings.bucket}/s/harvester"
    _log(stage, f"{prefix}/one", "of the first")
    _log(stage, f"{stage.cloud.settings.bucket}/s-2/harvester/two", "of another collection")
    assert _lines(stage, 10) == ["of the first"]
    stage.next(lambda: stage.harvests("s"))
    stage.compute.once("s")
    assert _lines(stage, 10) == ["of the first"], "the task has said nothing yet"
    _log(stage, f"{prefix}/{stage.ecs.newest().id}", "of the task")
    _log(stage, f"{prefix}/one", "late")
    assert _lines(stage, 10) == ["of the task"]
    ended(stage.ecs.newest(), 0)
    assert _lines(stage, 10) == ["of the task"]
