"""`collection rules`: the live stream rules of a collection's app, and what stored posts matched."""

from contextlib import closing
from typing import TYPE_CHECKING

import click

from harvester.collection.kinds import STREAMS
from harvester.commands.cli import network_client
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.output import announce_dry_run, change_options, confirm, print_json, table
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection.ready import require_collection, require_idle
from harvester.commands.collection.stored_matches import show_stored
from harvester.documents import Tree, text_in
from harvester.errors import Exit, HarvesterError
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.networks.x import XClient


@click.command("rules", help="List the stream rules of the app whose keys COLLECTION_ID uses.")
@collection_id_argument
@click.option("--remove", is_flag=True, help="Remove the rules of COLLECTION_ID from the app.")
@click.option("--stored", is_flag=True, help="Count the stored posts of each rule, without a request to X.")
@change_options
@in_workspace
@each_shard()
def rules(
    collection_id: str,
    remove: bool,
    stored: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    workspace: Workspace,
) -> None:
    keys, tree = require_collection(workspace, collection_id, *STREAMS)
    if stored and remove:
        raise HarvesterError(
            "--stored counts posts, and --remove removes rules.",
            hint="Use one of them.",
            exit_code=Exit.USAGE,
        )
    if stored:
        show_stored(workspace, keys, tree, as_json=as_json)
        return
    if remove:
        require_idle(workspace, keys)
    with closing(network_client.client(workspace.settings, tree)) as opened:
        client = _with_rules(opened, collection_id)
        rows = [_row(rule) for rule in client.rules()]
        if remove:
            mine = [row["rule"] for row in rows if row["id"] == collection_id]
            what = f"{counted(len(mine), 'rule')} of {collection_id} from the app"
            if announce_dry_run(dry_run, f"remove {what}"):
                return
            _remove(client, mine, what, yes=yes)
    if as_json:
        print_json([{**row, "removed": remove and row["id"] == collection_id} for row in rows])
    elif remove:
        click.echo(f"Removed {len(mine):,} of {counted(len(rows), 'rule')}.")
    elif rows:
        click.echo(table([_shown(row) for row in rows], _COLUMNS))
    else:
        click.echo("No rules.")


def _with_rules(client: object, collection_id: str) -> "XClient":
    """The client, if its network has rules."""
    from harvester.networks.x import XClient

    if isinstance(client, XClient):
        return client
    raise HarvesterError(
        f"{collection_id} has no rules: only streams of X have.",
        hint="`collection-config download` shows what it collects.",
        exit_code=Exit.USAGE,
    )


def _remove(client: "XClient", ids: list[str], what: str, *, yes: bool) -> None:
    """Remove them after confirmation."""
    if not ids:
        return
    confirm(f"Remove {what}?", yes=yes)
    if problems := client.delete_rules(ids).problems:
        reasons = [f"{each.title}: {each.detail}" for each in problems]
        raise HarvesterError(
            "X did not delete every rule.", reasons, "Try again in a minute; those left stay active."
        )


def _row(rule: Tree) -> Tree:
    """`id` is the collection that set the rule, `rule_id` the id there; empty for other programs' rules."""
    from harvester.networks.x.rules.live_rules import collection_of

    tag = text_in(rule, "tag")
    collection_id = collection_of(tag)
    return {
        "id": collection_id,
        "rule_id": tag.rpartition(":")[2] if collection_id else None,
        "rule": str(rule["id"]),
        "value": rule.get("value"),
        "tag": rule.get("tag"),
    }


_COLUMNS = ("collection", "rule_id", "id_at_x", "value")


def _shown(row: Tree) -> Tree:
    """A row under the names for people."""
    return {**row, "collection": row["id"], "id_at_x": row["rule"]}
