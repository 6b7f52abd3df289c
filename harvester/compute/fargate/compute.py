"""Harvests run as tasks of a cluster on AWS."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, cast

from harvester.aws.service import Aws, Refused
from harvester.aws.stop_reasons import death, hint, is_for_want_of_room
from harvester.clock import Clock, Stop, SystemClock, timestamp
from harvester.compute import ONCE, STARTING, Ended, Scheduled, Task, already_running
from harvester.compute.fargate.cloudwatch import Logs
from harvester.compute.fargate.definitions import Definitions, stored_in
from harvester.compute.fargate.eventbridge import EventBridge
from harvester.compute.fargate.status_port import Port
from harvester.compute.fargate.stream_outcome import all_left, membership, with_outcome
from harvester.compute.fargate.stream_service import FargateService
from harvester.compute.fargate.task_definition import (
    CONTAINER,
    Definition,
    command,
    network,
    register_and_start,
    require,
    strategy,
    tag_list,
)
from harvester.compute.fargate.task_name import name_of_task
from harvester.compute.fargate.tasks import Cluster, Found, as_task, is_over
from harvester.compute.fargate.wait_for_start import SharedStart, StartWatch, not_started, unwatched, why_not
from harvester.compute.schedules.expression import Schedule
from harvester.documents import Collection, HarvestSummary, Tree
from harvester.errors import Exit, HarvesterError
from harvester.harvest import control
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import together

_PAUSE = 1.0
# How long a task may take from its end to its exit code.
_ENDS_WITHIN = 120.0
# How many times the longest wait of a harvest for a stop request in the store.
_PATIENCE = 2

OnWait = Callable[[str, str, float], None]


def _say_nothing(collection_id: str, status: str, seconds: float) -> None:
    pass


class FargateCompute:
    """Tasks of the bucket `settings.bucket` in the cluster `settings.cluster`.

    `on_wait` hears while something is waited for: of which collection, its status, and for how many seconds.
    `collection` returns a valid collection, where that is not to be read from the store again.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        aws: Aws | None = None,
        clock: Clock | None = None,
        on_wait: OnWait = _say_nothing,
        collection: Callable[[CollectionKeys], Collection] | None = None,
    ) -> None:
        self.store, self.settings = store, settings
        self.aws = aws or Aws(settings.region)
        self._clock = clock or SystemClock()
        self._on_wait = on_wait
        self._collection = collection or stored_in(store)
        self._never = Stop()
        self._started: dict[str, str] = {}

    @property
    def name(self) -> str:
        return f"cluster {self.settings.cluster}"

    @cached_property
    def cluster(self) -> Cluster:
        return Cluster(self.aws.ecs, self.settings.cluster, self.settings.bucket)

    @cached_property
    def definitions(self) -> Definitions:
        return Definitions(self.settings, self.aws, self._collection)

    def require_startable(self, *collection_ids: str, by_schedule: bool = False) -> None:
        self.definitions.of(*collection_ids)
        self.definitions.require_cluster()
        if by_schedule:
            require(self.settings, "schedule_group", "scheduler_role_arn")
            self._eventbridge.require_group(*collection_ids)
        else:
            self._require_apart(collection_ids)

    def once(self, collection_id: str) -> None:
        definition = self.definitions.of(collection_id)
        if self.task(collection_id):
            raise already_running(collection_id)
        watch = self._start_watch(collection_id)
        arn = self._run(definition)
        self._started[collection_id] = arn
        try:
            watch.wait(lambda: self.cluster.task(arn))
        except Refused as refused:
            raise unwatched(collection_id, collection_id, refused) from refused

    def _run(self, definition: Definition) -> str:
        """Start one task; its ARN."""
        answer = register_and_start(self.aws.ecs, definition, lambda arn: self._asked_to_run(definition, arn))
        if answer.get("failures") or not answer.get("tasks"):
            words = why_not(answer.get("failures") or ())
            if definition.capacity.falls_back and is_for_want_of_room(words):
                self._on_wait(definition.name, "no Spot capacity, so it runs on demand", 0.0)
                return self._run(definition.on_demand)
            raise not_started(definition.name, words)
        return str(answer["tasks"][0]["taskArn"])

    def _asked_to_run(self, definition: Definition, arn: str) -> dict[str, Any]:
        return self.aws.ecs(
            "run_task",
            cluster=self.settings.cluster,
            taskDefinition=arn,
            capacityProviderStrategy=strategy(definition.capacity),
            networkConfiguration=network(self.settings),
            overrides={
                "containerOverrides": [
                    {
                        "name": CONTAINER,
                        "command": command(self.settings, definition.name, kind=ONCE),
                    }
                ]
            },
            tags=tag_list(definition.tags),
            propagateTags="TASK_DEFINITION",
            enableECSManagedTags=True,
            startedBy="twarc-cloud",
            # The same for each try of this call: one that is repeated starts no second task.
            clientToken=uuid.uuid4().hex,
        )

    def _start_watch(self, collection_id: str) -> StartWatch:
        return StartWatch(
            self.store,
            collection_id,
            clock=self._clock,
            said=lambda task: self._logs.last_words(collection_id, task),
            on_wait=lambda status, seconds: self._on_wait(collection_id, status, seconds),
        )

    def ended(self, collection_id: str) -> Ended | None:
        arn = self._started.get(collection_id)
        deadline = self._clock.elapsed() + _ENDS_WITHIN
        while arn and self._clock.elapsed() < deadline:
            task = self.cluster.task(arn)
            if task is None:
                return None
            found = death(task)
            # An exit code is there before the task is quite gone; without one it never ran.
            if is_over(task) and (found.exit_code is not None or task.get("lastStatus") == "STOPPED"):
                code = Exit.ERROR if found.exit_code is None else found.exit_code
                return Ended(int(code), f"{found.detail}. {hint(found.detail)}" if found.interrupted else "")
            self._clock.wait(self._never, _PAUSE)
        return None

    def task(self, collection_id: str) -> Task | None:
        CollectionKeys(collection_id)
        found = self.cluster.found(collection_id)
        return found and with_outcome(self.store, found)

    def settled(self, collection_id: str) -> Task | None:
        # A service that is being deleted is waited for by its next start, which says so meanwhile.
        return self.task(collection_id)

    def tasks(self) -> list[Task]:
        return list(filter(None, (with_outcome(self.store, task) for task in self.cluster.what_runs())))

    def _running(self, collection_id: str) -> Found | None:
        found = self.cluster.tasks_of(collection_id)
        return found[0] if found else None

    def live(self, collection_id: str) -> HarvestSummary | None:
        return cast("HarvestSummary | None", self._asked(collection_id, "GET", "/status"))

    def ask_to_stop(self, collection_id: str) -> bool:
        """Through the port, where there is one; else by SIGTERM, if no harvest reads the store yet."""
        task = self._running(collection_id)
        if task is None:
            return False
        if self._asked(collection_id, "POST", "/stop", task=task) is not None:
            return True
        if as_task(collection_id, task).status == STARTING or self._ignores_its_stop(collection_id):
            self.aws.ecs(
                "stop_task",
                cluster=self.settings.cluster,
                task=task["taskArn"],
                reason="twarc-cloud: stop requested",
            )
            return True
        return False

    def _ignores_its_stop(self, collection_id: str) -> bool:
        """Whether a stop was requested in the store long ago, and no harvest has removed the request."""
        keys = CollectionKeys(collection_id)
        patience = timedelta(seconds=_PATIENCE * control.heard_within(self.store, self.settings))
        return any(
            entry.key == keys.stop and self.store.now() - entry.modified > patience
            for entry in self.store.entries(keys.stop)
        )

    def _asked(self, collection_id: str, method: str, path: str, *, task: Found | None = None) -> Tree | None:
        port = Port(self.settings, self.aws)
        if not port.is_open or not (found := task or self._running(collection_id)):
            return None
        return port.asked(collection_id, found, method, path)

    def log(self, collection_id: str, *, lines: int, follow: bool, stop: Stop) -> Iterator[str]:
        task = self.task(collection_id)
        name = name_of_task(task.streams) if task and task.streams else collection_id
        found = self._logs.newest(collection_id, name)
        if found is None:
            raise HarvesterError(
                f"There is no log of {collection_id} in {self.settings.log_group or 'the cloud'}.",
                hint="A task has a log once it runs, until the log group's retention ends.",
            )
        return found.tail(
            lines=lines, is_running=lambda: follow and bool(self.cluster.tasks_of(name)), stop=stop
        )

    @property
    def _logs(self) -> Logs:
        return Logs(self.aws.logs, self.cluster, group=self.settings.log_group)

    def start_service(self, *collection_ids: str) -> None:
        watches = [self._start_watch(each) for each in collection_ids]
        definition = self.definitions.of(*collection_ids, since=timestamp(self.store.now()))
        self._require_apart(collection_ids)
        service = self._service(collection_ids)
        service.start(definition, SharedStart(watches) if len(watches) > 1 else watches[0])

    def _require_apart(self, collection_ids: Sequence[str]) -> None:
        """Raise if one of these has a service already that would be left beside the new one."""
        for each in collection_ids:
            task = self.task(each)
            if task and list(task.streams or (each,)) != list(collection_ids):
                raise HarvesterError(
                    f"{each} still has a {'place in the task' if task.streams else 'service'} of "
                    f"{together(task.streams or (each,))}, which is {task.status}.",
                    hint=f"`collection filter-stop {each}` ends that.",
                    exit_code=Exit.LOCKED,
                )

    def stop_service(self, collection_id: str, *, within: float) -> None:
        began = self._clock.elapsed()
        task = self.cluster.found(collection_id)
        service = self._service(task.streams if task and task.streams else (collection_id,))
        if task and task.streams:
            service.leave(CollectionKeys(collection_id), membership(task), within=within)
            if not all_left(self.store, task):
                return
        service.stop(within=max(_PAUSE, within - (self._clock.elapsed() - began)))

    def schedule(self, collection_id: str, schedule: Schedule, *, paused: bool = False) -> Scheduled:
        require(self.settings, "schedule_group", "scheduler_role_arn")
        return self._eventbridge.schedule(collection_id, schedule, paused=paused)

    def unschedule(self, collection_id: str) -> bool:
        # Without a group nothing was ever scheduled.
        return bool(self.settings.schedule_group) and self._eventbridge.unschedule(collection_id)

    def schedules(self) -> list[Scheduled]:
        return self._eventbridge.schedules()

    @cached_property
    def _eventbridge(self) -> EventBridge:
        require(self.settings, "schedule_group")
        return EventBridge(
            self.aws.scheduler,
            group=self.settings.schedule_group,
            bucket=self.settings.bucket,
            role_arn=self.settings.scheduler_role_arn,
            register_target=self.definitions.register_target,
        )

    def _service(self, collection_ids: Sequence[str]) -> FargateService:
        return FargateService(
            self.cluster,
            self.store,
            name_of_task(collection_ids),
            clock=self._clock,
            on_wait=lambda status, seconds: self._on_wait(together(collection_ids), status, seconds),
        )
