"""`graph`: shows crawls, approves their depths, and divides them among workers."""

import click

from harvester.commands import Deferred, Group


@click.group("graph", cls=Group, help="Show, approve and change crawls of followers; see docs/graph.md.")
def graph() -> None:
    pass


graph.defer(
    Deferred("status", "graph.status:status", "Show the depths of the crawl of COLLECTION_ID, and its bill."),
    Deferred("approve", "graph.change:approve", "Approve the cost of a depth of the crawl of COLLECTION_ID."),
    Deferred(
        "reselect", "graph.change:reselect", "Select the last depth of COLLECTION_ID again, at no cost."
    ),
    Deferred("retry", "graph.change:retry", "Collect the failed lists of COLLECTION_ID again."),
    Deferred(
        "frontier", "graph.frontier:frontier", "Print the ids of a depth of the crawl of COLLECTION_ID."
    ),
    Deferred(
        "workers", "graph.workers:workers", "Divide one crawl among several apps; see docs/graph-workers.md."
    ),
)
