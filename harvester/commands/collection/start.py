"""`collection` commands that start harvests and end them: once, or for ever."""

import click

from harvester.collection.kinds import FINITE, STREAMS, has_users, is_stream
from harvester.commands.cli import collection_file, x_client
from harvester.commands.cli.output import dry_run_option, json_option, print_json, would
from harvester.commands.cli.progress_meter import progress_option
from harvester.commands.cli.workspace import Place, collection_id_argument, in_place
from harvester.commands.collection.follow import follow
from harvester.commands.harvest import end_harvest
from harvester.documents import Tree, checked
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys

_STOPS_WITHIN = 180.0
# How long it is looked whether X accepts the keys, in seconds.
_ASKED_FOR = 5.0


@click.command("once", help="Harvest COLLECTION_ID once.")
@collection_id_argument
@click.option("--wait", is_flag=True, help="Wait for its end, and return its exit code; Ctrl-C stops it.")
@dry_run_option
@json_option
@progress_option
@in_place
def once(collection_id: str, wait: bool, dry_run: bool, as_json: bool, form: str, place: Place) -> int:
    from harvester.collection import history

    keys = require_collection(place, collection_id, *FINITE)
    tree = history.current(place.store, keys)
    collection_file.warn_of_changes(place.store, keys, tree)
    require_users(tree)
    require_keys(place, keys)
    require_idle(place, keys)
    if dry_run:
        _tell_dry_run(place, keys, as_json=as_json)
        return int(Exit.OK)
    place.compute.once(collection_id)
    if not as_json:
        click.echo("Started")
    elif not wait:
        print_json({"id": collection_id, "started": True})
    if wait:
        return follow(place, keys, form=form, as_json=as_json)
    click.echo(
        f"Follow it with `harvest running {collection_id}` or `harvest log {collection_id} --follow`; "
        f"`harvest stop {collection_id}` ends it.",
        err=True,
    )
    return int(Exit.OK)


