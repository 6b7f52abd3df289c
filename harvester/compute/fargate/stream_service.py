"""A stream runs as an ECS service, and is removed completely, in whatever state it is."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from harvester.aws.service import Refused
from harvester.aws.stop_reasons import death, is_for_want_of_room
from harvester.clock import Clock, Stop, moment
from harvester.compute import already_started
from harvester.compute.fargate.task_definition import (
    Definition,
    network,
    register_and_start,
    strategy,
    tag_list,
)
from harvester.compute.fargate.task_name import carried_by, family
from harvester.compute.fargate.tasks import Cluster, Found, gave_up, has_no_room, is_of_a_service, is_over
from harvester.compute.fargate.wait_for_start import SharedStart, StartWatch, unwatched
from harvester.compute.stream_end import Membership
from harvester.errors import Exit, HarvesterError
from harvester.harvest import catalog, control
from harvester.monitoring.sent_notices import Notices
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import together

# The one before is gone this soon: its task has two minutes to end.
_DRAINS_WITHIN = 180.0
# Of the time for a stop, what is kept for the end of the task and the service.
_FOR_THE_END = 45.0
_PAUSE = 2.0
# From the start of a process in a task to its lock, on the slowest machine.
_BEGINS_WITHIN = 20.0
_GRAIN = timedelta(seconds=2)


class FargateService:
    """The ECS service of one task; `on_wait` hears what is waited for, and for how many seconds."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        name: str,
        *,
        clock: Clock,
        on_wait: Callable[[str, float], None],
    ) -> None:
        self._cluster, self._store, self._task_name = cluster, store, name
        self._streams = [CollectionKeys(each) for each in carried_by(name)]
        self._clock, self._on_wait = clock, on_wait
        self._never = Stop()
        self._name = family(cluster.bucket, name)

    def start(self, definition: Definition, watch: StartWatch | SharedStart) -> None:
        """Make the service, or take over what was left of one; raises when its first task fails."""
        there = self._after_draining()
        if self._tasks() or (there and there.get("desiredCount") and not _is_stuck(there)):
            raise already_started(self._streams[0].id)
        attempt = _Attempt(definition, earlier=self._stopped(), began=self._clock.elapsed())
        # What fails from now on is news: it ends the first task, and is not waited for.
        for keys in self._streams:
            Notices(self._store, keys).clear()
        self._create(definition, leftover=there is not None)
        try:
            watch.wait(lambda: self._first_task(attempt))
        except Refused as refused:
            raise unwatched(self._words, self._streams[0].id, refused) from refused
        except HarvesterError as error:
            first = self._newest_task(attempt)
            if first is None or is_over(first):
                # Started again for ever, it would cost, and fail for ever.
                self._remove_after(error)
            raise

    def _first_task(self, attempt: "_Attempt") -> Found | None:
        """The first task of this start; if AWS has no Spot capacity for it, another is started on demand."""
        found = self._newest_task(attempt)
        if attempt.is_on_demand or not attempt.definition.capacity.falls_back or not self._lacks_room(found):
            return found
        attempt.is_on_demand = True
        attempt.earlier = self._stopped()
        self._on_wait("no Spot capacity, so it runs on demand", self._clock.elapsed() - attempt.began)
        self._create(attempt.definition.on_demand, leftover=True)
        return None

    def _newest_task(self, attempt: "_Attempt") -> Found | None:
        """The newest that ended since the start, or else that runs; none of an earlier start."""
        ended = (task for task in self._tasks(stopped=True) if task["taskArn"] not in attempt.earlier)
        return next(ended, None) or next(iter(self._tasks()), None)

    def _stopped(self) -> set[str]:
        """The tasks that have ended, which ECS lists for an hour."""
        return {task["taskArn"] for task in self._tasks(stopped=True)}

    def _lacks_room(self, task: Found | None) -> bool:
        """Whether AWS says that it has no machine for the first task, or for any."""
        if task is not None:
            return is_over(task) and is_for_want_of_room(death(task).detail)
        service = self._cluster.service(self._task_name)
        return service is not None and has_no_room(service)

    def _after_draining(self) -> Found | None:
        """The service that is there, once one that was deleted is quite gone."""
        deadline = self._clock.elapsed() + _DRAINS_WITHIN
        while (found := self._cluster.service(self._task_name)) and found["status"] == "DRAINING":
            left = deadline - self._clock.elapsed()
            if left < 0:
                raise HarvesterError(
                    f"The previous stream of {self._words} is still ending.",
                    hint="Try again in two minutes; `harvest list` shows it until then.",
                    exit_code=Exit.RETRY_LATER,
                )
            self._on_wait("the previous stream is ending", _DRAINS_WITHIN - left)
            self._clock.wait(self._never, _PAUSE)
        return found

    def _create(self, definition: Definition, *, leftover: bool) -> None:
        wanted = {
            "cluster": self._cluster.name,
            "desiredCount": 1,
            "capacityProviderStrategy": strategy(definition.capacity),
            "networkConfiguration": network(definition.settings),
            # One stream at a time: the old task ends before a new one begins.
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": {"enable": True, "rollback": False},
                "minimumHealthyPercent": 0,
                "maximumPercent": 100,
            },
            "enableECSManagedTags": True,
            "propagateTags": "SERVICE",
        }
        if leftover:
            operation, more = "update_service", {"service": self._name, "forceNewDeployment": True}
        else:
            tags = tag_list(definition.tags)
            operation, more = "create_service", {"serviceName": self._name, "tags": tags}

        def make(arn: str) -> None:
            token = {} if leftover else {"clientToken": uuid.uuid4().hex}
            self._cluster.ecs(operation, taskDefinition=arn, **wanted, **more, **token)

        register_and_start(self._cluster.ecs, definition, make)

    def stop(self, *, within: float) -> None:
        """End the harvest with everything stored, then its task, then the service; nothing may be left.

        Whatever there is of these: none of them, some, or tasks that are started again and again. Of a
        shared task all streams have left before.
        """
        began = self._clock.elapsed()
        deadline = began + within
        service = self._cluster.service(self._task_name)
        if service is None:
            return
        if service["status"] == "ACTIVE":
            if len(self._streams) == 1:
                self._ask_harvest(self._streams[0], until=deadline - min(_FOR_THE_END, within / 2))
            self._scale_down()
        while running := self._tasks():
            if self._clock.elapsed() > deadline:
                self._remove()
                raise self._remains(running, within)
            self._on_wait(f"the task is {running[0].get('lastStatus')}", self._clock.elapsed() - began)
            self._clock.wait(self._never, _PAUSE)
        self._remove()
        while self._cluster.service(self._task_name):
            if self._clock.elapsed() > deadline:
                raise self._remains([], within)
            self._clock.wait(self._never, _PAUSE)

    def leave(self, keys: CollectionKeys, membership: Membership, *, within: float) -> None:
        """End one stream of a shared task for good; the others and the task continue."""
        began = self._clock.elapsed()
        quiet = 0.0
        while not membership.has_left(self._store, keys) or (self._is_asked(keys) and quiet < _BEGINS_WITHIN):
            if self._clock.elapsed() - began > within:
                raise HarvesterError(
                    f"The stream of {keys.id} did not end within {within:.0f} s.",
                    hint="The stop is requested and takes effect when the harvest sees it; see "
                    "`harvest running`.",
                )
            # Nothing of it may run, or only just not yet; and a harvest that begins clears away what was
            # asked before, so it is asked anew.
            quiet = 0.0 if catalog.live_lock(self._store, keys) else quiet + _PAUSE
            control.ask(self._store, keys)
            self._on_wait("the harvest is ending", self._clock.elapsed() - began)
            self._clock.wait(self._never, _PAUSE)

    def _is_asked(self, keys: CollectionKeys) -> bool:
        """Whether no harvest has removed the request to stop."""
        return any(entry.key == keys.stop for entry in self._store.entries(keys.stop))

    def _ask_harvest(self, keys: CollectionKeys, *, until: float) -> None:
        """Through the store: so it may take longer to end than a task that is stopped."""
        if not self._holds_lock(keys):
            return
        asked = control.ask(self._store, keys)
        began = self._clock.elapsed()
        while self._holds_lock(keys) and self._clock.elapsed() < until:
            self._on_wait("the harvest is ending", self._clock.elapsed() - began)
            self._clock.wait(self._never, _PAUSE)
        if not catalog.live_lock(self._store, keys):
            control.take_back(self._store, keys, asked)

    def _holds_lock(self, keys: CollectionKeys) -> bool:
        """Whether a task of this service harvests; a harvest elsewhere is not ours to end."""
        running = [task for task in self._tasks() if task.get("lastStatus") == "RUNNING"]
        held = catalog.live_lock(self._store, keys) if running else None
        if held is None:
            return False
        created = running[0].get("createdAt")
        try:
            return created is None or moment(str(held["acquired"])) + _GRAIN >= created
        except (KeyError, ValueError):
            return True

    def _scale_down(self) -> None:
        with suppress(_Gone):
            try:
                self._to_service("update_service", desiredCount=0)
            except Refused as refused:
                raise HarvesterError(
                    f"The service of {self._words} could not be stopped, and starts its harvest again: "
                    f"{refused.message}",
                    hint=refused.hint,
                    exit_code=refused.exit_code,
                ) from refused

    def _remove(self) -> None:
        with suppress(_Gone):
            self._to_service("delete_service", force=True)

    def _remove_after(self, error: HarvesterError) -> None:
        try:
            self._remove()
        except HarvesterError as refused:
            raise HarvesterError(
                f"The stream of {self._words} did not start, and its service is still there: "
                f"{refused.message}",
                [str(error)],
                f"`collection filter-stop {self._streams[0].id}` removes it; until then AWS starts it again.",
                exit_code=error.exit_code,
            ) from error

    def _to_service(self, operation: str, **parameters: object) -> None:
        try:
            self._cluster.ecs(operation, cluster=self._cluster.name, service=self._name, **parameters)
        except Refused as refused:
            if refused.code in ("ServiceNotFoundException", "ServiceNotActiveException"):
                raise _Gone from refused
            raise

    def _tasks(self, *, stopped: bool = False) -> list[Found]:
        found = self._cluster.tasks_of(self._task_name, stopped=stopped)
        return [task for task in found if is_of_a_service(task)]

    @property
    def _words(self) -> str:
        return together([keys.id for keys in self._streams])

    def _remains(self, running: list[Found], within: float) -> HarvesterError:
        remaining = [
            f"its task {task['taskArn'].rpartition('/')[2]} is {task.get('lastStatus')}" for task in running
        ]
        return HarvesterError(
            f"The stream of {self._words} did not end within {within:.0f} s: "
            f"{', '.join(remaining) or 'its service is still there'}.",
            hint="The stop is requested; it should end within two minutes. See `harvest list`.",
        )


def _is_stuck(service: Found) -> bool:
    """Whether it comes to no task by itself, or not soon."""
    return gave_up(service) or has_no_room(service)


@dataclass
class _Attempt:
    """A start; `earlier` are the tasks that had ended before it."""

    definition: Definition
    earlier: set[str]
    began: float
    is_on_demand: bool = False


class _Gone(Exception):
    """Another program has removed the service."""
