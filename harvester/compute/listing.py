"""The state of a collection: what runs, what died, and what was due but never began."""

from datetime import datetime
from typing import TYPE_CHECKING

from harvester.collection import history
from harvester.collection.kinds import is_stream
from harvester.compute import DIED, RUNNING, SERVICE, Task
from harvester.compute.schedules.due import missed
from harvester.documents import HarvestSummary, LockContent, Tree
from harvester.errors import HarvesterError
from harvester.harvest import catalog

if TYPE_CHECKING:
    from harvester.compute import Scheduled
    from harvester.store import Store
    from harvester.store.keys import CollectionKeys

# The kind of a row of a repair.
OF_REPAIR = "repair"


def row_of(store: "Store", keys: "CollectionKeys", task: Task | None) -> Tree | None:
    """The row of `harvest list`; None if nothing runs and nothing died. `task` is its running task."""
    if task:
        beat = _heartbeat(store, keys, task)
        return _row(keys.id, task.status, task.kind, task.detail, started=task.started, heartbeat=beat)
    if held := catalog.live_lock(store, keys):
        detail, beat = _host(held), held.get("heartbeat")
        return _row(keys.id, RUNNING, "elsewhere", detail, started=held.get("acquired"), heartbeat=beat)
    if summary := died(store, keys):
        detail = f"{summary['reason']}. {summary['hint']}"
        return _row(keys.id, DIED, "harvest", detail, started=summary["harvest_timestamp"])
    return None


def _row(
    collection_id: str,
    status: str,
    kind: str,
    detail: str,
    *,
    started: str | None = None,
    heartbeat: str | None = None,
) -> Tree:
    return {
        "id": collection_id,
        "status": status,
        "kind": kind,
        "started": started or None,
        "heartbeat": heartbeat,
        "detail": detail,
    }


def _host(held: LockContent) -> str:
    return f"on {held.get('host', 'an unknown host')}"


def repair_row(store: "Store", keys: "CollectionKeys") -> Tree | None:
    """The row of a running repair on any machine, beside that of its stream; None if none runs."""
    held = catalog.live_lock(store, keys.repairs)
    if held is None:
        return None
    return _row(keys.id, RUNNING, OF_REPAIR, f"repair, {_host(held)}", started=held.get("acquired"))


def missed_rows(store: "Store", schedules: "list[Scheduled]", now: datetime) -> list[Tree]:
    """The rows of schedules that were due without a harvest."""
    return [
        _row(each.collection_id, "MISSED", "schedule", each.text) for each in missed(store, schedules, now)
    ]


def died(store: "Store", keys: "CollectionKeys") -> HarvestSummary | None:
    """The harvest that died last, if none has finished it, with what to do as its `hint`."""
    summary = catalog.died(store, keys)
    if summary is None:
        return None
    way = "filter-start" if _is_stream(store, keys) else "once"
    hint = f"`collection {way} {keys.id}` starts it; nothing that was stored is lost."
    return {**summary, "hint": hint}


def _heartbeat(store: "Store", keys: "CollectionKeys", task: Task) -> str | None:
    """The heartbeat of a service's stream; None if it is not a stream, or does not run."""
    if task.kind != SERVICE or task.status != RUNNING:
        return None
    return catalog.heartbeat(store, keys) or None


def _is_stream(store: "Store", keys: "CollectionKeys") -> bool:
    try:
        return is_stream(history.current(store, keys))
    except HarvesterError:
        # Damaged; the command that is named reports it.
        return False
