"""The tasks and services of one bucket's collections, and their states, from ECS alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from harvester.aws.service import Service
from harvester.aws.stop_reasons import death, is_for_want_of_room
from harvester.clock import timestamp
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
    Task,
)
from harvester.compute.fargate.task_definition import BUCKET, COLLECTION, tags_of
from harvester.compute.fargate.task_name import family, shared_by

# The maximum number of tasks in one DescribeTasks.
_TASKS_AT_ONCE, _SERVICES_AT_ONCE = 100, 10
_SERVICE_GROUP = "service:"

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
_STATUS = {
    **dict.fromkeys(("PROVISIONING", "PENDING", "ACTIVATING"), STARTING),
    "RUNNING": RUNNING,
    **dict.fromkeys(("DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED", "DELETED"), STOPPING),
}

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Cluster:
    """Tasks and services of one cluster that belong to one bucket."""

    ecs: Service
    name: str
    bucket: str

    def task(self, arn: str) -> Found | None:
        """One task; None while, or when, ECS does not know it."""
        found = self._described([arn])
        return found[0] if found else None

    def tasks_of(self, name: str, *, stopped: bool = False) -> list[Found]:
        """Those that should run, or with `stopped` those that ended within the last hour, newest first."""
        found = self._listed(
            family=family(self.bucket, name), desiredStatus="STOPPED" if stopped else "RUNNING"
        )
        return sorted(found, key=_began, reverse=True)

    def all_tasks(self) -> list[Found]:
        return [task for task in self._listed(desiredStatus="RUNNING") if self._is_ours(task)]

    def _listed(self, **filters: str) -> list[Found]:
        pages = self.ecs.pages("list_tasks", cluster=self.name, **filters)
        return self._described([arn for page in pages for arn in page["taskArns"]])

    def _described(self, arns: list[str]) -> list[Found]:
        found: list[Found] = []
        for some in _batches(arns, _TASKS_AT_ONCE):
            found += self.ecs("describe_tasks", cluster=self.name, tasks=some, include=["TAGS"])["tasks"]
        return found

    def _is_ours(self, found: Found) -> bool:
        return tags_of(found).get(BUCKET) == self.bucket

    def service(self, name: str) -> Found | None:
        """ACTIVE or DRAINING; one that is gone, of which ECS still knows, is None."""
        found = self._services([family(self.bucket, name)])
        return found[0] if found else None

    def carrier(self, collection_id: str) -> str:
        """The name of the newest shared task that carries this collection; empty if none does."""
        names = (name_of(service) for service in self.all_services())
        return next((name for name in names if collection_id in shared_by(name)), "")

    def all_services(self) -> list[Found]:
        pages = self.ecs.pages("list_services", cluster=self.name)
        found = self._services([arn for page in pages for arn in page["serviceArns"]])
        return sorted((service for service in found if self._is_ours(service)), key=_began, reverse=True)

    def _services(self, names: list[str]) -> list[Found]:
        found: list[Found] = []
        for some in _batches(names, _SERVICES_AT_ONCE):
            answer = self.ecs("describe_services", cluster=self.name, services=some, include=["TAGS"])
            found += [service for service in answer["services"] if service["status"] != "INACTIVE"]
        return found

    def found(self, collection_id: str) -> Task | None:
        """What runs of a collection, or should: by itself, or in a shared task."""
        name = collection_id
        service, tasks = self.service(name), self.tasks_of(name)
        if not (service or tasks) and (name := self.carrier(collection_id)):
            service, tasks = self.service(name), self.tasks_of(name)
        return self.status_of(collection_id, name, tasks[0] if tasks else None, service)

    def what_runs(self) -> Iterator[Task]:
        """All that runs or should, one entry for each collection."""
        services = {name_of(service): service for service in self.all_services()}
        tasks = {name_of(task): task for task in sorted(self.all_tasks(), key=_began)}
        # A collection's own task counts before one that it shares, and a newer one before an older.
        names = {each: name for name in reversed(services) for each in shared_by(name)}
        names |= {name: name for name in services.keys() | tasks.keys() if name and not shared_by(name)}
        for collection_id, name in sorted(names.items()):
            if found := self.status_of(collection_id, name, tasks.get(name), services.get(name)):
                yield found

    def status_of(
        self, collection_id: str, name: str, task: Found | None, service: Found | None
    ) -> Task | None:
        """A collection's task and service as one `Task`; None if there is neither."""
        found = self._status_of(collection_id, name, task, service)
        if found is None or not shared_by(name):
            return found
        begun = service and max((_began(each) for each in service.get("deployments") or ()), default=None)
        return replace(
            found, streams=tuple(shared_by(name)), since=_time(begun or (task or {}).get("createdAt"))
        )

    def _status_of(
        self, collection_id: str, name: str, task: Found | None, service: Found | None
    ) -> Task | None:
        if service is None:
            return as_task(collection_id, task) if task else None
        if service["status"] == "DRAINING":
            return Task(collection_id, SERVICE, STOPPING, _time(service.get("createdAt")))
        if task and is_of_a_service(task):
            return as_task(collection_id, task)
        since = _time(service.get("createdAt"))
        if not service.get("desiredCount"):
            detail = "stopped, but its service is still there: `collection filter-stop` removes it"
            return Task(collection_id, SERVICE, DIED, since, detail)
        if has_no_room(service):
            return Task(collection_id, SERVICE, NO_ROOM, since, newest_event(service))
        why = why_none_runs(service, self.tasks_of(name, stopped=True))
        return Task(collection_id, SERVICE, GAVE_UP if gave_up(service) else RESTARTING, since, why)


