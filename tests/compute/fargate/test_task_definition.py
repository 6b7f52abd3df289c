"""The task of a collection is as settings and collection say, and registered anew only when it changed."""

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harvester.aws.service import Aws, Refused
from harvester.capacity import Capacity
from harvester.compute import ONCE, SERVICE
from harvester.compute.fargate.task_definition import (
    Definition,
    register,
    register_and_start,
    require_complete,
)
from harvester.compute.fargate.task_name import family
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings
from tests.support.moto_account import REGION, Cloud, cloud_of
from tests.support.servers import Bucket


@pytest.fixture
def cloud(moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with cloud_of(moto_s3, monkeypatch) as made:
        yield made


def _definition(settings: Settings, *, kind: str = ONCE, **wishes: Any) -> Definition:
    return Definition(settings, REGION, "museums", kind, settings.capacity.changed_by(wishes))


def test_a_task_is_small_unprivileged_and_has_time_to_stop(cloud: Cloud) -> None:
    arn = register(Aws(REGION).ecs, _definition(cloud.settings))
    found = cloud.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert (found["cpu"], found["memory"], found["networkMode"]) == ("256", "512", "awsvpc")
    assert found["requiresCompatibilities"] == ["FARGATE"]
    assert found["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert found["taskRoleArn"] == cloud.settings.task_role_arn
    assert found["executionRoleArn"] == cloud.settings.task_execution_role_arn
    assert "ephemeralStorage" not in found
    (container,) = found["containerDefinitions"]
    assert container["name"] == "harvester"
    assert container["command"] == ["aws", "harvester", cloud.settings.bucket, "museums", "--temp", "/work"]
    assert container["readonlyRootFilesystem"] is True
    assert container["user"] == "10001:10001"
    assert container["stopTimeout"] == 120
    assert container["mountPoints"] == [{"sourceVolume": "work", "containerPath": "/work", "readOnly": False}]
    assert found["volumes"][0]["name"] == "work"
    options = container["logConfiguration"]["options"]
    assert options["awslogs-group"] == cloud.settings.log_group
    assert options["awslogs-stream-prefix"] == f"{cloud.settings.bucket}/museums"
    assert "portMappings" not in container or container["portMappings"] == []


def test_a_task_has_an_init_process_no_rights_and_the_health_check_of_the_image(cloud: Cloud) -> None:
    (container,) = _definition(cloud.settings).request["containerDefinitions"]
    assert container["linuxParameters"] == {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}}
    dockerfile = (Path(__file__).resolve().parents[3] / "Dockerfile").read_text(encoding="utf-8")
    (told,) = re.findall(r"^HEALTHCHECK (.*)\\\n +CMD (\[.*\])$", dockerfile, re.MULTILINE)
    check = container["healthCheck"]
    assert check["command"] == ["CMD-SHELL", json.loads(told[1])[-1]]
    seconds = {f"--{name}={check[key]}s" for name, key in _CHECKED.items()}
    assert seconds | {f"--retries={check['retries']}"} == set(told[0].split())


_CHECKED = {"interval": "interval", "timeout": "timeout", "start-period": "startPeriod"}


def test_a_collection_gets_the_task_it_asks_for(cloud: Cloud) -> None:
    wishes: dict[str, Any] = {"cpu": 1024, "memory": 4096, "architecture": "X86_64", "disk": 21}
    request = _definition(cloud.settings, **wishes).request
    assert (request["cpu"], request["memory"]) == ("1024", "4096")
    assert request["runtimePlatform"]["cpuArchitecture"] == "X86_64"
    assert request["ephemeralStorage"] == {"sizeInGiB": 21}
    assert request["containerDefinitions"][0]["memory"] == 4096


def test_a_stream_stays_when_it_is_over_for_ecs_would_start_it_again() -> None:
    settings = Settings(bucket="b")
    assert _definition(settings, kind=SERVICE).command[-1] == "--no-shutdown"
    assert "--no-shutdown" not in _definition(settings).command
    with_port = _definition(replace(settings, status_port=8080))
    assert with_port.command[-2:] == ["--port", "8080"]


def test_a_harvest_gets_the_settings_that_are_not_the_usual_and_no_secret(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARER_TOKEN", "hidden")
    settings = replace(cloud.settings, stop_poll_seconds=2.0, x_api_url="http://x", parameter_path="/t")
    container = _definition(settings).request["containerDefinitions"][0]
    assert {entry["name"]: entry["value"] for entry in container["environment"]} == {
        "AWS_REGION": REGION,
        "TWARC_CLOUD_TASK": json.dumps(asdict(settings.capacity)),
        "TWARC_CLOUD_REGION": REGION,
        "TWARC_CLOUD_PARAMETER_PATH": "/t",
        "TWARC_CLOUD_STOP_POLL_SECONDS": "2.0",
        "X_API_URL": "http://x",
    }
    assert "secrets" not in container
    assert "hidden" not in str(container)


def test_d_27_a_task_definition_is_registered_again_when_anything_in_it_changed(cloud: Cloud) -> None:
    ecs, settings = Aws(REGION).ecs, cloud.settings
    name = family(settings.bucket, "museums")
    first = register(ecs, _definition(settings))
    assert register(ecs, _definition(settings)) == first
    changes: list[dict[str, Any]] = [
        {"image": "registry.example/twarc-cloud:2.0.1"},
        {"task_role_arn": "arn:aws:iam::123456789012:role/other"},
        {"task_execution_role_arn": "arn:aws:iam::123456789012:role/other"},
        {"log_group": "/other"},
        {"status_port": 8080},
        {"concurrency": 4},
        {"task_memory": 1024},
        {"task_architecture": "X86_64"},
        {"task_disk": 30},
    ]
    seen = {first}
    for change in changes:
        changed = _definition(replace(settings, **change))
        arn = register(ecs, changed)
        assert arn not in seen, change
        assert register(ecs, changed) == arn
        seen.add(arn)
        assert cloud.definitions(name) == [arn], "older revisions are retired"


def test_a_revision_that_somebody_else_made_is_replaced(cloud: Cloud) -> None:
    ecs, definition = Aws(REGION).ecs, _definition(cloud.settings)
    cloud.client("ecs").register_task_definition(
        family=family(cloud.settings.bucket, "museums"),
        containerDefinitions=[{"name": "other", "image": "other", "memory": 512}],
    )
    arn = register(ecs, definition)
    assert arn.endswith(":2")
    assert cloud.definitions(family(cloud.settings.bucket, "museums")) == [arn]


@pytest.mark.parametrize("seed", range(3))
def test_commands_at_one_moment_leave_the_newest_revision_in_use(cloud: Cloud, seed: int) -> None:
    """Each request of each command has its turn, in an order that differs by the seed."""
    turns = Turns(random.Random(seed))
    settings = [replace(cloud.settings, log_group=f"/of-{number}") for number in range(3)]
    made: list[str] = []

    def command(number: int) -> None:
        ecs = Aws(REGION).ecs
        ecs.client.meta.events.register("before-call.ecs", lambda **_: turns.wait(number))
        made.append(register(ecs, _definition(settings[number])))

    turns.run(command, len(settings))
    in_use = cloud.definitions(family(cloud.settings.bucket, "museums"))
    assert max(made, key=lambda arn: int(arn.rpartition(":")[2])) in in_use
    assert len(made) == 3


@dataclass
class Turns:
    """Lets one of several threads go on at a time, until its next request."""

    random: random.Random
    waiting: dict[int, threading.Event] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, number: int) -> None:
        turn = threading.Event()
        with self.changed:
            self.waiting[number] = turn
            self.changed.notify()
        assert turn.wait(30)

    def run(self, command: Callable[[int], None], count: int) -> None:
        threads = [threading.Thread(target=command, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        while living := [number for number, thread in enumerate(threads) if thread.is_alive()]:
            with self.changed:
                if set(living) <= self.waiting.keys():
                    self.waiting.pop(self.random.choice(living)).set()
                self.changed.wait(0.01)


def test_a_revision_that_was_retired_before_its_use_is_replaced_by_the_newest(cloud: Cloud) -> None:
    ecs, definition = Aws(REGION).ecs, _definition(cloud.settings)
    tried: list[str] = []

    def start(arn: str) -> str:
        tried.append(arn)
        if len(tried) == 1:
            ecs("deregister_task_definition", taskDefinition=arn)
            raise Refused(
                "no", "", code="ClientException", said="TaskDefinition is inactive", exit_code=Exit.ERROR
            )
        return arn

    assert register_and_start(ecs, definition, start) == tried[-1]
    assert [arn.rpartition(":")[2] for arn in tried] == ["1", "2"]


def test_another_refusal_of_a_start_is_the_last_word(cloud: Cloud) -> None:
    refused = Refused("no", "", code="ClientException", said="Role is not valid", exit_code=Exit.ERROR)

    def start(arn: str) -> str:
        raise refused

    with pytest.raises(Refused) as caught:
        register_and_start(Aws(REGION).ecs, _definition(cloud.settings), start)
    assert caught.value is refused


def test_revisions_of_a_collection_whose_id_begins_alike_are_left_alone(cloud: Cloud) -> None:
    ecs, settings = Aws(REGION).ecs, cloud.settings
    other = register(ecs, Definition(settings, REGION, "museums-2", ONCE, Capacity()))
    register(ecs, _definition(settings))
    register(ecs, _definition(replace(settings, log_group="/other")))
    assert cloud.definitions(family(settings.bucket, "museums-2")) == [other]


def test_who_pays_can_be_told_by_tags(cloud: Cloud) -> None:
    arn = register(Aws(REGION).ecs, _definition(cloud.settings))
    found = cloud.client("ecs").describe_task_definition(taskDefinition=arn, include=["TAGS"])["tags"]
    tags = {tag["key"]: tag["value"] for tag in found}
    assert tags.pop("twarc-cloud:definition")
    assert tags == {
        "twarc-cloud:bucket": cloud.settings.bucket,
        "twarc-cloud:collection": "museums",
        "twarc-cloud:kind": "once",
        "project": "twarc-cloud",
    }


@pytest.mark.parametrize("collection_id", ["a.b", "x" * 100, "plain", "a-b"])
def test_a_family_is_a_name_that_aws_allows_and_no_other_collections(collection_id: str) -> None:
    name = family("my.bucket.of.2019", collection_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name)
    assert name.startswith("twarc-cloud_my-bucket-of-2019_")


def test_names_that_differ_only_in_what_aws_refuses_are_two_families() -> None:
    assert len({family("b", "a.b"), family("b", "a-b"), family("b", "a_b")}) == 3
    assert family("b", "museums") == "twarc-cloud_b_museums"
    assert len(family("b" * 63, "c" * 250)) == 255


def test_all_that_is_missing_for_the_cloud_is_told_at_once() -> None:
    with pytest.raises(HarvesterError) as caught:
        require_complete(Settings(bucket="b", cluster="c", image="latest"))
    assert caught.value.exit_code == Exit.USAGE
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == [
        *("subnets", "security_groups", "task_role_arn", "task_execution_role_arn", "log_group", "image"),
    ]
    assert "registry/repository:tag" in str(caught.value)
