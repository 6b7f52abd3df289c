"""`collection coverage`: the share of existing posts that a stream has, by day; it states the price first."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from harvester.collection.kinds import STREAMS
from harvester.commands.cli import network_client
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.output import (
    announce_dry_run,
    change_options,
    confirm,
    print_json,
    print_line,
    table,
)
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection.ready import require_collection
from harvester.errors import Exit
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.curation.repair.coverage import Asked, Day
    from harvester.networks import Network

_DAYS = 7
_COLUMNS = ("day", "collected", "repaired", "unseen", "counted", "share", "open_seconds")
# Of the days that a recent count reaches back, what may pass meanwhile.
_MARGIN = timedelta(minutes=5)


@click.command("coverage")
@collection_id_argument
@click.option("--days", type=click.IntRange(1), default=_DAYS, show_default=True, help="Days until now.")
@click.option("--archive", is_flag=True, help="Count in the full archive, for more than 7 days.")
@change_options
@in_workspace
@each_shard()
def coverage(
    collection_id: str,
    days: int,
    archive: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    workspace: Workspace,
) -> int:
    """Show how many posts COLLECTION_ID has of those that X counts, by day.

    X charges for each count, so it says what that costs and asks first. Counts are made by the same
    index as searches: classes of posts that no search finds are in none of them, and are named.
    """
    from harvester.curation.repair import coverage as made
    from harvester.networks.registry import network_of
    from harvester.store.reading import reader

    keys, tree = require_collection(workspace, collection_id, *STREAMS)
    network, now = network_of(tree), workspace.store.now()
    reach = network.search_reach(archive=archive)
    since = max(now - timedelta(days=days), now - reach + _MARGIN) if reach else now - timedelta(days=days)
    asked = made.asked(workspace.store, keys, network, since=since, until=now, archive=archive)
    usd = sum(network.count_cost(each.since, each.until, archive=archive) for each in asked.counts)
    what = f"{counted(len(asked.counts), 'count')} at {network.title} for ${usd:,.3f}"
    if announce_dry_run(dry_run, f"ask for {what}"):
        return int(Exit.OK)
    confirm(f"{what}. Count?", yes=yes or not usd)
    client = network_client.client(workspace.settings, tree)
    try:
        found = made.coverage(
            reader(workspace.store),
            keys,
            network,
            asked,
            lambda each: network.counted(client, each.query, each.since, each.until, archive=archive),
        )
    finally:
        client.close()
    if as_json:
        print_json({"id": collection_id, **_as_tree(asked, found), "usd": round(usd, 4)})
    else:
        _tell(asked, found, network)
    return int(Exit.OK)


def _as_tree(asked: "Asked", found: "list[Day]") -> dict[str, object]:
    return {
        "days": [each.to_tree() for each in found],
        "queries": asked.queries,
        "out_of_reach": [each.to_tree() for each in asked.out_of_reach],
    }


def _tell(asked: "Asked", found: "list[Day]", network: "Network") -> None:
    rows = [
        {**each.to_tree(), "share": "" if each.share is None else f"{100 * each.share:.1f} %"}
        for each in found
    ]
    click.echo(table(rows, _COLUMNS))
    click.echo(
        f"\nCOUNTED is what {network.title} counts; UNSEEN of the posts collected are retweets, which no "
        "count has, and SHARE is without them.",
        err=True,
    )
    if asked.queries > 1:
        click.echo(f"A post that several of {asked.queries} queries find is in each count.", err=True)
    for missed in asked.out_of_reach:
        rules = counted(len(missed.rules), "rule")
        print_line(f"In no count, for {rules}: {missed.posts} ({missed.reason}).", err=True)
