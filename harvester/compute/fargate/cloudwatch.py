"""The log of a harvest that is a task: its last lines, and what is added while it runs."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from harvester.aws.service import Refused, Service
from harvester.clock import Stop
from harvester.compute.fargate.task_definition import CONTAINER, stream_prefix
from harvester.compute.fargate.tasks import Cluster, Found
from harvester.compute.local.logs import unlogged
from harvester.errors import HarvesterError

_PAUSE = 2.0
# So many lines, or a megabyte, come at once.
_MOST_AT_ONCE = 10_000
_LAST_LINES = 50
_GONE = "ResourceNotFoundException"


class Log:
    """One stream of a log group."""

    def __init__(self, logs: Service, *, group: str, stream: str) -> None:
        self._logs = logs
        self._where = {"logGroupName": group, "logStreamName": stream}

    def tail(self, *, lines: int, is_running: Callable[[], bool], stop: Stop) -> Iterator[str]:
        """The last `lines` lines, and what is added while the task runs; nothing if there is no log yet."""
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
        """The last lines, and from where to go on; that is empty while there is no log."""
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
    """The logs of one bucket's harvests; a task's is named for it."""

    def __init__(self, logs: Service, cluster: Cluster, *, group: str) -> None:
        self._logs, self._cluster, self._group = logs, cluster, group

    def newest(self, collection_id: str) -> Log | None:
        """That of the task that runs or ran last; else the one that was written to last."""
        for stopped in (False, True):
            for task in self._cluster.tasks_of(collection_id, stopped=stopped):
                if (log := self.of(collection_id, task)).is_there:
                    return log
        prefix = self._prefix(collection_id)
        newest = _newest_stream(self._logs, group=self._group, prefix=prefix) if self._group else ""
        return Log(self._logs, group=self._group, stream=newest) if newest else None

    def of(self, collection_id: str, task: Found) -> Log:
        stream = self._prefix(collection_id) + str(task["taskArn"]).rpartition("/")[2]
        return Log(self._logs, group=self._group, stream=stream)

    def last_words(self, collection_id: str, task: Found) -> str:
        """What a harvest said that is not logging, as far as it is known: the error that it ended with."""
        lines = self.of(collection_id, task).tail(lines=_LAST_LINES, is_running=lambda: False, stop=Stop())
        with suppress(HarvesterError):
            return unlogged(list(lines))
        return ""

    def _prefix(self, collection_id: str) -> str:
        return f"{stream_prefix(self._cluster.bucket, collection_id)}/{CONTAINER}/"


def _newest_stream(logs: Service, *, group: str, prefix: str) -> str:
    """Of the streams whose names begin so, the one that was written to last; empty when there is none."""
    for page in logs.pages(
        "describe_log_streams", logGroupName=group, orderBy="LastEventTime", descending=True
    ):
        for stream in page["logStreams"]:
            if stream["logStreamName"].startswith(prefix):
                return str(stream["logStreamName"])
    return ""


def _messages(answer: dict[str, Any]) -> list[str]:
    events = answer.get("events")
    return [str(event["message"]).rstrip("\n") for event in events] if isinstance(events, list) else []
