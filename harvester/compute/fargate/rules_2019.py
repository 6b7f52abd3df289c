"""EventBridge rules of 2019, called `<bucket>_<collection id>_schedule`, are found and replaced."""

from collections.abc import Callable
from dataclasses import dataclass

from harvester.aws.service import Refused, Service
from harvester.compute.schedules.expression import Schedule, parsed
from harvester.store.keys import id_problem

_ENDING = "_schedule"
_MISSING = "ResourceNotFoundException"


@dataclass(frozen=True)
class OldRule:
    """One rule; it is not `enabled` after the `collection stop` of 2019, which removed nothing."""

    name: str
    collection_id: str
    expression: str
    enabled: bool
    targets: tuple[str, ...]


class OldRules:
    """Those of one bucket."""

    def __init__(self, service: Service, bucket: str) -> None:
        self._service, self._bucket = service, bucket

    def all(self) -> list[OldRule]:
        """In order. A rule that starts anything but tasks is not ours, whatever its name."""
        found = [
            OldRule(name, collection_id, entry["ScheduleExpression"], entry["State"] != "DISABLED", targets)
            for page in self._service.pages("list_rules", NamePrefix=f"{self._bucket}_")
            for entry in page["Rules"]
            if entry.get("ScheduleExpression")
            and (collection_id := self._collection_id(name := entry["Name"]))
            and (targets := self._targets(name)) is not None
        ]
        return sorted(found, key=lambda rule: rule.collection_id)

    def move(self, rule: OldRule, put: Callable[[str, Schedule], object] | None) -> None:
        """Have `put` put its schedule in force, then remove the rule; without `put` only the latter.

        In this order: who dies in between leaves two schedules, of whose starts the lock lets one through,
        and never none. What is removed already counts as removed, so that all of it may be done again.
        """
        if put and rule.enabled:
            put(rule.collection_id, parsed(rule.expression))
        if rule.targets:
            self._done("remove_targets", Rule=rule.name, Ids=list(rule.targets))
        # AWS deletes no rule that still has targets.
        self._done("delete_rule", Name=rule.name)

    def _collection_id(self, name: str) -> str:
        """Empty where the name is not one of these."""
        start = f"{self._bucket}_"
        if not (name.startswith(start) and name.endswith(_ENDING)):
            return ""
        found = name.removeprefix(start).removesuffix(_ENDING)
        return "" if id_problem(found) else found

    def _targets(self, name: str) -> tuple[str, ...] | None:
        """Their ids; none are left where a move broke off. None if one of them is no task."""
        targets = [
            target
            for page in self._service.pages("list_targets_by_rule", Rule=name)
            for target in page["Targets"]
        ]
        return tuple(each["Id"] for each in targets) if all(map(_is_task, targets)) else None

    def _done(self, operation: str, **parameters: object) -> None:
        try:
            self._service(operation, **parameters)
        except Refused as error:
            if error.code != _MISSING:
                raise


def _is_task(target: dict[str, object]) -> bool:
    return "EcsParameters" in target
