"""A cluster on moto, what is asked of it, and the hands that move both time and ECS."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import pytest

from harvester.clock import Stop, timestamp
from harvester.collection import history
from harvester.compute.fargate.compute import FargateCompute
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.fake_fargate import Ecs, held_tasks
from tests.support.moto_account import Cloud, cloud_of
from tests.support.servers import Bucket
from tests.support.stores import HandClock

Step = Callable[[], Any]


class Hands(HandClock):
    """At each wait the next thing of a list happens, until there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    def wait(self, stop: Stop, seconds: float) -> bool:
        if self.steps:
            self.steps.pop(0)()
        return super().wait(stop, seconds)


@dataclass
class Stage:
    """One cluster, what is asked of it, and the hands that move both time and ECS."""

    cloud: Cloud
    store: S3Store
    clock: Hands
    ecs: Ecs
    said: list[tuple[str, str, float]]
    compute: FargateCompute
    harvested: list[str] = field(default_factory=list)

    def next(self, *steps: Step) -> None:
        self.clock.steps += steps

    def harvests(self, collection_id: str, *, exit_code: int | None = None, **more: Any) -> None:
        """A harvest of it has begun, or has been and ended so; its harvest.json says more."""
        keys = CollectionKeys(collection_id)
        now = self.store.now()
        # Two of one test have two seconds, as the folders of harvests have.
        here = keys.harvest(now + timedelta(seconds=len(self.harvested)))
        self.harvested.append(collection_id)
        if exit_code is None:
            self.store.create(keys.lock, as_json({"owner": "me", "acquired": timestamp(now), "ttl": 60}))
            self.store.create(keys.checkpoint, as_json({"state": {"harvest": timestamp(here.started)}}))
        summary = {
            "harvest_timestamp": timestamp(here.started),
            "state": "running" if exit_code is None else "complete",
            "harvest_end_timestamp": None if exit_code is None else timestamp(now + timedelta(seconds=5)),
        }
        self.store.create(here.harvest, as_json(summary | more))
        if exit_code is not None:
            self.store.create(keys.last_harvest, as_json({"harvest_id": timestamp(here.started)}))

    def lets_go(self, collection_id: str) -> None:
        self.store.remove(CollectionKeys(collection_id).lock)

    def service(self, **changes: Any) -> Any:
        """The service, from the inside, with some things changed."""
        (found,) = [each for each in self.ecs.services if each.status != "INACTIVE"]
        for name, value in changes.items():
            setattr(found, name, value)
        return found

    def task_of_service(self, status: str = "RUNNING") -> Any:
        """What ECS does for a service, and moto does not."""
        service = self.service()
        self.cloud.client("ecs").run_task(
            cluster=self.ecs.cluster,
            taskDefinition=service.task_definition,
            group=f"service:{service.name}",
            capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
            networkConfiguration=service.network_configuration,
            tags=service.tags,
        )
        task = self.ecs.newest()
        task.last_status = status
        task.created_at = task.started_at = self.store.now() - timedelta(seconds=5)
        return task


def as_json(tree: dict[str, Any]) -> bytes:
    return orjson.dumps(tree)


@contextmanager
def fargate_stage(moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """With a search `s` and a stream `live`."""
    with cloud_of(moto_s3, monkeypatch) as cloud, held_tasks():
        store, clock = S3Store(cloud.settings.bucket), Hands()
        for tree in (
            {"id": "s", "type": "search", "search": {"query": "library"}},
            {"id": "live", "type": "filter", "filter": {"track": "library"}},
        ):
            history.add(store, CollectionKeys(str(tree["id"])), tree)
        said: list[tuple[str, str, float]] = []
        compute = FargateCompute(store, cloud.settings, clock=clock, on_wait=lambda *what: said.append(what))
        yield Stage(cloud, store, clock, Ecs(cloud), said, compute)
