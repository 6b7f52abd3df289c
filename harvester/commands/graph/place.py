"""The crawl that a command is about, and a folder for what does not fit in memory."""

from pathlib import Path
from typing import TYPE_CHECKING

from harvester.collection.kinds import is_crawl
from harvester.collection.workers import start_command
from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection.ready import require_collection
from harvester.documents import Collection
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys

if TYPE_CHECKING:
    from harvester.graph.crawls import Crawl


def crawl_of(workspace: Workspace, collection_id: str) -> "Crawl":
    """The crawl that a collection is at, or else its last one; raises if there is none."""
    from harvester.graph import crawls

    keys, tree = require_graph(workspace, collection_id)
    found = crawls.latest(workspace.store, keys, {**tree})
    if found is None:
        raise _no_crawl(workspace, keys, tree)
    return found


def require_graph(workspace: Workspace, collection_id: str) -> tuple[CollectionKeys, Collection]:
    """Raise unless there is such a collection, and it has crawls; its keys and itself."""
    keys, tree = require_collection(workspace, collection_id)
    if not is_crawl(tree):
        raise HarvesterError(
            f"{collection_id} is not a graph collection.",
            hint=f"It is a {tree['type']}, which has no crawl; "
            "`collection-config template graph --id ID` describes one that has.",
            exit_code=Exit.USAGE,
        )
    return keys, tree


def _no_crawl(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> HarvesterError:
    from harvester.harvest import catalog

    if catalog.live_lock(workspace.store, keys):
        message = f"The harvest of {keys.id} that runs has not stored its crawl yet."
        hint = f"`harvest running {keys.id}` shows how far it is."
    elif catalog.died(workspace.store, keys):
        message = f"A harvest of {keys.id} did not end, and its crawl is not stored yet."
        hint = f"The next one finishes it: `{start_command(tree)}`."
    else:
        message, hint = f"{keys.id} has no crawl yet.", f"`{start_command(tree)}` begins one."
    return HarvesterError(message, hint=hint, exit_code=Exit.USAGE)


def scratch_of(workspace: Workspace, collection_id: str) -> Path:
    return Path(workspace.settings.temp) / "closing" / collection_id
