"""`collection-config forget-keys`: the past of a collection holds no API keys any more."""

import click

from harvester.commands.cli.output import confirm, dry_run_option, json_option, print_json, would, yes_option
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.workspace import Place, collection_id_argument, in_place
from harvester.text import counted

_SHOWN = 20


@click.command("forget-keys")
@collection_id_argument
@yes_option
@dry_run_option
@json_option
@progress_option
@in_place
def forget_keys(collection_id: str, yes: bool, dry_run: bool, as_json: bool, form: str, place: Place) -> None:
    """Take API keys out of the history of COLLECTION_ID; asks.

    Changesets of 2019, and the copies of the collection in harvests of then, held keys in plain text, for all
    to see who may read the bucket. They are written anew without them; all else in them stays. The collection
    itself must be without keys before. It may be done again, and after it was cut.
    """
    from harvester.curation.redact import Redaction

    made = Redaction(place.store, place.keys(collection_id))
    found = made.holders()
    told = f"{counted(len(found), 'object')} of {collection_id} in {place.store.name}"
    if not found:
        click.echo("[]" if as_json else f"No keys are left in the history of {collection_id}.")
        return
    if would(dry_run, f"take keys out of {told}{''.join(f', {each.key}' for each in found[:_SHOWN])}"):
        return
    confirm(f"Take the keys out of {told}? They are written anew without them.", yes=yes)
    with meter(form) as show:
        made.carry_out(found, lambda number: show(f"{number:,} of {len(found):,} written", written=number))
    if as_json:
        print_json([{"key": each.key, "names": list(each.names)} for each in found])
    else:
        click.echo(f"Took keys out of {told}.")
    names = sorted({name for each in found for name in each.names})
    for line in (
        f"There were: {', '.join(names)}. Whoever could read them may have kept them:",
        "- revoke them at https://developer.x.com, for only that makes them worthless;",
        "- remove earlier versions, where the bucket keeps them, and copies that were downloaded.",
    ):
        click.echo(line, err=True)
