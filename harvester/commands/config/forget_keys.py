"""`collection-config forget-keys`: removes API keys from a collection's history."""

import click

from harvester.commands.cli.output import announce_dry_run, change_options, confirm, print_json
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.text import counted

_SHOWN = 20


@click.command("forget-keys")
@collection_id_argument
@change_options
@progress_option
@in_workspace
def forget_keys(
    collection_id: str, yes: bool, dry_run: bool, as_json: bool, form: str, workspace: Workspace
) -> None:
    """Remove API keys from the history of COLLECTION_ID, after confirmation.

    Changesets of 2019, and copies of the collection in harvests of that time, contain keys in plain text.
    This rewrites them without the keys and changes nothing else. Remove keys from the collection itself
    first. It is safe to run again.
    """
    from harvester.curation.redact import Redaction

    made = Redaction(workspace.store, workspace.keys(collection_id))
    found = made.holders()
    what = f"{counted(len(found), 'object')} of {collection_id} in {workspace.store.name}"
    if not found:
        click.echo("[]" if as_json else f"There are no keys in the history of {collection_id}.")
        return
    if announce_dry_run(
        dry_run, f"remove keys from {what}{''.join(f', {each.key}' for each in found[:_SHOWN])}"
    ):
        return
    confirm(f"Remove the keys from {what}?", yes=yes)
    with meter(form) as show:
        made.carry_out(found, lambda number: show(f"{number:,} of {len(found):,} written", written=number))
    if as_json:
        print_json([{"key": each.key, "names": list(each.names)} for each in found])
    else:
        click.echo(f"Removed keys from {what}.")
    names = sorted({name for each in found for name in each.names})
    for line in (
        f"Removed: {', '.join(names)}. Anyone who could read these keys may still have them:",
        "- revoke them at https://developer.x.com;",
        "- delete old versions, if the bucket keeps them, and downloaded copies.",
    ):
        click.echo(line, err=True)
