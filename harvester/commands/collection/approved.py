"""A crawl that waits for a person is not started, and says so after a harvest that led there."""

from pathlib import Path
from typing import TYPE_CHECKING

from harvester.collection.kinds import is_crawl
from harvester.commands.cli.output import advise
from harvester.commands.cli.workspace import Workspace
from harvester.documents import Collection
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys

if TYPE_CHECKING:
    from harvester.graph.approval import Next


def require_approved(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> None:
    """Raise while the next depth of a crawl waits for approval."""
    from harvester.graph.approval import WAIT

    if not is_crawl(tree):
        return
    found = _following(workspace, keys, tree)
    if found and found.step == WAIT:
        raise HarvesterError(
            f"{keys.id} waits for approval: {found.why}.", hint=found.hint, exit_code=Exit.RETRY_LATER
        )


def say_what_follows(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> None:
    """Say what a crawl whose harvest has ended waits for, or that it is over."""
    from harvester.collection import history
    from harvester.graph.approval import WAIT

    if not is_crawl(tree):
        return
    now = history.current(workspace.store, keys)
    found = _following(workspace, keys, now)  # type: ignore[arg-type]
    if found and found.step == WAIT:
        advise(f"{keys.id} waits for approval: {found.why}. {found.hint}")
    elif not found:
        advise(f"The crawl of {keys.id} is over; `graph status {keys.id}` shows it.")


def _following(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> "Next | None":
    """What comes next in the crawl that a collection is at; None if it is at none."""
    from harvester.graph import approval, crawls

    crawl = crawls.current(workspace.store, keys, {**tree})
    return approval.next_step(crawl, Path(workspace.settings.temp) / "closing" / keys.id) if crawl else None
