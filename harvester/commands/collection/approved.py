"""A crawl that waits for a person is not started, and says so after a harvest that led there."""

from pathlib import Path
from typing import TYPE_CHECKING

from harvester.collection.kinds import is_crawl
from harvester.collection.workers import WORKER_OF
from harvester.commands.cli.output import advise, print_json
from harvester.commands.cli.workspace import Workspace
from harvester.documents import Collection, Tree
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys

if TYPE_CHECKING:
    from harvester.graph.approval import Next


def require_approved(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> None:
    """Raise while the next depth of a crawl waits for approval."""
    if not is_crawl(tree):
        return
    if waits := _waits(keys, found := _following(workspace, keys, tree)):
        hint = found.hint if found else ""
        raise HarvesterError(f"{waits}.", hint=hint, exit_code=Exit.RETRY_LATER)


def ends(
    workspace: Workspace, keys: CollectionKeys, tree: Collection, *, dry_run: bool, as_json: bool
) -> bool:
    """Whether a crawl is over at what has been collected, so that nothing is started; notes and says so."""
    from harvester.graph import crawls
    from harvester.graph.approval import OVER
    from harvester.graph.ending import note_end

    if not is_crawl(tree) or tree.get(WORKER_OF):
        return False
    crawl = crawls.current(workspace.store, keys, {**tree})
    found = _following(workspace, keys, tree)
    if not crawl or not found or found.step != OVER:
        return False
    if not dry_run:
        note_end(crawl, found.depth)
    if as_json:
        print_json({"id": keys.id, "started": False})
    advise(f"The crawl of {keys.id} is over at depth {found.depth}; the next harvest begins another.")
    return True


def say_what_follows(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> None:
    """Say what a crawl whose harvest has ended waits for, or that it is over; `tree` is as before it."""
    from harvester.collection import history

    if not is_crawl(tree):
        return
    now = history.current(workspace.store, keys)
    found = _following(workspace, keys, now)  # type: ignore[arg-type]
    if found and (waits := _waits(keys, found)):
        advise(f"{waits}. {found.hint}")
    elif not found and (tree.get(WORKER_OF) or _last(now) != _last({**tree})):
        advise(f"The crawl of {keys.id} is over; `graph status {keys.id}` shows it.")


def _last(tree: Tree) -> str:
    """When the crawl began that was over last; a harvest that did not begin leaves it as it was."""
    return str(((tree.get("graph") or {}).get("last_crawl") or {}).get("started") or "")


def _waits(keys: CollectionKeys, found: "Next | None") -> str:
    """For what a crawl waits; empty if for nothing."""
    from harvester.graph.approval import SPENT, WAIT

    if found and found.step == WAIT:
        return f"{keys.id} waits for approval: {found.why}"
    return f"{keys.id} cannot continue: {found.why}" if found and found.step == SPENT else ""


def _following(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> "Next | None":
    """What comes next in the crawl that a collection is at; None if it is at none."""
    from harvester.graph import approval, crawls

    crawl = crawls.current(workspace.store, keys, {**tree})
    return approval.next_step(crawl, Path(workspace.settings.temp) / "closing" / keys.id) if crawl else None
