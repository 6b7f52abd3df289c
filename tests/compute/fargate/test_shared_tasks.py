"""One task carries several streams: started, told, stopped one by one, and gone with the last (moto)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from harvester.clock import Stop, timestamp
from harvester.collection import history
from harvester.compute import RUNNING, SERVICE
from harvester.compute.fargate.definitions import Definitions, stored_in
from harvester.compute.fargate.task_name import carried_by, family, name_of_task
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys
from tests.support.fake_fargate import ended
from tests.support.fargate_stage import Stage, as_json, fargate_stage
from tests.support.servers import Bucket

_STREAMS = ("live", "b", "c")


@pytest.fixture
def stage(moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with fargate_stage(moto_s3, monkeypatch) as made:
        for name in _STREAMS[1:]:
            tree = {"id": name, "type": "filter", "filter": {"track": name}, "keys": {"profile": name}}
            history.add(made.store, CollectionKeys(name), tree)
        yield made


def _started(stage: Stage, *streams: str) -> Any:
    """A shared task that runs; the task."""
    tasks: list[Any] = []
    names = streams or _STREAMS
    stage.next(
        lambda: tasks.append(stage.task_of_service()),
        *(lambda each=each: stage.harvests(each, task={"streams": [*names]}) for each in names),
    )
    stage.compute.start_service(*names)
    return tasks[0]


def _ends(stage: Stage, name: str, *, exit_code: int = 0, streams: tuple[str, ...] = _STREAMS) -> None:
    """The harvest of this stream, which runs, is over."""
    keys = CollectionKeys(name)
    state = json.loads(stage.store.read(keys.checkpoint).data)["state"]["harvest"]
    for key in (keys.lock, keys.checkpoint, keys.stop):
        stage.store.remove(key)
    end = timestamp(stage.store.now() + timedelta(seconds=5))
    summary = {"harvest_timestamp": state, "state": "stopped", "exit_code": exit_code}
    task = {"task": {"streams": list(streams)}} if streams else {}
    here = keys.harvest(stage.store.now() + timedelta(seconds=60 + len(stage.harvested)))
    stage.harvested.append(name)
    stage.store.create(here.harvest, as_json({**summary, "harvest_end_timestamp": end, **task}))
    stage.store.create(keys.last_harvest, as_json({"harvest_id": timestamp(here.started)}))


def _begins(stage: Stage, name: str) -> None:
    """A harvest of this stream has begun, and cleared away what was asked of earlier ones."""
    stage.store.remove(CollectionKeys(name).stop)
    stage.store.remove(CollectionKeys(name).last_harvest)
    stage.harvests(name, task={"streams": [*_STREAMS]})


def _told(stage: Stage) -> dict[str, str]:
    return {task.collection_id: task.detail for task in stage.compute.tasks()}


def test_one_service_is_asked_for_and_told_with_a_task_that_carries_all(stage: Stage) -> None:
    _started(stage)
    service = stage.service()
    name = name_of_task(_STREAMS)
    assert service.name == family(stage.cloud.settings.bucket, name)
    assert service.name.startswith(f"twarc-cloud_{stage.cloud.settings.bucket}_live-b-c-")
    assert {"key": "twarc-cloud:collection", "value": "live+b+c"} in service.tags
    definition = stage.ecs.backend.describe_task_definition(service.task_definition).container_definitions[0]
    assert definition["command"][:6] == ["aws", "harvester", stage.cloud.settings.bucket, *_STREAMS]
    assert definition["command"][-1] == "--no-shutdown"
    told = {entry["name"]: entry["value"] for entry in definition["environment"]}
    assert json.loads(told["TWARC_CLOUD_TASK"])["streams"] == [*_STREAMS]
    # The store tells whole seconds, and what is between them is estimated anew with each answer.
    assert told["TWARC_CLOUD_SERVICE_SINCE"] <= timestamp(stage.store.now() + timedelta(seconds=1))
    assert told["TWARC_CLOUD_SERVICE"] == f"{stage.cloud.settings.cluster}/{service.name}"
    assert _told(stage) == {
        "live": "its task also carries b and c",
        "b": "in the task of live",
        "c": "in the task of live",
    }
    found = stage.compute.task("b")
    assert found is not None
    assert (found.kind, found.status, found.streams) == (SERVICE, RUNNING, _STREAMS)
    with pytest.raises(HarvesterError, match="already started") as caught:
        stage.compute.start_service(*_STREAMS)
    assert caught.value.exit_code == Exit.LOCKED


def test_a_stream_that_is_stopped_leaves_the_others_and_the_last_takes_the_service_with_it(
    stage: Stage,
) -> None:
    task = _started(stage)
    for name in ("live", "c"):
        stage.next(lambda name=name: _ends(stage, name))  # type: ignore[misc]
        stage.compute.stop_service(name, within=60)
        assert stage.compute.task(name) is None
        assert (stage.service().status, stage.service().desired_count) == ("ACTIVE", 1)
    assert _told(stage) == {"b": "in the task of live"}
    assert task.desired_status == "RUNNING"
    stage.next(lambda: _ends(stage, "b"), lambda: ended(task, Exit.TERMINATED))
    stage.compute.stop_service("b", within=60)
    assert stage.compute.tasks() == []
    assert [service.status for service in stage.ecs.services] == ["INACTIVE"]


def test_a_stream_that_only_failed_is_not_taken_for_one_that_left(stage: Stage) -> None:
    _started(stage)
    _ends(stage, "b", exit_code=Exit.TERMINATED)
    assert "b" in _told(stage)
    # Between two starts nothing hears a stop, and one that begins just then clears the request away.
    stage.next(lambda: None, lambda: _begins(stage, "b"), lambda: None, lambda: _ends(stage, "b"))
    stage.compute.stop_service("b", within=60)
    assert "b" not in _told(stage)
    assert not list(stage.store.entries(CollectionKeys("b").stop))


def test_a_stop_of_a_stream_of_which_nothing_runs_is_found_by_its_task(stage: Stage) -> None:
    _started(stage)
    _ends(stage, "b", exit_code=Exit.ERROR)
    began = stage.clock.elapsed()
    stage.compute.stop_service("b", within=60)
    assert 20 <= stage.clock.elapsed() - began <= 30
    assert "b" not in _told(stage)
    assert list(stage.store.entries(CollectionKeys("b").stop))


def test_a_stream_that_does_not_stop_in_time_is_told_and_stays(stage: Stage) -> None:
    _started(stage)
    with pytest.raises(HarvesterError, match="stream of b did not end within 60 s"):
        stage.compute.stop_service("b", within=60)
    assert "b" in _told(stage)
    assert stage.service().desired_count == 1


def test_one_that_left_can_be_started_by_itself_and_its_old_task_leaves_it_alone(stage: Stage) -> None:
    _started(stage)
    stage.next(lambda: _ends(stage, "live"))
    stage.compute.stop_service("live", within=60)
    stage.clock.seconds += 5
    own = family(stage.cloud.settings.bucket, "live")
    stage.next(lambda: _task_of(stage, own), lambda: stage.harvests("live"))
    stage.compute.start_service("live")
    assert _told(stage) == {"b": "in the task of live", "c": "in the task of live", "live": ""}
    found = stage.compute.task("live")
    assert found is not None
    assert found.streams == ()


def _task_of(stage: Stage, name: str) -> Any:
    """The task of one of several services."""
    (service,) = [each for each in stage.ecs.services if each.name == name]
    others = [each for each in stage.ecs.services if each is not service]
    before = [each.status for each in others]
    for each in others:
        each.status = "INACTIVE"
    task = stage.task_of_service()
    for each, status in zip(others, before, strict=True):
        each.status = status
    return task


def test_what_still_has_a_place_in_a_task_is_not_started_in_another(stage: Stage) -> None:
    task = _started(stage)
    for name in _STREAMS:
        _ends(stage, name, exit_code=Exit.ERROR)
    del stage.ecs.backend.tasks[stage.ecs.cluster][task.task_arn]
    for streams in (("b",), ("b", "c"), ("c", "b", "live")):
        told = f"{streams[0]} still has a place in the task of live, b and c"
        with pytest.raises(HarvesterError, match=told):
            stage.compute.start_service(*streams)
    assert len(stage.ecs.services) == 1


def test_a_stream_that_does_not_begin_is_named_and_the_others_run(stage: Stage) -> None:
    stage.next(
        stage.task_of_service,
        *(lambda each=each: stage.harvests(each, task={"streams": [*_STREAMS]}) for each in ("live", "c")),
    )
    with pytest.raises(HarvesterError, match="but b has not begun to harvest within a minute") as caught:
        stage.compute.start_service(*_STREAMS)
    assert (caught.value.exit_code, "`harvest log b`" in caught.value.hint) == (Exit.RETRY_LATER, True)
    assert stage.service().desired_count == 1


def test_a_shared_task_that_ends_at_once_is_told_in_the_words_of_its_stream_and_leaves_nothing(
    stage: Stage,
) -> None:
    def die() -> None:
        task = stage.task_of_service()
        stream = f"{stage.cloud.settings.bucket}/live+b+c/harvester/{task.id}"
        lines = ["live | 2026-11-27T10:00:00 INFO Starting.", "live | No such bucket.", "b | Gone."]
        _log(stage, stream, *lines)
        ended(task, Exit.ERROR, reason="Essential container in task exited")

    stage.next(die)
    with pytest.raises(HarvesterError) as caught:
        stage.compute.start_service(*_STREAMS)
    assert caught.value.message == "No such bucket."
    assert [service.status for service in stage.ecs.services] == ["INACTIVE"]


def test_collections_that_ask_for_different_tasks_cannot_share_one(stage: Stage) -> None:
    tree = {"id": "big", "type": "filter", "filter": {"track": "q"}, "task": {"memory": 1024}}
    history.add(stage.store, CollectionKeys("big"), tree)
    with pytest.raises(HarvesterError, match="cannot carry live and big: they ask for different") as caught:
        stage.compute.start_service("live", "big")
    assert caught.value.exit_code == Exit.USAGE
    assert stage.ecs.services == []


def test_the_log_of_one_is_found_in_that_of_its_task_also_when_it_is_gone(stage: Stage) -> None:
    prefix = f"{stage.cloud.settings.bucket}/live+b+c/harvester"
    _log(stage, f"{prefix}/old", "b | of b", "c | of c", "2026-11-27T10:00:00 INFO b: started process 1.")
    _log(stage, f"{stage.cloud.settings.bucket}/live+b2/harvester/other", "of another task")
    own = "2026-11-27T10:00:00 INFO b: started process 1."
    assert _lines(stage, "b") == ["of b", own]
    task = _started(stage)
    _log(stage, f"{prefix}/{task.id}", "b | new", "c | new, too")
    assert (_lines(stage, "b"), _lines(stage, "c")) == (["new"], ["new, too"])


def test_a_task_of_its_own_is_named_for_its_collection_as_before() -> None:
    assert (name_of_task(["live"]), carried_by("live")) == ("live", ["live"])
    with pytest.raises(HarvesterError, match="too long for one task: 302 characters, of 256"):
        name_of_task(["a" * 100, "b" * 100, "c" * 100])


def test_a_shared_task_has_no_status_port(stage: Stage) -> None:
    settings = replace(stage.cloud.settings, status_port=8080)
    definitions = Definitions(settings, stage.compute.aws, stored_in(stage.store))
    for port, streams in ((True, ("live",)), (False, _STREAMS)):
        assert ("--port" in definitions.of(*streams, since="now").command) is port


def _log(stage: Stage, stream: str, *lines: str) -> None:
    logs, group = stage.cloud.client("logs"), stage.cloud.settings.log_group
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(stage.store.now().timestamp() * 1000)
    events = [{"timestamp": now, "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _lines(stage: Stage, collection_id: str) -> list[str]:
    return list(stage.compute.log(collection_id, lines=10, follow=False, stop=Stop()))