def name_of(found: Found) -> str:
    """Of a task or service: its collection, or the name of a shared task."""
    return tags_of(found).get(COLLECTION, "")


def as_task(collection_id: str, task: Found) -> Task:
    status = str(task.get("lastStatus", ""))
    return Task(
        collection_id,
        SERVICE if is_of_a_service(task) else ONCE,
        _STATUS.get(status, status),
        _time(task.get("startedAt") or task.get("createdAt")),
    )


def is_of_a_service(task: Found) -> bool:
    return str(task.get("group", "")).startswith(_SERVICE_GROUP)


def gave_up(service: Found) -> bool:
    """Whether the circuit breaker of ECS has ended trying."""
    return any(each.get("rolloutState") == "FAILED" for each in service.get("deployments") or ())


def has_no_room(service: Found) -> bool:
    """Whether ECS said last that it finds no machine for the task; it keeps trying."""
    return is_for_want_of_room(newest_event(service))


def newest_event(service: Found) -> str:
    """ECS gives them newest first."""
    return next(_texts(service, "events", "message"), "")


def why_none_runs(service: Found, stopped: list[Found]) -> str:
    """Why a service that should run has no task: how the last one ended, or what ECS says last."""
    ended = [task for task in stopped if is_of_a_service(task)]
    if ended and (last := death(ended[0])).detail:
        code = f"exit code {last.exit_code}: " if last.exit_code else ""
        return f"the last task ended: {code}{last.detail}"
    said = (*_texts(service, "events", "message"), *_texts(service, "deployments", "rolloutStateReason"))
    return next(filter(None, said), "")


def _texts(service: Found, listed: str, name: str) -> Iterator[str]:
    return (str(each.get(name) or "") for each in service.get(listed) or ())


def is_over(task: Found) -> bool:
    """Whether the container has ended, or never will begin."""
    return task.get("desiredStatus") == "STOPPED" or task.get("lastStatus") == "STOPPED"


def _batches(names: list[str], most: int) -> Iterator[list[str]]:
    return (names[start : start + most] for start in range(0, len(names), most))


def _began(task: Found) -> datetime:
    found = task.get("createdAt") or task.get("startedAt")
    return found if isinstance(found, datetime) else datetime.min.replace(tzinfo=UTC)


def _time(moment: Any) -> str:
    return timestamp(moment) if isinstance(moment, datetime) else ""
