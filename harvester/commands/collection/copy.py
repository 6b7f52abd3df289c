"""`collection copy`: the description under another id, or everything in another place."""

import shlex

import click

from harvester.collection.shards import SHARD_OF, SHARDS
from harvester.collection.workers import WORKER_OF, WORKERS
from harvester.commands.cli import collection_file
from harvester.commands.cli.output import advise, announce_dry_run, dry_run_option
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.workspace import Workspace, chosen, collection_id_argument, in_workspace
from harvester.errors import Exit, HarvesterError
from harvester.networks.validation import problems
from harvester.text import counted, size

# What belongs to other collections than the copy.
_OF_OTHERS = (SHARDS, SHARD_OF, WORKERS, WORKER_OF)


@click.command("copy")
@collection_id_argument
@click.argument("new_id")
@click.option(
    "--with-state", is_flag=True, help="Keep the since_ids, instead of starting from the beginning."
)
@click.option("--with-harvests", is_flag=True, help="Copy everything, to another bucket or folder.")
@click.option("--to-bucket", help="Bucket of the new collection.")
@click.option("--to-collections-path", help="Folder of the new collection.")
@dry_run_option
@progress_option
@in_workspace
def copy(
    collection_id: str,
    new_id: str,
    with_state: bool,
    with_harvests: bool,
    to_bucket: str | None,
    to_collections_path: str | None,
    dry_run: bool,
    form: str,
    workspace: Workspace,
) -> None:
    """Copy the description of COLLECTION_ID to a new collection NEW_ID.

    Harvested posts and the history are not copied. The new collection starts from the beginning; with
    --with-state it continues where COLLECTION_ID is. --with-harvests copies everything to another bucket
    or folder, under the same id: records, manifests and history. API keys in collections of 2019 are
    removed.
    """
    elsewhere = chosen(to_bucket, to_collections_path) if to_bucket or to_collections_path else workspace
    if with_harvests:
        if new_id != collection_id:
            raise HarvesterError(
                "Harvests can only be copied under the same id.",
                hint=f"Run `collection copy {collection_id} {collection_id} --with-harvests ...`.",
                exit_code=Exit.USAGE,
            )
        _copy_all(workspace, elsewhere, collection_id, dry_run=dry_run, form=form)
    else:
        _copy_description(workspace, elsewhere, collection_id, new_id, with_state=with_state, dry_run=dry_run)


def _copy_description(
    workspace: Workspace,
    elsewhere: Workspace,
    collection_id: str,
    new_id: str,
    *,
    with_state: bool,
    dry_run: bool,
) -> None:
    from harvester.collection import history
    from harvester.collection.merge import fresh, plain
    from harvester.collection.secrets import without_secrets

    keys = workspace.keys(new_id)
    tree = history.current(workspace.store, workspace.keys(collection_id))
    collection_file.require(problems(tree))
    new = without_secrets({**(plain(tree) if with_state else fresh(tree)), "id": new_id})
    new = {name: value for name, value in new.items() if name not in _OF_OTHERS}
    if dry_run:
        collection_file.require_new(elsewhere.store, keys)
    if announce_dry_run(
        dry_run, f"add {new_id} to {elsewhere.store.name} as a copy of {collection_id}, without its posts"
    ):
        return
    history.add(elsewhere.store, keys, new)
    click.echo(
        f"Collection {new_id} added to {elsewhere.store.name} as a copy of {collection_id}, without "
        "its posts."
    )


def _copy_all(
    workspace: Workspace, elsewhere: Workspace, collection_id: str, *, dry_run: bool, form: str
) -> None:
    from harvester.curation.copy import CollectionCopy

    made = CollectionCopy(workspace.store, elsewhere.store, workspace.keys(collection_id))
    what = f"{counted(made.count, 'file')} ({size(made.bytes)}) of {collection_id} to {elsewhere.store.name}"
    if announce_dry_run(dry_run, f"copy {what}"):
        return
    with meter(form) as show:
        made.carry_out(lambda files, sent: show(f"{files:,} copied ({size(sent)})", files=files, bytes=sent))
    click.echo(f"Copied {what}.")
    where = (
        ("--bucket", elsewhere.bucket) if elsewhere.bucket else ("--collections-path", str(elsewhere.folder))
    )
    advise(f"`collection verify {collection_id} {shlex.join(where)}` verifies the copy.")
