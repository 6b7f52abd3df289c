"""The sinks of a running harvest that are behind, as `harvest running` shows them."""

from harvester.commands.cli.workspace import Workspace
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.text import counted


def sinks_behind(workspace: Workspace, collection_id: str) -> list[Tree]:
    """The state of each sink; none if the collection cannot be read."""
    from harvester.clock import SystemClock
    from harvester.collection import history
    from harvester.sinks.opening import asked_of
    from harvester.sinks.overview import overview

    keys = workspace.keys(collection_id)
    try:
        asked = asked_of(history.current(workspace.store, keys), keys.id)
    except (HarvesterError, KeyError, TypeError):
        return []
    rows = [overview(workspace.store, keys, each, clock=SystemClock()) for each in asked]
    return [row for row in rows if row["behind"]]


def sink_line(row: Tree) -> str:
    """One line of a sink that is behind."""
    why = f" ({row['last_error']})" if row["last_error"] else ""
    minutes = counted(int(row["lag_seconds"] // 60), "minute")
    return f"Sink {row['sink']} is behind: {counted(row['lag_records'], 'post')}, {minutes}{why}"
