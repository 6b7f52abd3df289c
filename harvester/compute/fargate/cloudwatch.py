"""The log of a harvest that is a task: its last lines, and what is added while it runs."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from harvester.aws.service import Refused, Service
from harvester.clock import Stop
from harvester.compute.fargate.task_definition import CONTAINER
from harvester.compute.fargate.task_name import carried_by, shared_by, stream_prefix
from harvester.compute.fargate.tasks import Cluster, Found, name_of
from harvester.compute.local.logs import unlogged
from harvester.compute.task_log import lines_of
from harvester.errors import HarvesterError

_PAUSE = 2.0
# The maximum number of lines of one answer, which ends at a megabyte.
_MOST_AT_ONCE = 10_000
_LAST_LINES = 50
_GONE = "ResourceNotFoundException"


class Log:
    """One stream of a log group; of a log that `sharing` collections have, what concerns one."""

    def __init__(
        self, logs: Service, collection_id: str, sharing: Sequence[str], *, group: str, stream: str
    ) -> None:
        self._logs, self._collection_id, self._sharing = logs, collection_id, sharing
        self._where = {"logGroupName": group, "logStreamName": stream}

    def tail(self, *, lines: int, is_running: Callable[[], bool], stop: Stop) -> Iterator[str]:
        """The last `lines` lines, and what is added while the task runs; nothing if there is no log yet.

        In a shared log the limit counts lines of all that share it, and not all of them are this one's.
        """
        found = self._tail(lines=lines * max(1, len(self._sharing)), is_running=is_running, stop=stop)
        return lines_of(found, self._collection_id, self._sharing) if self._sharing else found

    def _tail(self, *, lines: int, is_running: Callable[[], bool], stop: Stop) -> Iterator[str]:
        last, token = self._last(lines)
        yield from last
        while not stop.requested:
            # Asked before reading, so that the last lines of one that ends are not missed.
            goes_on = is_running()
            if not token:
                last, token = self._last(_MOST_AT_ONCE)
                yield from last
            while token:
                answer = self._read(nextToken=token, startFromHead=True)
                yield from _messages(answer)
                if answer["nextForwardToken"] == token:
                    break
                token = answer["nextForwardToken"]
            if not goes_on:
                return
            stop.wait(_PAUSE)

    def _last(self, lines: int) -> tuple[list[str], str]:
        """The last lines, and where to continue, which is empty while there is no log."""
        try:
            answer = self._read(limit=max(1, min(lines, _MOST_AT_ONCE)))
        except Refused as refused:
            if refused.code != _GONE:
                raise
            return [], ""
        forward = str(answer["nextForwardToken"])
        found: deque[str] = deque(_messages(answer), maxlen=lines)
        while len(found) < lines:
            before = answer["nextBackwardToken"]
            answer = self._read(nextToken=before, limit=min(lines - len(found), _MOST_AT_ONCE))
            found.extendleft(reversed(_messages(answer)))
            if answer["nextBackwardToken"] == before:
                break
        return list(found), forward

    def _read(self, **how: object) -> dict[str, Any]:
        return self._logs("get_log_events", **self._where, **{"startFromHead": False, **how})

    @property
    def is_there(self) -> bool:
        """Whether the task has said anything."""
        try:
            self._read(limit=1)
        except Refused as refused:
            if refused.code == _GONE:
                return False
            raise
        return True


class Logs:
    """The logs of one bucket's harvests; a task's is named for it, and has all that it carries."""

    def __init__(self, logs: Service, cluster: Cluster, *, group: str) -> None:
        self._logs, self._cluster, self._group = logs, cluster, group

    def newest(self, collection_id: str, name: str) -> Log | None:
        """That of the task of this name that runs or ran last; else the one that was written to last."""
        for stopped in (False, True):
            for task in self._cluster.tasks_of(name, stopped=stopped):
                if (log := self._of(collection_id, name, task)).is_there:
                    return log
        return self._last_written(collection_id) if self._group else None

    def last_words(self, collection_id: str, task: Found) -> str:
        """What a harvest said that is not logging, as far as it is known: the error that it ended with."""
        log = self._of(collection_id, name_of(task) or collection_id, task)
        with suppress(HarvesterError):
            return unlogged(list(log.tail(lines=_LAST_LINES, is_running=lambda: False, stop=Stop())))
        return ""

    def _of(self, collection_id: str, name: str, task: Found) -> Log:
        prefix = f"{stream_prefix(self._cluster.bucket, name)}/{CONTAINER}/"
        return self._named(collection_id, name, prefix + str(task["taskArn"]).rpartition("/")[2])

    def _last_written(self, collection_id: str) -> Log | None:
        """Of all logs of the bucket in which this collection may have said something."""
        ours = f"{self._cluster.bucket}/"
        for page in self._logs.pages(
            "describe_log_streams", logGroupName=self._group, orderBy="LastEventTime", descending=True
        ):
            for stream in (str(each["logStreamName"]) for each in page["logStreams"]):
                name, container, _ = (*stream.removeprefix(ours).split("/"), "", "")[:3]
                of_it = container == CONTAINER and collection_id in carried_by(name)
                if stream.startswith(ours) and of_it:
                    return self._named(collection_id, name, stream)
        return None

    def _named(self, collection_id: str, name: str, stream: str) -> Log:
        return Log(self._logs, collection_id, shared_by(name), group=self._group, stream=stream)


def _messages(answer: dict[str, Any]) -> list[str]:
    events = answer.get("events")
    return [str(event["message"]).rstrip("\n") for event in events] if isinstance(events, list) else []
