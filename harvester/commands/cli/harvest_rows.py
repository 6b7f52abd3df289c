"""The rows of `harvest list`: what runs, what died, and what was due and never began."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from harvester.commands.cli.workspace import Workspace
from harvester.documents import HarvestSummary, Tree, text_in
from harvester.text import when

if TYPE_CHECKING:
    from harvester.store.keys import CollectionKeys


def listed(workspace: Workspace) -> list[Tree]:
    """What runs here, on the cluster or, by its lock, elsewhere; what died; what was due and never began."""
    from harvester.compute.listing import repair_row, row_of

    tasks = {task.collection_id: task for task in workspace.compute.tasks()}
    rows: dict[str, Tree] = {}
    repairs: list[Tree] = []
    for collection_id in dict.fromkeys([*tasks, *workspace.collection_ids()]):
        task = tasks.get(collection_id)
        if row := row_of(workspace.store, workspace.keys(collection_id), task):
            rows[collection_id] = row
        if repair := repair_row(workspace.store, workspace.keys(collection_id)):
            repairs.append(repair)
    for row in _missed(workspace):
        rows.setdefault(row["id"], row)
    return sorted([*rows.values(), *repairs], key=lambda row: str(row["id"]))


def repair_of(workspace: Workspace, keys: "CollectionKeys") -> HarvestSummary | None:
    """How far the repair of a collection is, marked as one; None while none runs."""
    from harvester.harvest import catalog

    summary = catalog.running(workspace.store, keys.repairs)
    return cast("HarvestSummary", {**summary, "is_repair": True}) if summary else None


def how_it_ended(workspace: Workspace, keys: "CollectionKeys") -> str:
    """A hint if nothing of a collection runs: how its last harvest ended, and which command shows more."""
    from harvester.compute import GAVE_UP, RUNNING, STARTING
    from harvester.harvest import catalog

    more = f"`harvest last {keys.id}` shows it."
    task = workspace.compute.task(keys.id)
    last = died(workspace, keys) or catalog.last(workspace.store, keys)
    if task and task.status == GAVE_UP:
        again = f"`collection filter-start {keys.id}` starts it again"
        return f"The stream of {keys.id} gave up: {task.detail} {more} {again}."
    if task and task.status in (STARTING, RUNNING):
        return (
            f"A harvest of {keys.id} has only begun, or gives no sign of itself, as one that is suspended; "
            f"`harvest log {keys.id}` shows its log."
        )
    if not last:
        return f"No harvest of {keys.id} is running, and none has ended; `harvest list` shows what runs."
    ended = when(str(last.get("harvest_end_timestamp") or last["harvest_timestamp"]))
    reason = f" ({said})" if (said := text_in(last, "reason").rstrip(".")) else ""
    return f"The last harvest of {keys.id} ended at {ended} UTC as {last.get('state', '')}{reason}. {more}"


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
