"""The task definition of a collection; a size that Fargate does not have is refused before."""

from collections.abc import Callable, Sequence
from typing import Any

from harvester.aws.service import Aws
from harvester.capacity import Capacity
from harvester.collection import history
from harvester.collection.kinds import is_stream
from harvester.compute import ONCE, SERVICE
from harvester.compute.fargate.task_definition import (
    Definition,
    network,
    register,
    require_complete,
    strategy,
    unversioned,
)
from harvester.compute.fargate.task_name import name_of_task
from harvester.documents import Collection, Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks.validation import parsed
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import together


def stored_in(store: Store) -> Callable[[CollectionKeys], Collection]:
    """Reads a collection, and raises unless it is valid."""
    return lambda keys: parsed(history.read(store, keys).data, f"{store.name}/{keys.collection}")


class Definitions:
    """Task definitions of collections; `collection` returns one that is valid, or raises."""

    def __init__(
        self, settings: Settings, aws: Aws, collection: Callable[[CollectionKeys], Collection]
    ) -> None:
        self._settings, self._aws, self._collection = settings, aws, collection

    def of(self, collection_id: str, *others: str, since: str = "") -> Definition:
        """The task of a collection, or of several; raises if a collection or its task does not exist.

        A shared task has the size that its first collection asks for, and so must the others.
        """
        require_complete(self._settings)
        tree = self._collection(CollectionKeys(collection_id))
        capacity = self._settings.capacity.changed_by(tree.get("task") or {})
        self._require_same(collection_id, capacity, others)
        if problems := capacity.problems():
            raise HarvesterError(
                f"Fargate has no task of the size that {collection_id} asks for.",
                problems,
                "Change `task` in the collection, or the task_... settings.",
                exit_code=Exit.USAGE,
            )
        kind = SERVICE if is_stream(tree) else ONCE
        name = name_of_task((collection_id, *others))
        return Definition(self._settings, self._aws.ecs.region, name, kind, capacity, since)

    def _require_same(self, first: str, capacity: Capacity, others: Sequence[str]) -> None:
        wishes = {each: self._collection(CollectionKeys(each)).get("task") or {} for each in others}
        differ = [each for each in others if self._settings.capacity.changed_by(wishes[each]) != capacity]
        if differ:
            raise HarvesterError(
                f"One task cannot carry {together((first, *differ))}: they ask for different tasks.",
                hint="Let their collections have the same `task`, or start them apart.",
                exit_code=Exit.USAGE,
            )

    def register_target(self, collection_id: str) -> Tree:
        """Register the task; what a schedule starts of it, as EventBridge Scheduler writes it.

        That is always the newest revision.
        Nothing tries again where Spot has no room, so a task that may fall back runs on demand.
        """
        definition = self.of(collection_id)
        if definition.capacity.falls_back:
            definition = definition.on_demand
        where = network(self._settings)["awsvpcConfiguration"]
        return {
            "Arn": self._cluster_arn(),
            "EcsParameters": {
                "TaskDefinitionArn": unversioned(register(self._aws.ecs, definition)),
                "TaskCount": 1,
                "CapacityProviderStrategy": strategy(definition.capacity),
                "NetworkConfiguration": {
                    "awsvpcConfiguration": {
                        name[0].upper() + name[1:]: value for name, value in where.items()
                    }
                },
                "PropagateTags": "TASK_DEFINITION",
                "EnableECSManagedTags": True,
            },
        }

    def _cluster_arn(self) -> str:
        cluster = self._settings.cluster
        return cluster if cluster.startswith("arn:") else self.require_cluster()

    def require_cluster(self) -> str:
        """The ARN of the cluster; raises if it is not there."""
        cluster = self._settings.cluster
        found: list[dict[str, Any]] = self._aws.ecs("describe_clusters", clusters=[cluster])["clusters"]
        # One that was deleted is described for a while.
        if not found or found[0].get("status") == "INACTIVE":
            raise HarvesterError(
                f"There is no cluster {cluster} in {self._aws.ecs.region}.",
                hint="Check `cluster` and `region`, and that `terraform apply` created the cluster.",
                exit_code=Exit.USAGE,
            )
        return str(found[0]["clusterArn"])
