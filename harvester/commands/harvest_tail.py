"""`harvest tail`: the newest posts of a collection, and those that come."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from harvester.commands.cli.lists_hint import require_posts
from harvester.commands.cli.output import advise, print_line
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.text import when

if TYPE_CHECKING:
    from harvester.networks import Network
    from harvester.networks.records import Post

_LINES, _MOST = 20, 10_000


@click.command("tail")
@collection_id_argument
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(0, _MOST),
    default=_LINES,
    show_default=True,
    help="Number of posts to begin with.",
)
@click.option("--follow/--once", default=True, help="Continue with new posts, or end at once.")
@click.option("--json", "as_json", is_flag=True, help="Print one post a line as JSON.")
@click.option("--temp", help="Folder for files that are not stored yet.  [default: temp]")
@in_workspace
def tail(
    collection_id: str, lines: int, follow: bool, as_json: bool, temp: str | None, workspace: Workspace
) -> None:
    """Show the newest stored posts of COLLECTION_ID, then new ones, until Ctrl-C.

    Of a harvest on this machine, posts are shown within a second of their sync; of one elsewhere, with
    its next checkpoint (a minute). No request is sent to the harvest, and no port is opened.
    """
    from harvester.clock import SystemClock
    from harvester.commands.cli.signals import stopped_by_signals
    from harvester.networks.registry import network_of
    from harvester.sinks.archive.tail import Tail

    keys = workspace.keys(collection_id)
    tree = workspace.collection(keys)
    require_posts(collection_id, tree)
    network = network_of(tree)
    read = Tail(workspace.store, keys, network, work_root=workspace.work_root(keys, temp))
    with stopped_by_signals() as stop:
        newest = read.newest(lines)
        _print(newest, network, as_json=as_json)
        if not as_json:
            _say_what_follows(newest, follow=follow)
        if follow:
            for post in read.follow(clock=SystemClock(), stop=stop):
                _print([post], network, as_json=as_json)
    read.close()


def _say_what_follows(newest: "list[Post]", *, follow: bool) -> None:
    stored = "These posts were stored last." if newest else "No posts are shown yet."
    advise(f"{stored} New ones follow as they are stored; Ctrl-C ends." if follow else stored)


def _print(posts: "Iterable[Post]", network: "Network", *, as_json: bool) -> None:
    for post in posts:
        if as_json:
            click.echo(post.value)
        else:
            print_line(_line(post, network))


def _line(post: "Post", network: "Network") -> str:
    """When it was published, by whom, and its text."""
    rows = network.rows(post.value).posts
    row = next((each for each in rows if not each.included), None)
    name, text = (row.username or row.author_id, row.text) if row else (post.author, "")
    return f"{when(post.published)}  @{name}  {' '.join(text.split())}"
