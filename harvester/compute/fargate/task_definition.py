"""A harvest's task definition, registered again only when something in it has changed."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from harvester.aws.service import Refused, Service
from harvester.capacity import Capacity
from harvester.compute import SERVICE
from harvester.compute.fargate.task_name import carried_by, family, stream_prefix
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings, variable
from harvester.text import listed

CONTAINER = "harvester"
WORK = "/work"
# Seconds from SIGTERM to SIGKILL, the longest that Fargate gives.
STOP_SECONDS = 120
_USER = "10001:10001"
# As the image has it, whose own check Fargate does not read.
_HEALTH = 'find "$TWARC_CLOUD_HEARTBEAT" -mmin -2 | grep -q .'
_ROUNDS = 5
_T = TypeVar("_T")

BUCKET, COLLECTION, KIND, PROJECT = (
    "twarc-cloud:bucket",
    "twarc-cloud:collection",
    "twarc-cloud:kind",
    "project",
)
_DIGEST = "twarc-cloud:definition"

# The settings that a harvest reads for itself, where they are not the usual ones; none is secret.
_OF_A_HARVEST = (
    *("x_api_url", "tweets_per_file", "bytes_per_file", "seconds_per_file", "checkpoint_seconds"),
    *("lock_seconds", "store_patience", "x_patience", "stop_poll_seconds", "concurrency"),
    *("parameter_path", "kms_key_arn", "graph_queue", "region", "log_format"),
)
_NEEDED = (
    *("bucket", "image", "subnets", "security_groups"),
    *("task_role_arn", "task_execution_role_arn", "log_group"),
)


@dataclass(frozen=True)
class Definition:
    """A task as the settings and a collection's wishes make it.

    `name` is that of its collection, or of a shared task, which is started again for what runs `since`.
    """

    settings: Settings
    region: str
    name: str
    kind: str
    capacity: Capacity
    since: str = ""

    @property
    def command(self) -> list[str]:
        """A service stays when its stream is over, for ECS would start it again; until `filter-stop`."""
        return command(self.settings, self.name, kind=self.kind)

    @property
    def on_demand(self) -> "Definition":
        return replace(self, capacity=self.capacity.on_demand)

    @property
    def tags(self) -> dict[str, str]:
        return {
            BUCKET: self.settings.bucket,
            COLLECTION: self.name,
            KIND: self.kind,
            PROJECT: "twarc-cloud",
        }

    @property
    def request(self) -> Tree:
        """What RegisterTaskDefinition is asked for, without the tags."""
        size = self.capacity
        disk = {"ephemeralStorage": {"sizeInGiB": size.disk}} if size.disk > Capacity().disk else {}
        return {
            "family": family(self.settings.bucket, self.name),
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": str(size.cpu),
            "memory": str(size.memory),
            "runtimePlatform": {"cpuArchitecture": size.architecture, "operatingSystemFamily": "LINUX"},
            "taskRoleArn": self.settings.task_role_arn,
            "executionRoleArn": self.settings.task_execution_role_arn,
            "volumes": [{"name": "work"}],
            "containerDefinitions": [self._container()],
            **disk,
        }

    def _container(self) -> Tree:
        return {
            "name": CONTAINER,
            "image": self.settings.image,
            "command": self.command,
            "essential": True,
            "memory": self.capacity.memory,
            "user": _USER,
            "readonlyRootFilesystem": True,
            "mountPoints": [{"sourceVolume": "work", "containerPath": WORK, "readOnly": False}],
            # An init process ends Python also before it hears signals itself.
            "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
            "healthCheck": {
                "command": ["CMD-SHELL", _HEALTH],
                "interval": 60,
                "timeout": 10,
                "retries": 3,
                "startPeriod": 60,
            },
            "stopTimeout": STOP_SECONDS,
            "environment": [
                {"name": name, "value": value} for name, value in sorted(self._environment().items())
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self.settings.log_group,
                    "awslogs-region": self.region,
                    "awslogs-stream-prefix": stream_prefix(self.settings.bucket, self.name),
                    # A log that cannot be written must not hold up a stream.
                    "mode": "non-blocking",
                    "max-buffer-size": "4m",
                },
            },
        }

    def _environment(self) -> dict[str, str]:
        usual = Settings()
        changed = {
            variable(name): str(value)
            for name in _OF_A_HARVEST
            if (value := getattr(self.settings, name)) != getattr(usual, name)
        }
        streams = carried_by(self.name)
        shared = {"streams": streams} if len(streams) > 1 else {}
        # For harvest.json, so that its cost can be told later.
        own = {"TWARC_CLOUD_TASK": json.dumps({**asdict(self.capacity), **shared})}
        if shared:
            own["TWARC_CLOUD_SERVICE_SINCE"] = self.since
        if self.kind == SERVICE:
            # A stream that is through ends its own service.
            name = family(self.settings.bucket, self.name)
            own["TWARC_CLOUD_SERVICE"] = f"{self.settings.cluster}/{name}"
        return {"AWS_REGION": self.region, **own, **changed}

    @property
    def digest(self) -> str:
        """The same for the same request and tags, and for no other."""
        canonical = json.dumps([self.request, self.tags], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def command(settings: Settings, name: str, *, kind: str) -> list[str]:
    """What the container's door is given."""
    streams = carried_by(name)
    port = ["--port", str(settings.status_port)] if settings.status_port and len(streams) == 1 else []
    stays = ["--no-shutdown"] if kind == SERVICE else []
    return ["aws", "harvester", settings.bucket, *streams, "--temp", WORK, *port, *stays]


