"""The rows of `harvest list`: what runs, what died, and what was due and never began."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harvester.collection.kinds import is_stream
from harvester.commands.cli.workspace import Workspace
from harvester.documents import HarvestSummary, Tree
from harvester.errors import HarvesterError

if TYPE_CHECKING:
    from harvester.compute import Task
    from harvester.compute.schedules.due import Missed
    from harvester.store.keys import CollectionKeys


def listed(workspace: Workspace) -> list[Tree]:
    """What runs here, on the cluster or, by its lock, elsewhere; what died; what was due and never began."""
    from harvester.harvest import catalog

    rows = {
        task.collection_id: {
            "id": task.collection_id,
            "status": task.status,
            "kind": task.kind,
            "started": task.started or None,
            "heartbeat": _heartbeat(workspace, task),
            "detail": task.detail,
        }
        for task in workspace.compute.tasks()
    }
    for collection_id in workspace.collection_ids():
        if collection_id in rows:
            continue
        keys = workspace.keys(collection_id)
        if held := catalog.live_lock(workspace.store, keys):
            rows[collection_id] = {
                "id": collection_id,
                "status": "RUNNING",
                "kind": "elsewhere",
                "started": held.get("acquired"),
                "heartbeat": held.get("heartbeat"),
                "detail": f"on {held.get('host', 'an unknown host')}",
            }
        elif summary := died(workspace, keys):
            rows[collection_id] = {
                "id": collection_id,
                "status": "DIED",
                "kind": "harvest",
                "started": summary["harvest_timestamp"] or None,
                "heartbeat": None,
                "detail": f"{summary['reason']}. {summary['hint']}",
            }
    for each in _missed(workspace):
        rows.setdefault(
            each.collection_id,
            {
                "id": each.collection_id,
                "status": "MISSED",
                "kind": "schedule",
                "started": None,
                "heartbeat": None,
                "detail": each.text,
            },
        )
    return [rows[collection_id] for collection_id in sorted(rows)]


def _heartbeat(workspace: Workspace, task: "Task") -> str | None:
    """How the stream of a service is; None for what is no stream, or does not run."""
    from harvester.compute import RUNNING, SERVICE
    from harvester.harvest import catalog

    if task.kind != SERVICE or task.status != RUNNING:
        return None
    return catalog.heartbeat(workspace.store, workspace.keys(task.collection_id)) or None


def _missed(workspace: Workspace) -> "list[Missed]":
    """What was due and brought no harvest; without schedules there is none."""
    from harvester.compute.schedules.due import missed

    if workspace.settings.cluster and not workspace.settings.schedule_group:
        return []
    return missed(workspace.store, workspace.compute.schedules(), datetime.now(UTC))


def died(workspace: Workspace, keys: "CollectionKeys") -> HarvestSummary | None:
    """The harvest that died last, if none has finished it, with what to do as its `hint`."""
    from harvester.harvest import catalog

    summary = catalog.died(workspace.store, keys)
    if summary is None:
        return None
    way = "filter-start" if _is_stream(workspace, keys) else "once"
    hint = f"`collection {way} {keys.id}` starts it; nothing that was stored is lost."
    return {**summary, "hint": hint}


def _is_stream(workspace: Workspace, keys: "CollectionKeys") -> bool:
    from harvester.collection import history

    try:
        return is_stream(history.current(workspace.store, keys))
    except HarvesterError:
        # Damaged; the command that is named says so.
        return False
