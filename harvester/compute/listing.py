"""The state of a collection: what runs, what died, and what was due but never began."""

from datetime import datetime
from typing import TYPE_CHECKING

from harvester.collection import history
from harvester.collection.kinds import is_stream
from harvester.compute import RUNNING, SERVICE, Task
from harvester.compute.schedules.due import missed
from harvester.documents import HarvestSummary, Tree
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
        return {
            "id": keys.id,
            "status": task.status,
            "kind": task.kind,
            "started": task.started or None,
            "heartbeat": _heartbeat(store, keys, task),
            "detail": task.detail,
        }
    if held := catalog.live_lock(store, keys):
        return {
            "id": keys.id,
            "status": RUNNING,
            "kind": "elsewhere",
            "started": held.get("acquired"),
            "heartbeat": held.get("heartbeat"),
            "detail": f"on {held.get('host', 'an unknown host')}",
        }
    if summary := died(store, keys):
        return {
            "id": keys.id,
            "status": "DIED",
            "kind": "harvest",
            "started": summary["harvest_timestamp"] or None,
            "heartbeat": None,
            "detail": f"{summary['reason']}. {summary['hint']}",
        }
    return None


def repair_row(store: "Store", keys: "CollectionKeys") -> Tree | None:
    """The row of a running repair on any machine, beside that of its stream; None if none runs."""
    held = catalog.live_lock(store, keys.repairs)
    if held is None:
        return None
    return {
        "id": keys.id,
        "status": RUNNING,
        "kind": OF_REPAIR,
        "started": held.get("acquired"),
        "heartbeat": None,
        "detail": f"repair, on {held.get('host', 'an unknown host')}",
    }


def missed_rows(store: "Store", schedules: "list[Scheduled]", now: datetime) -> list[Tree]:
    """The rows of schedules that were due without a harvest."""
    return [
        {
            "id": each.collection_id,
            "status": "MISSED",
            "kind": "schedule",
            "started": None,
            "heartbeat": None,
            "detail": each.text,
        }
        for each in missed(store, schedules, now)
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
