"""The rows of `harvest list`: what runs, what died, and what was due and never began."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harvester.commands.cli.workspace import Workspace
from harvester.documents import HarvestSummary, Tree

if TYPE_CHECKING:
    from harvester.store.keys import CollectionKeys


def listed(workspace: Workspace) -> list[Tree]:
    """What runs here, on the cluster or, by its lock, elsewhere; what died; what was due and never began."""
    from harvester.compute.listing import row_of

    tasks = {task.collection_id: task for task in workspace.compute.tasks()}
    rows: dict[str, Tree] = {}
    for collection_id in dict.fromkeys([*tasks, *workspace.collection_ids()]):
        task = tasks.get(collection_id)
        if row := row_of(workspace.store, workspace.keys(collection_id), task):
            rows[collection_id] = row
    for row in _missed(workspace):
        rows.setdefault(row["id"], row)
    return [rows[collection_id] for collection_id in sorted(rows)]


def _missed(workspace: Workspace) -> list[Tree]:
    """What was due and brought no harvest; without schedules there is none."""
    from harvester.compute.listing import missed_rows

    if workspace.settings.cluster and not workspace.settings.schedule_group:
        return []
    return missed_rows(workspace.store, workspace.compute.schedules(), datetime.now(UTC))


def died(workspace: Workspace, keys: "CollectionKeys") -> HarvestSummary | None:
    """The harvest that died last, if none has finished it, with what to do as its `hint`."""
    from harvester.compute.listing import died as died_in

    return died_in(workspace.store, keys)