def require_complete(settings: Settings) -> None:
    """Raise unless tasks can be made of the settings; all that is missing at once."""
    require(settings, *_NEEDED)


def require(settings: Settings, *names: str) -> None:
    """Raise unless these are set, and the image, if it is, is one."""
    problems = [f"{name} is missing." for name in names if not getattr(settings, name)]
    if settings.image and re.fullmatch(r"latest|version-[\d.]+|[^:/]+", settings.image):
        problems.append(f"image is {settings.image!r}; use the full name, registry/repository:tag.")
    if problems:
        raise HarvesterError(
            "The cloud settings are incomplete.",
            problems,
            "`terraform output -raw twarc_cloud_ini > twarc_cloud.ini` writes them.",
            exit_code=Exit.USAGE,
        )


def network(settings: Settings) -> Tree:
    """Where tasks are. The network of X is outside: in public subnets they need addresses of their own."""
    return {
        "awsvpcConfiguration": {
            "subnets": listed(settings.subnets),
            "securityGroups": listed(settings.security_groups),
            "assignPublicIp": "ENABLED" if settings.public_ip else "DISABLED",
        }
    }


def strategy(capacity: Capacity) -> list[Tree]:
    return [{"capacityProvider": "FARGATE_SPOT" if capacity.spot else "FARGATE", "weight": 1}]


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def tags_of(found: Mapping[str, Any]) -> dict[str, str]:
    """The tags in an answer of ECS."""
    return {str(tag.get("key")): str(tag.get("value")) for tag in found.get("tags") or ()}


def register(ecs: Service, definition: Definition) -> str:
    """The ARN of the newest revision, which is as wanted: registered now where the one before differs."""
    name = definition.request["family"]
    try:
        answer = ecs("describe_task_definition", taskDefinition=name, include=["TAGS"])
    except Refused as refused:
        # There is no revision that is in use.
        if refused.code != "ClientException":
            raise
        answer = {}
    found = answer.get("taskDefinition") or {}
    if tags_of(answer).get(_DIGEST) == definition.digest and found.get("status") != "INACTIVE":
        return str(found["taskDefinitionArn"])
    tags = tag_list({**definition.tags, _DIGEST: definition.digest})
    new = str(
        ecs("register_task_definition", **definition.request, tags=tags)["taskDefinition"][
            "taskDefinitionArn"
        ]
    )
    _retire(ecs, name, keep=new)
    return new


def register_and_start(ecs: Service, definition: Definition, start: Callable[[str], _T]) -> _T:
    """What `start` returns for the ARN of the newest revision, registered where it has to be.

    Another command may retire that revision before it is used; then the one that is newest by now is taken.
    """
    for _ in range(_ROUNDS - 1):
        try:
            return start(register(ecs, definition))
        except Refused as refused:
            if not re.search(r"task ?definition.* inactive", refused.said, re.IGNORECASE):
                raise
    return start(register(ecs, definition))


def _retire(ecs: Service, name: str, *, keep: str) -> None:
    """Nothing starts from an older revision any more; running tasks continue.

    A newer one is another command's: were it retired, and that command retired ours, none would be left.
    """
    for page in ecs.pages("list_task_definitions", familyPrefix=name, status="ACTIVE"):
        for arn in _of_family(page.get("taskDefinitionArns", ()), name):
            if _revision(arn) < _revision(keep):
                ecs("deregister_task_definition", taskDefinition=arn)


def _revision(arn: str) -> int:
    return int(arn.rpartition(":")[2])


def _of_family(arns: Sequence[str], name: str) -> list[str]:
    # Some servers take the filter for the beginning of a name.
    return [arn for arn in arns if unversioned(arn).rpartition("/")[2] == name]


def unversioned(arn: str) -> str:
    """Without the revision: then it is the newest one that counts when a task is started."""
    return re.sub(r":\d+$", "", arn)
