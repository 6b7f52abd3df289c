"""The schedules of one bucket, one per collection, in this project's own group of EventBridge Scheduler.

A schedule is named `<bucket>_<collection id>`. AWS allows 64 characters; what has more is cut and ends with
a digest, and is the only kind that has exactly 64. Single schedules have no tags, so that the name in full is
in the description, too, where the digest proves it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from harvester.aws.service import Refused, Service
from harvester.clock import Clock, SystemClock
from harvester.compute import Scheduled
from harvester.compute.schedules.expression import Rate, Schedule, read
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import id_problem

RegisterTarget = Callable[[str], Mapping[str, Any]]

_LONGEST, _DIGEST = 64, 16
_CUT = _LONGEST - _DIGEST - 1
_DESCRIPTION = "twarc-cloud:"

# AWS's own are 185 times within a day. A start that did not succeed within an hour is better left to the next
# time: the lock would only turn away one that meets its successor.
_RETRIES = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600}

# A rate begins at its StartDate, and at once without one. It is given, because only then the times after it
# can be told, and a replaced rate begins anew; it lies ahead, because a start that is past might be left out.
_AHEAD = timedelta(minutes=1)

_MISSING, _THERE = "ResourceNotFoundException", "ConflictException"
_ROUNDS = 3
_ADVICE: Mapping[str, tuple[str, Exit]] = {
    _MISSING: (
        "Check `schedule_group` and `region`, and that `terraform apply` created the group.",
        Exit.USAGE,
    ),
    _THERE: ("Another command is changing it: try again.", Exit.RETRY_LATER),
    "ValidationException": (
        "Check `scheduler_role_arn`: scheduler.amazonaws.com must be allowed to assume this role, "
        "and you to pass it.",
        Exit.USAGE,
    ),
    "ServiceQuotaExceededException": (
        "Request a larger quota of schedules from AWS, or remove unused ones with `collection stop`.",
        Exit.ERROR,
    ),
}


class EventBridge:
    """`register_target` registers the task of a collection and returns what is started of it.

    That is its `Arn` and `EcsParameters`; the rest is added here. The task definition there has no revision,
    so that a schedule starts the newest one.
    """

    def __init__(
        self,
        service: Service,
        *,
        group: str,
        bucket: str,
        role_arn: str,
        register_target: RegisterTarget,
        clock: Clock | None = None,
    ) -> None:
        self._service, self._group, self._bucket, self._role = service, group, bucket, role_arn
        self._register_target = register_target
        self._clock = clock or SystemClock()

    def schedule(self, collection_id: str, schedule: Schedule, *, paused: bool = False) -> Scheduled:
        """Put it in force in the place of the one that was there.

        Doing it twice is as doing it once, also for AWS: boto3 gives a request a token that its retries keep.
        """
        now = self._clock.now().replace(microsecond=0)
        since = now + _AHEAD if isinstance(schedule, Rate) else now
        target = self._register_target(collection_id)
        wanted = self._entry(collection_id, schedule, since, target, paused=paused)
        for _ in range(_ROUNDS):
            # Another command may add it or take it away between two of these.
            if self._done("create_schedule", but=_THERE, **wanted):
                break
            if self._done("update_schedule", but=_MISSING, **wanted):
                break
        else:
            raise HarvesterError(f"The schedule of {collection_id} keeps changing.", hint=_ADVICE[_THERE][0])
        return Scheduled(collection_id, schedule, since, paused=paused)

    def unschedule(self, collection_id: str) -> bool:
        """Whether there was one. It is deleted and leaves nothing; only a paused one is switched off."""
        name = schedule_name(self._bucket, collection_id)
        return self._done("delete_schedule", but=_MISSING, Name=name, GroupName=self._group)

    def require_group(self, collection_id: str) -> None:
        """Raise where there is no such group, or the schedule of a collection in it may not be seen."""
        name = schedule_name(self._bucket, collection_id)
        self._done("get_schedule", but=_MISSING, Name=name, GroupName=self._group)

    def schedules(self) -> list[Scheduled]:
        """Of this bucket, in order."""
        prefix = f"{self._bucket}_"[:_CUT]
        names = [
            entry["Name"]
            for page in self._pages("list_schedules", GroupName=self._group, NamePrefix=prefix)
            for entry in page["Schedules"]
        ]
        found = [each for name in names if (each := self._scheduled(name))]
        return sorted(found, key=lambda each: each.collection_id)

    def _entry(
        self,
        collection_id: str,
        schedule: Schedule,
        since: datetime,
        target: Mapping[str, Any],
        *,
        paused: bool,
    ) -> dict[str, Any]:
        """The schedule as EventBridge Scheduler keeps it."""
        return {
            "Name": schedule_name(self._bucket, collection_id),
            "GroupName": self._group,
            "Description": f"{_DESCRIPTION}{self._bucket}/{collection_id}",
            "ScheduleExpression": schedule.expression,
            "ScheduleExpressionTimezone": schedule.timezone,
            "State": "DISABLED" if paused else "ENABLED",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            # What is never due again is over, and goes.
            "ActionAfterCompletion": "DELETE",
            "Target": {**target, "RoleArn": self._role, "RetryPolicy": _RETRIES},
            **({"StartDate": since} if isinstance(schedule, Rate) else {}),
        }

    def _scheduled(self, name: str) -> Scheduled | None:
        """None if it is not of this bucket, or gone since it was listed."""
        try:
            entry = self._asked("get_schedule", Name=name, GroupName=self._group)
        except Refused as error:
            if error.code == _MISSING:
                return None
            raise
        collection_id = collection_named(self._bucket, name, entry.get("Description", ""))
        if collection_id is None:
            return None
        schedule = read(entry["ScheduleExpression"], entry.get("ScheduleExpressionTimezone") or "UTC")
        since = entry.get("StartDate") or entry["LastModificationDate"]
        return Scheduled(collection_id, schedule, since, paused=entry["State"] == "DISABLED")

    def _done(self, operation: str, *, but: str, **parameters: Any) -> bool:
        """Whether it was done; not if the one thing is in the way that the caller can deal with."""
        try:
            self._asked(operation, **parameters)
        except Refused as error:
            # A schedule that is missing has the same code as its group, and only the words differ.
            if error.code == but and not error.said.startswith("Schedule group "):
                return False
            raise
        return True

    def _asked(self, operation: str, **parameters: Any) -> dict[str, Any]:
        with _advised():
            return self._service(operation, **parameters)

    def _pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        with _advised():
            yield from self._service.pages(operation, **parameters)


def schedule_name(bucket: str, collection_id: str) -> str:
    """What the schedule of a collection is called; what is cut has a digest of the whole."""
    name = f"{bucket}_{collection_id}"
    if len(name) < _LONGEST:
        return name
    return f"{name[:_CUT]}-{hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]}"


def collection_named(bucket: str, name: str, description: str) -> str | None:
    """The id of the collection whose schedule has this name; None if it is none of this bucket."""
    full = name if len(name) < _LONGEST else description.removeprefix(_DESCRIPTION).replace("/", "_", 1)
    collection_id = full.partition("_")[2]
    if id_problem(collection_id) or schedule_name(bucket, collection_id) != name:
        return None
    return collection_id


@contextmanager
def _advised() -> Iterator[None]:
    """What only schedules can do about it, in the place of the usual advice."""
    try:
        yield
    except Refused as error:
        if error.code not in _ADVICE:
            raise
        hint, exit_code = _ADVICE[error.code]
        raise Refused(error.message, hint, code=error.code, said=error.said, exit_code=exit_code) from error
