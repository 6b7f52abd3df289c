"""`collection rules`: the live stream rules of a collection's app, and what stored posts matched."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from harvester.collection.kinds import STREAMS
from harvester.commands.cli import network_client
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.output import announce_dry_run, change_options, confirm, print_json, table
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection.ready import require_collection, require_idle
from harvester.commands.collection.stored_matches import show_stored
from harvester.documents import Collection, Tree, text_in
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
    with _client(workspace, tree) as client:
        if remove:
            _remove_own(client, collection_id, yes=yes, dry_run=dry_run, as_json=as_json)
        else:
            _list(client, as_json=as_json)


@contextmanager
def _client(workspace: Workspace, tree: Collection) -> Iterator["XClient"]:
    """A client of the network, if it has rules."""
    from harvester.networks.x import XClient

    with closing(network_client.client(workspace.settings, tree)) as client:
        if not isinstance(client, XClient):
            raise HarvesterError(
                f"{tree['id']} has no rules: only streams of X have.",
                hint="`collection-config download` shows what it collects.",
                exit_code=Exit.USAGE,
            )
        yield client


def _list(client: "XClient", *, as_json: bool) -> None:
    rows = [_row(rule) for rule in client.rules()]
    if as_json:
        print_json([{**row, "removed": False} for row in rows])
    else:
        click.echo(table([_shown(row) for row in rows], _COLUMNS) if rows else "No rules.")


def _remove_own(client: "XClient", collection_id: str, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    rows = [_row(rule) for rule in client.rules()]
    own = [row["rule"] for row in rows if row["id"] == collection_id]
    what = f"{counted(len(own), 'rule')} of {collection_id} from the app"
    if announce_dry_run(dry_run, f"remove {what}"):
        return
    _remove(client, own, what, yes=yes)
    if as_json:
        print_json([{**row, "removed": row["id"] == collection_id} for row in rows])
    else:
        click.echo(f"Removed {len(own):,} of {counted(len(rows), 'rule')}.")


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
