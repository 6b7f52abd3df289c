"""`graph status`: shows the depths of a crawl, their cost, and what the crawl waits for."""

from typing import TYPE_CHECKING, Any

import click

from harvester.collection.begun_crawl import for_the_next
from harvester.commands.cli.output import advise, json_option, print_json, print_line, table
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.graph.place import crawl_of, scratch_of

if TYPE_CHECKING:
    from harvester.graph.status import CrawlStatus

_COLUMNS = ("depth", "state", "users", "at_most", "approved", "billed")


@click.command("status", help="Show the depths of the crawl of COLLECTION_ID, and its bill.")
@collection_id_argument
@json_option
@in_workspace
def status(collection_id: str, as_json: bool, workspace: Workspace) -> None:
    from harvester.graph import status as of_graph

    crawl = crawl_of(workspace, collection_id)
    found = of_graph.status(crawl, scratch_of(workspace, collection_id))
    if as_json:
        print_json({"id": collection_id, **of_graph.as_tree(found)})
        return
    is_over = "" if found.is_current else ", is over"
    print_line(f"{collection_id}: the crawl of {found.started[:19]}{is_over}. Billed: ${found.billed:,.2f}.")
    click.echo(table(_rows(found), _COLUMNS))
    for line in of_graph.lines(found):
        print_line(line)
    if found.is_current:
        print_line(of_graph.what_follows(found.following))
        if found.following.hint:
            advise(found.following.hint)
        for words in for_the_next(crawl.tree):
            advise(words)


def _rows(found: "CrawlStatus") -> list[dict[str, Any]]:
    return [
        {
            "depth": each.depth,
            "state": each.state,
            "users": each.users,
            "at_most": _usd(each.bill.at_most if each.bill else None),
            "approved": _usd(each.approved),
            "billed": _usd(each.billed),
        }
        for each in found.depths
    ]


def _usd(amount: float | None) -> str | None:
    return None if amount is None else f"${amount:,.2f}"
