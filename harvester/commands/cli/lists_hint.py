"""Where only posts are looked for, a person hears that collections have lists of followers instead."""

from collections.abc import Mapping, Sequence
from typing import Any

from harvester.collection.kinds import is_crawl
from harvester.commands.cli.output import advise
from harvester.commands.cli.workspace import Workspace
from harvester.documents import object_in
from harvester.errors import Exit, HarvesterError, NotFound


def require_posts(collection_id: str, tree: Mapping[str, Any]) -> None:
    """Raise if a collection has lists in place of posts."""
    if is_crawl(tree):
        raise HarvesterError(
            f"{collection_id} has lists of followers and no posts.",
            hint=f"`export edges {collection_id}` exports them.",
            exit_code=Exit.USAGE,
        )


def advise_of_lists(workspace: Workspace, ids: Sequence[str]) -> None:
    """Say which of these collections have lists of followers, and how they are exported."""
    crawls = [each for each in ids if _is_crawl(workspace, each)]
    if crawls:
        has = "has" if len(crawls) == 1 else "have"
        command = f"`export edges {' '.join(crawls)}`"
        advise(f"{', '.join(crawls)} {has} lists of followers and no posts; {command} exports them.")


def _is_crawl(workspace: Workspace, collection_id: str) -> bool:
    try:
        data = workspace.store.read(workspace.keys(collection_id).collection).data
    except NotFound:
        return False
    return is_crawl(object_in(data))
