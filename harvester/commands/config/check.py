"""`collection-config check`: finds what would fail, or cost more than expected, before a harvest."""

from pathlib import Path

import click

from harvester.collection.shards import Shards
from harvester.commands.cli import collection_file, network_client
from harvester.commands.cli.output import confirm, json_option, show_checks, yes_option
from harvester.commands.cli.workspace import Workspace, in_workspace, optional_collection_id_argument
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks.registry import network_of
from harvester.networks.validation import as_valid


@click.command("check", help="Check the file, or the stored COLLECTION_ID, for problems.")
@optional_collection_id_argument
@click.option(
    "--live",
    is_flag=True,
    help="Also ask the X API about keys, caps, query, rules or lists (at most $0.01, or after confirmation).",
)
@click.option(
    "--volume", is_flag=True, help="With --live: also count the posts of each rule ($0.005 a request)."
)
@yes_option
@json_option
@collection_file.read_file_option
@in_workspace
def check(
    collection_id: str | None,
    live: bool,
    volume: bool,
    yes: bool,
    as_json: bool,
    path: Path,
    workspace: Workspace,
) -> int:
    from harvester.checks import collection
    from harvester.collection import history

    if volume and not live:
        raise HarvesterError("--volume asks the X API.", hint="Add --live.", exit_code=Exit.USAGE)
    if collection_id:
        tree: Tree = history.current(workspace.store, workspace.keys(collection_id))
    else:
        tree = collection_file.read(path)
    found = list(collection.of_description(tree, workspace.settings))
    has_shards = found[0].ok and Shards.of(tree) is not None
    # A collection with shards has no app of its own that its rules must fit.
    asks = live and (has_shards or all(each.ok for each in found))
    if asks:
        _confirm(tree, volume=volume, with_terms=not has_shards, yes=yes)
    if has_shards:
        from harvester.commands.config.check_shards import of_shards

        found = [found[0], *of_shards(workspace, tree, live=live, volume=volume)]
    elif asks:
        found = collection.with_network(
            found, as_valid(tree), lambda: network_client.client(workspace.settings, tree), volume=volume
        )
    return show_checks(found, as_json=as_json)


def _confirm(tree: Tree, *, volume: bool, with_terms: bool, yes: bool) -> None:
    network, valid = network_of(tree), as_valid(tree)
    if volume:
        confirm(f"Send {network.volume_terms(valid)}?", yes=yes)
    if with_terms and (terms := network.ask_terms(valid)):
        confirm(f"Send {terms}?", yes=yes)
