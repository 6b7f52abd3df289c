"""`collection copy`: the same again under another id, or all that there is in another place."""

import click

from harvester.commands.cli import collection_file
from harvester.commands.cli.output import dry_run_option, would
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.workspace import Place, chosen, collection_id_argument, in_place
from harvester.errors import Exit, HarvesterError
from harvester.text import counted, size


@click.command("copy")
@collection_id_argument
@click.argument("new_id")
@click.option("--with-state", is_flag=True, help="Go on from the same since_ids, instead of anew.")
@click.option("--with-harvests", is_flag=True, help="All that there is, into another bucket or folder.")
@click.option("--to-bucket", help="The bucket of the new one.")
@click.option("--to-collections-path", help="The folder of the new one.")
@dry_run_option
@progress_option
@in_place
def copy(
    collection_id: str,
    new_id: str,
    with_state: bool,
    with_harvests: bool,
    to_bucket: str | None,
    to_collections_path: str | None,
    dry_run: bool,
    form: str,
    place: Place,
) -> None:
    """Add a collection NEW_ID that asks for the same as COLLECTION_ID.

    What was harvested is not copied, nor is the history; the new one begins anew, or with --with-state
    where the other one is. With --with-harvests everything goes to another bucket or folder: records,
    manifests, history; under the same id, for what was harvested names its collection. API keys that
    collections of 2019 held are left out.
    """
    elsewhere = chosen(to_bucket, to_collections_path) if to_bucket or to_collections_path else place
    if with_harvests:
        if new_id != collection_id:
            raise HarvesterError(
                "What was harvested names its collection, so it can be copied under the same id only.",
                hint=f"Say `collection copy {collection_id} {collection_id} --with-harvests ...`.",
                exit_code=Exit.USAGE,
            )
        _copy_all(place, elsewhere, collection_id, dry_run=dry_run, form=form)
    else:
        _copy_description(place, elsewhere, collection_id, new_id, with_state=with_state, dry_run=dry_run)


def _copy_description(
    place: Place, elsewhere: Place, collection_id: str, new_id: str, *, with_state: bool, dry_run: bool
) -> None:
    from harvester.collection import history
    from harvester.collection.merge import fresh, plain
    from harvester.collection.secrets import without_secrets

    keys = place.keys(new_id)
    tree = history.current(place.store, place.keys(collection_id))
    collection_file.require(collection_file.problems(tree))
    new = without_secrets({**(plain(tree) if with_state else fresh(tree)), "id": new_id})
    if dry_run:
        collection_file.require_new(elsewhere.store, keys)
    if would(dry_run, f"add {new_id} to {elsewhere.store.name}, as {collection_id} is, without its posts"):
        return
    history.add(elsewhere.store, keys, new)
    click.echo(
        f"Collection {new_id} added to {elsewhere.store.name}, as {collection_id} is; without its posts."
    )


def _copy_all(place: Place, elsewhere: Place, collection_id: str, *, dry_run: bool, form: str) -> None:
    from harvester.curation.copy import Transplant

    made = Transplant(place.store, elsewhere.store, place.keys(collection_id))
    told = f"{counted(made.count, 'file')} ({size(made.bytes)}) of {collection_id} to {elsewhere.store.name}"
    if would(dry_run, f"copy {told}"):
        return
    with meter(form) as show:
        made.carry_out(lambda files, sent: show(f"{files:,} copied ({size(sent)})", files=files, bytes=sent))
    click.echo(f"Copied {told}.")
    where = f"--bucket {elsewhere.bucket}" if elsewhere.bucket else f"--collections-path {elsewhere.folder}"
    click.echo(f"`collection verify {collection_id} {where}` verifies the copy.", err=True)
