"""The crawl that a command is about, and a folder for what does not fit in memory."""

from pathlib import Path
from typing import TYPE_CHECKING

from harvester.collection.kinds.names import GRAPH
from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection.ready import require_collection
from harvester.errors import Exit, HarvesterError

if TYPE_CHECKING:
    from harvester.graph.crawls import Crawl


def crawl_of(workspace: Workspace, collection_id: str) -> "Crawl":
    """The crawl that a collection is at, or else its last one; raises if there is none."""
    from harvester.graph import crawls

    keys, tree = require_collection(workspace, collection_id, GRAPH)
    found = crawls.latest(workspace.store, keys, {**tree})
    if found is None:
        raise HarvesterError(
            f"{collection_id} has no crawl yet.",
            hint=f"`collection once {collection_id}` begins one.",
            exit_code=Exit.USAGE,
        )
    return found


def scratch_of(workspace: Workspace, collection_id: str) -> Path:
    return Path(workspace.settings.temp) / "closing" / collection_id