def _tell_dry_run(place: Place, keys: CollectionKeys, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": keys.id, "started": False, **_costs(place, keys)})
        return
    would(True, f"harvest {keys.id} once, on {place.compute.name}")
    _tell_cost(place, keys)


@click.command("filter-start", help="Collect the stream of COLLECTION_ID until filter-stop.")
@collection_id_argument
@dry_run_option
@in_place
def filter_start(collection_id: str, dry_run: bool, place: Place) -> None:
    from harvester.collection import history

    keys = require_collection(place, collection_id, *STREAMS)
    collection_file.warn_of_changes(place.store, keys, history.current(place.store, keys))
    require_keys(place, keys)
    task = place.compute.settled(collection_id)
    if not task or task.status not in _OVER:
        if task:
            raise HarvesterError("Collection already started.", exit_code=Exit.LOCKED)
        require_idle(place, keys)
    if would(dry_run, f"collect the stream of {collection_id} until filter-stop, on {place.compute.name}"):
        _tell_cost(place, keys)
        return
    _require_free_stream(place, keys)
    place.compute.start_service(collection_id)
    click.echo("Started")
    click.echo(
        f"Follow it with `harvest running {collection_id}` or `harvest log {collection_id} --follow`; "
        f"`collection filter-stop {collection_id}` ends it.",
        err=True,
    )


def _require_free_stream(place: Place, keys: CollectionKeys) -> None:
    """Raise where another stream runs here with the same keys, or X refuses these."""
    from harvester.collection import history

    tree = history.current(place.store, keys)
    for task in place.compute.tasks():
        if task.collection_id == keys.id or task.status not in _RUNS:
            continue
        try:
            other = history.current(place.store, place.keys(task.collection_id))
        except HarvesterError:
            continue
        kept = tree.get("keys") or {}
        if is_stream(other) and (other.get("keys") or {}) == kept:
            named = f"the keys of profile {kept['profile']}" if kept.get("profile") else "the same keys"
            raise HarvesterError(
                f"The stream of {task.collection_id} already runs with {named}; X allows one for each app.",
                hint=f"`collection filter-stop {task.collection_id}` ends it; or use keys of another app.",
                exit_code=Exit.LOCKED,
            )
    if not place.settings.cluster:
        _require_accepted_keys(place, tree)


def _require_accepted_keys(place: Place, tree: Tree) -> None:
    from harvester.networks.registry import network_of

    client = x_client.client(place.settings, tree, patience=_ASKED_FOR)
    try:
        network_of(tree).require_accepted(client)
    finally:
        client.close()


_RUNS = ("STARTING", "RUNNING")
# Wanted, but nothing of it runs any more.
_OVER = ("GAVE UP", "DIED", "STOPPING", "NO ROOM")


@click.command("filter-stop", help="End the stream of COLLECTION_ID, with everything stored.")
@collection_id_argument
@click.option("--timeout", type=float, default=_STOPS_WITHIN, show_default=True, help="Seconds to wait.")
@dry_run_option
@in_place
def filter_stop(collection_id: str, timeout: float, dry_run: bool, place: Place) -> None:
    from harvester.harvest import catalog

    keys = require_collection(place, collection_id, *STREAMS)
    service = place.compute.task(collection_id)
    if not service and not catalog.lives(place.store, keys):
        raise HarvesterError("Collection not already started.")
    if would(dry_run, f"end the stream of {collection_id}, with everything stored"):
        return
    click.echo("Stopping ...")
    if service:
        place.compute.stop_service(collection_id, within=timeout)
    else:
        # `tweet_harvester.py` runs it, here or on another machine.
        end_harvest(place, keys, within=timeout)
    click.echo("Stopped")
    # Not done here: rules that go while another harvest of it begins would be posts that never came.
    click.echo(
        "Its rules stay in the app, for the next start; "
        f"`collection rules {collection_id} --remove` ends them.",
        err=True,
    )


def _tell_cost(place: Place, keys: CollectionKeys) -> None:
    for what, told in _costs(place, keys).items():
        click.echo(f"{what.capitalize()}: {told}")


def _costs(place: Place, keys: CollectionKeys) -> dict[str, str]:
    """What a harvest may cost, and what bounds that, in words."""
    from harvester.checks import collection
    from harvester.collection import history

    tree = history.current(place.store, keys)
    found = collection.of_description(tree, place.settings)
    return {each.what: each.told for each in found if each.what in ("cost", "budget")}


def require_users(tree: Tree) -> None:
    """Raise where there is nobody to harvest."""
    if has_users(tree) and not tree.get("users"):
        raise HarvesterError(
            "The collection has no users.",
            hint="Add some with `collection-config screennames`, then `collection-config update`.",
            exit_code=Exit.USAGE,
        )


def require_collection(place: Place, collection_id: str, *kinds: str) -> CollectionKeys:
    """Raise unless there is such a collection, valid, and of one of these kinds."""
    from harvester.collection import history
    from harvester.errors import NotFound

    keys = place.keys(collection_id)
    try:
        data = history.read(place.store, keys).data
    except NotFound as error:
        raise NotFound(
            "Collection does not exist.",
            hint=f"{error.message} {error.hint}",
            exit_code=Exit.NO_COLLECTION,
        ) from error
    from harvester.networks.validation import parsed

    where = place.shown(keys.collection)
    collection_file.require_kind(checked(data, where), *kinds)
    parsed(data, where)
    return keys


def require_keys(place: Place, keys: CollectionKeys) -> None:
    """Raise unless a harvest that is started would find keys."""
    from harvester.collection import history
    from harvester.networks.registry import network_of

    tree = history.current(place.store, keys)
    network_of(tree).require_keys(tree, place.settings)


def require_idle(place: Place, keys: CollectionKeys) -> None:
    """Raise while a harvest of the collection runs, here or anywhere."""
    from harvester.harvest import catalog

    task = place.compute.task(keys.id)
    if task and task.status not in _OVER:
        where = place.compute.name
    elif owner := catalog.lives(place.store, keys):
        where = owner.get("host", "an unknown host")
    else:
        return
    raise HarvesterError(
        f"A harvest of {keys.id} is running already, on {where}.",
        hint=f"See `harvest running {keys.id}`; `harvest stop {keys.id}` ends it.",
        exit_code=Exit.LOCKED,
    )
