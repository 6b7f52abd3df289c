"""`collection-config check`: finds what would fail, or cost more than expected, before a harvest."""

from pathlib import Path

import click

from harvester.commands.cli import collection_file, network_client
from harvester.commands.cli.output import json_option, show_checks
from harvester.commands.cli.workspace import Workspace, in_workspace, optional_collection_id_argument
from harvester.networks.validation import as_valid


@click.command("check", help="Check the file, or the stored COLLECTION_ID, for problems.")
@optional_collection_id_argument
@click.option(
    "--live", is_flag=True, help="Also ask the X API about keys, caps, query or rules (at most $0.01)."
)
@json_option
@collection_file.read_file_option
@in_workspace
def check(collection_id: str | None, live: bool, as_json: bool, path: Path, workspace: Workspace) -> int:
    from harvester.checks import collection
    from harvester.collection import history

    if collection_id:
        tree = history.current(workspace.store, workspace.keys(collection_id))
    else:
        tree = collection_file.read(path)
    found = list(collection.of_description(tree, workspace.settings))
    if live and all(each.ok for each in found):
        found += collection.of_network(
            as_valid(tree), lambda: network_client.client(workspace.settings, tree)
        )
    return show_checks(found, as_json=as_json)
