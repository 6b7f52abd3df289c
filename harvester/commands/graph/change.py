"""`graph approve`, `graph reselect` and `graph retry`: what a person decides of a crawl."""

from typing import TYPE_CHECKING

import click

from harvester.collection.workers import start_command
from harvester.commands.cli.amounts import Dollars
from harvester.commands.cli.output import (
    advise,
    announce_dry_run,
    dry_run_option,
    json_option,
    print_json,
    print_line,
)
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection.ready import require_idle
from harvester.commands.crawl import nothing_selected
from harvester.commands.graph.place import crawl_of, scratch_of
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.documents import Tree
    from harvester.graph.crawls import Crawl


@click.command("approve", help="Approve the cost of a depth of the crawl of COLLECTION_ID.")
@collection_id_argument
@click.option("--depth", type=click.IntRange(min=0), required=True, help="Depth to be collected.")
@click.option("--usd", type=Dollars(), required=True, help="Dollars that its lists may cost at most.")
@dry_run_option
@json_option
@in_workspace
def approve(
    collection_id: str, depth: int, usd: float, dry_run: bool, as_json: bool, workspace: Workspace
) -> None:
    from harvester.graph import approval, crawls

    keys = workspace.keys(collection_id)
    found = crawl_of(workspace, collection_id)
    approval.require_approvable(found, depth, usd, found.harvests())
    if announce_dry_run(dry_run, f"approve depth {depth} of {collection_id} for ${usd:,.2f}"):
        return
    current = crawls.current(workspace.store, keys, found.tree)
    approval.approve(workspace.store, keys, current, depth=depth, usd=usd)
    if as_json:
        print_json({"id": collection_id, "depth": depth, "approved_usd": usd})
        return
    print_line(f"Depth {depth} of {collection_id} is approved for ${usd:,.2f}.")
    advise(f"`{start_command(found.tree)}` collects it.")


@click.command(
    "reselect",
    help="Select the last depth of COLLECTION_ID again, at no cost.\n\n"
    "It reads the stored pages, and asks no network. Store the changed graph.select with "
    "`collection-config update` before.",
)
@collection_id_argument
@dry_run_option
@json_option
@progress_option
@in_workspace
def reselect(collection_id: str, dry_run: bool, as_json: bool, form: str, workspace: Workspace) -> None:
    from harvester.graph.reopen import reselect as select_again

    found = crawl_of(workspace, collection_id)
    _require_idle(workspace, found)
    with meter(form) as show:

        def tell(words: str, number: int) -> None:
            show(f"{words}, {number:,}", number=number)

        figures = select_again(found, scratch_of(workspace, collection_id), dry_run=dry_run, tell=tell)
    if as_json:
        print_json({"id": collection_id, "dry_run": dry_run, **figures})
        return
    _print_selected(collection_id, figures, dry_run=dry_run)


def _print_selected(collection_id: str, figures: "Tree", *, dry_run: bool) -> None:
    users = f"{counted(figures['users'], 'user')} of {figures['found']:,} that were found"
    price = f"at most ${figures['usd_at_most']:,.2f}"
    if announce_dry_run(dry_run, f"select {users} for depth {figures['depth']}, {price}"):
        return
    print_line(f"Depth {figures['depth']} of {collection_id} has {users}; its lists cost {price}.")
    for condition, number in sorted(figures["rejected"].items()):
        print_line(f"  {condition}: {number:,} rejected")
    for condition, number in sorted(figures["unknown"].items()):
        print_line(f"  {condition}: {number:,} unknown")
    if not figures["users"]:
        advise(nothing_selected(collection_id, figures))


@click.command("retry", help="Collect the failed lists of COLLECTION_ID again.")
@collection_id_argument
@dry_run_option
@json_option
@in_workspace
def retry(collection_id: str, dry_run: bool, as_json: bool, workspace: Workspace) -> None:
    from harvester.graph.reopen import retry as retry_lists

    found = crawl_of(workspace, collection_id)
    _require_idle(workspace, found)
    depth, lists = retry_lists(found, scratch_of(workspace, collection_id), dry_run=dry_run)
    if as_json:
        names = [{"user": each.user, "direction": each.direction} for each in lists]
        print_json({"id": collection_id, "dry_run": dry_run, "depth": depth, "lists": names})
        return
    what = f"{counted(len(lists), 'list')} of depth {depth}"
    if not lists:
        print_line(f"No list of depth {depth} of {collection_id} has failed.")
    elif not announce_dry_run(dry_run, f"collect {what} of {collection_id} again"):
        print_line(f"The next harvest of {collection_id} collects {what} again.")
        advise(f"`{start_command(found.tree)}` starts it.")


def _require_idle(workspace: Workspace, crawl: "Crawl") -> None:
    for each in (crawl.keys, *crawl.harvested):
        require_idle(workspace, each)
