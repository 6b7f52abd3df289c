"""What a task of a service is about, as its streams say in the store: some are over, some have left."""

from dataclasses import replace

from harvester.clock import moment
from harvester.compute import RUNNING, SERVICE, Task
from harvester.compute.stream_end import Membership
from harvester.documents import text_in
from harvester.harvest import catalog
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.text import together


def with_outcome(store: Store, task: Task) -> Task | None:
    """The task as this stream shows it; None if the stream has left a task that continues."""
    if not task.streams:
        return _with_end(store, task) if (task.kind, task.status) == (SERVICE, RUNNING) else task
    if _has_left(store, task, task.collection_id):
        if not all_left(store, task):
            return None
        ends = f"`collection filter-stop {task.collection_id}` ends its task"
        return replace(task, detail=f"the stream is over: {ends}")
    first, *others = task.streams
    where = f"in the task of {first}"
    if task.collection_id == first:
        where = f"its task also carries {together(others)}"
    return replace(task, detail=f"{where}; {task.detail}" if task.detail else where)


def membership(task: Task) -> Membership:
    """Of a shared task."""
    return Membership(moment(task.since), task.streams)


def all_left(store: Store, task: Task) -> bool:
    return all(_has_left(store, task, each) for each in task.streams)


def _has_left(store: Store, task: Task, collection_id: str) -> bool:
    return membership(task).has_left(store, CollectionKeys(collection_id))


def _with_end(store: Store, task: Task) -> Task:
    """A stream that is over leaves its task there, for ECS would only start it again."""
    keys = CollectionKeys(task.collection_id)
    last = catalog.last(store, keys)
    if not last or text_in(last, "harvest_end_timestamp") < task.started:
        return task
    if catalog.live_lock(store, keys):
        return task
    ends = f"`collection filter-stop {task.collection_id}` ends its task"
    return replace(task, detail=f"the stream is over ({last['state']}): {ends}")
