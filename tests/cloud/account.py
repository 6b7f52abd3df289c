"""An AWS account on loopback: ministack, and what it lacks of Fargate. It runs in .venv/cloud.

What stands in for what:

- A task's network is this machine's (`awsvpc` becomes `host`), for the emulators listen on loopback only.
  The task definition stays as it is.
- A task gets the processor, memory, read-only root, init process and stop timeout of its definition, and a
  fresh disk for each volume, as on Fargate; ministack leaves these out. Its architecture is this machine's.
- StopTask answers at once, and the task is STOPPED once its container is, with the container's exit code.
- No registry is asked: the image is on this machine, or the task ends with CannotPullContainerError.
- Tasks get the tags of their definition or service, where these are to be propagated.
- RunTask refuses a role that does not exist, in words of ECS.
- While there is a file `no-capacity` in the folder of the account, it also refuses the tasks of the capacity
  providers named there, or all. A service has an event of that; it does not try again, as AWS does.
"""

import os
import uuid
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.core.concurrency import spawn_background
from ministack.core.responses import error_response_json, json_response
from ministack.services import ecs, iam

Tree = dict[str, Any]

_run_kwargs, _metadata = ecs._build_run_kwargs, ecs._register_metadata
_run, _stop, _start = ecs._run_task, ecs._stop_task, ecs._run_docker_container

_FOLDER = Path(os.environ["ACCOUNT_FOLDER"])
_NO_CAPACITY = (
    "Capacity is unavailable at this time. Please try again later or in a different availability zone"
)
_NO_ROLE = (
    "ECS was unable to assume the role '{}' that was provided for this task. Please verify that the role "
    "being passed has the proper trust relationship and permissions and that your IAM user has permissions "
    "to pass this role."
)
_NO_IMAGE = "pull image manifest has been retried 1 time(s): failed to resolve ref {}: not found"


def _as_on_fargate(cdef: Tree, td: Tree, env: Tree, _ports: Any, _net: Any, _host: bool, *rest: Any) -> Tree:
    made = _run_kwargs(cdef, td, env, None, None, True, *rest)
    made.pop("platform", None)
    parameters = cdef.get("linuxParameters") or {}
    return {
        **made,
        "read_only": bool(cdef.get("readonlyRootFilesystem")),
        "init": bool(parameters.get("initProcessEnabled")),
        "mem_limit": f"{td['memory']}m",
        "nano_cpus": int(td["cpu"]) * 1_000_000_000 // 1024,
        "cap_drop": (parameters.get("capabilities") or {}).get("drop") or [],
        "stop_signal": "SIGTERM",
        "labels": {**made["labels"], "stop-timeout": str(cdef.get("stopTimeout", 30))},
        # podman asks systemd to look after a container's health; what runs here may have none.
        "healthcheck": {"test": ["NONE"]},
    }


def _told_of_loopback(arn: str, cluster: str, td: Tree, cdef: Tree, launch: str, env: Tree, *_: Any) -> Any:
    return _metadata(arn, cluster, td, cdef, launch, env, True, None)


def _started(client: Any, cdef: Tree, run_kwargs: Tree, **_: Any) -> Any:
    try:
        client.images.get(cdef["image"])
    except Exception as error:
        raise ecs._ImagePullError(_NO_IMAGE.format(cdef["image"])) from error
    return _start(client, cdef, run_kwargs)


def _run_task(data: Tree) -> Any:
    if _has_no_room_for(data):
        return json_response({"tasks": [], "failures": [{"reason": _NO_CAPACITY}]})
    definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition", ""))) or {}
    for name in ("taskRoleArn", "executionRoleArn"):
        role = definition.get(name)
        if role and role.rpartition("/")[2] not in iam._roles:
            return error_response_json("ClientException", _NO_ROLE.format(role), 400)
    return _run({**data, "tags": [*_propagated(data, definition), *data.get("tags", ())]})


def _has_no_room_for(data: Tree) -> bool:
    try:
        full = (_FOLDER / "no-capacity").read_text().split()
    except FileNotFoundError:
        return False
    wanted = {each["capacityProvider"] for each in data.get("capacityProviderStrategy") or ()}
    if full and wanted.isdisjoint(full):
        return False
    if service := _service_of(data):
        words = f"(service {service['serviceName']}) was unable to place a task. Reason: {_NO_CAPACITY}."
        service["events"].insert(0, {"id": str(uuid.uuid4()), "createdAt": ecs._iso(), "message": words})
    return True


def _service_of(data: Tree) -> Tree | None:
    cluster, name = ecs._resolve_cluster_name(data.get("cluster")), data.get("group", "").partition(":")[2]
    return ecs._services.get(f"{cluster}/{name}")


def _propagated(data: Tree, definition: Tree) -> list[Tree]:
    source = _service_of(data) or data
    arns = {"SERVICE": source.get("serviceArn"), "TASK_DEFINITION": definition.get("taskDefinitionArn")}
    return list(ecs._tags.get(arns.get(source.get("propagateTags", "NONE"))) or ())


def _stop_task(data: Tree) -> Any:
    """Ask the container to end, and tell of the end when it came."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
    if not task or not task.get("_docker_ids") or task["lastStatus"] == "STOPPED":
        return _stop(data)
    if task["desiredStatus"] != "STOPPED":
        task["desiredStatus"] = "STOPPED"
        reason = data.get("reason", "Task stopped by user")
        spawn_background(_end, task, cluster, reason, thread_name="stop")
    return json_response({"task": ecs._sanitize(task)})


def _end(task: Tree, cluster: str, reason: str) -> None:
    client = ecs._get_docker()
    codes = [_ended(client, each) for each in task["_docker_ids"]]
    for container, code in zip(task["containers"], codes, strict=True):
        container["exitCode"] = code
    service = task.get("group", "").partition("service:")[2]
    by = "ServiceSchedulerInitiated" if service else "UserInitiated"
    task["desiredStatus"] = "RUNNING"  # Else ministack holds that it has been told.
    ecs._mark_task_stopped(task["taskArn"], task, reason, by)
    ecs._cleanup_task_resources(task, client)
    if service:
        ecs._reconcile_service_tasks(cluster, f"{cluster}/{service}")


def _ended(client: Any, container_id: str) -> int:
    container = client.containers.get(container_id)
    container.stop(timeout=int(container.labels["stop-timeout"]))
    return int(container.wait()["StatusCode"])


def put_in() -> None:
    ecs._build_run_kwargs, ecs._register_metadata = _as_on_fargate, _told_of_loopback
    ecs._run_task, ecs._stop_task, ecs._run_docker_container = _run_task, _stop_task, _started
    ecs._prepare_service_images = lambda *_: None
    ecs._ACTION_MAP |= {"RunTask": _run_task, "StopTask": _stop_task}


if __name__ == "__main__":
    put_in()
    main()
