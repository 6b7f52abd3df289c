"""What Fargate does and moto does not: it runs each task, as the process its container is, and each service.

The agent reaches into moto, which runs in this process and has no other way to say how a task ended. What
is tested asks moto over HTTP as it would ask AWS.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from harvester.clock import Stop
from tests.support import fork_server
from tests.support.moto_account import REGION, Cloud

_ROOT = Path(__file__).resolve().parents[2]
_ACCOUNT = "123456789012"
_PAUSE = 0.1


class Ecs:
    """The cluster of a cloud from the inside."""

    def __init__(self, cloud: Cloud) -> None:
        from moto.ecs.models import ecs_backends

        self.backend: Any = ecs_backends[_ACCOUNT][REGION]
        self.cluster = cloud.settings.cluster

    @property
    def tasks(self) -> list[Any]:
        """Oldest first."""
        return list(self.backend.tasks.get(self.cluster, {}).values())

    @property
    def services(self) -> list[Any]:
        return [each for each in self.backend.services.values() if each.cluster_name == self.cluster]

    def newest(self) -> Any:
        return self.tasks[-1]


def ended(
    task: Any, code: int | None = None, *, reason: str = "", stop_code: str = "", why: str = ""
) -> None:
    """Let a task be over: its container's exit code and reason, and what ECS says."""
    container = task.containers[0]
    container.exitCode, container.reason = code, why
    task.desired_status, task.last_status = "STOPPED", "STOPPED"
    task.stopped_reason = reason
    task.stop_code = stop_code or "EssentialContainerExited"


@contextmanager
def held_tasks() -> Iterator[None]:
    """Tasks of moto keep the state that they are given, instead of a new one each time they are looked at."""
    from moto.moto_api import state_manager

    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1 << 30})
    try:
        yield
    finally:
        state_manager.unset_transition("ecs::task")


class Agent:
    """Starts what is wanted and ends what is not, until it is stopped itself."""

    def __init__(self, cloud: Cloud, folder: Path, environment: Mapping[str, str]) -> None:
        self._cloud, self._folder, self._environment = cloud, folder, environment
        self._ecs = Ecs(cloud)
        self._logs = cloud.client("logs")
        self._client = cloud.client("ecs")
        self._processes: dict[str, tuple[Any, subprocess.Popen[bytes], Path]] = {}
        self._written: dict[str, int] = {}
        self._seen: set[str] = set()

    def run(self, stop: Stop) -> None:
        while not stop.wait(_PAUSE):
            self._look()
        for _, process, _ in self._processes.values():
            process.kill()
            process.wait()

    def _look(self) -> None:
        for service in self._ecs.services:
            self._serve(service)
        for task in self._ecs.tasks:
            if task.id not in self._seen:
                self._seen.add(task.id)
                self._start(task)
        for task, process, log in list(self._processes.values()):
            if task.desired_status == "STOPPED" and process.poll() is None and task.last_status != "STOPPING":
                task.last_status = "STOPPING"
                process.send_signal(signal.SIGTERM)
            self._ship(task, log)
            if process.poll() is not None:
                del self._processes[task.id]
                self._ship(task, log)
                self._end(task, process.returncode)

    def _serve(self, service: Any) -> None:
        wanted = service.desired_count if service.status == "ACTIVE" else 0
        mine = [
            task
            for task in self._ecs.tasks
            if task.group == f"service:{service.name}" and task.last_status != "STOPPED"
        ]
        running = [task for task in mine if task.desired_status == "RUNNING"]
        for task in running[wanted:]:
            task.desired_status = "STOPPED"
            task.stop_code, task.stopped_reason = "ServiceSchedulerInitiated", "Scaling activity initiated"
        if len(mine) >= wanted:
            return
        # At once, and for ever: ECS slows down only where a task has never come to run.
        self._client.run_task(
            cluster=self._ecs.cluster,
            taskDefinition=service.task_definition,
            group=f"service:{service.name}",
            capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
            networkConfiguration=service.network_configuration,
            tags=[tag for tag in service.tags if not tag["key"].startswith("aws:")],
        )

    def _start(self, task: Any) -> None:
        task.created_at = task.started_at = datetime.now(UTC)
        definition = self._ecs.backend.describe_task_definition(task.task_definition_arn)
        container = definition.container_definitions[0]
        overrides = (task.overrides or {}).get("containerOverrides") or [{}]
        command = overrides[0].get("command") or container["command"]
        work = self._folder / task.id
        work.mkdir(parents=True)
        log = work / "log.txt"
        environment = {entry["name"]: entry["value"] for entry in container["environment"]}
        with log.open("wb") as output:
            process = fork_server.start(
                [sys.executable, "-u", str(_ROOT / "tweet_harvester.py"), *_at(work, command)],
                cwd=work,
                env={**os.environ, **self._environment, **environment},
                stdout=output,
                stderr=output,
            )
        prefix = container["logConfiguration"]["options"]["awslogs-stream-prefix"]
        self._logs.create_log_stream(
            logGroupName=self._cloud.settings.log_group,
            logStreamName=f"{prefix}/{container['name']}/{task.id}",
        )
        task.stream = f"{prefix}/{container['name']}/{task.id}"
        self._processes[task.id] = (task, process, log)

    def _ship(self, task: Any, log: Path) -> None:
        """What was written since is in the log of the cloud."""
        lines = log.read_text(errors="replace").splitlines()
        new = lines[self._written.get(task.id, 0) :]
        if new:
            self._written[task.id] = len(lines)
            now = int(datetime.now(UTC).timestamp() * 1000)
            self._logs.put_log_events(
                logGroupName=self._cloud.settings.log_group,
                logStreamName=task.stream,
                logEvents=[{"timestamp": now, "message": line or " "} for line in new],
            )

    def _end(self, task: Any, code: int) -> None:
        said = (task.stopped_reason, getattr(task, "stop_code", ""))
        asked = task.desired_status == "STOPPED"
        exit_code = 128 - code if code < 0 else code
        reason, stop_code = said if asked else ("Essential container in task exited", "")
        ended(task, exit_code, reason=reason, stop_code=stop_code)


def _at(work: Path, command: list[str]) -> list[str]:
    """The volume of a task is a folder here."""
    return [str(work / "work") if word == "/work" else word for word in command]


@contextmanager
def fargate(cloud: Cloud, folder: Path, **environment: str) -> Iterator[Agent]:
    """A cluster whose tasks really run."""
    agent, stop = Agent(cloud, folder, environment), Stop()
    with held_tasks():
        thread = Thread(target=agent.run, args=(stop,))
        thread.start()
        try:
            yield agent
        finally:
            stop.request("the test is over")
            thread.join()
