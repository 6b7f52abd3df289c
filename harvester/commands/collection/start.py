"""`collection` commands that start and stop harvests: `once`, and streams."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import click

from harvester.collection.kinds import FINITE, STREAMS, is_stream
from harvester.commands.cli import collection_file, network_client
from harvester.commands.cli.amounts import Seconds
from harvester.commands.cli.each_shard import each_shard, shard_ids
from harvester.commands.cli.output import advise, announce_dry_run, dry_run_option, json_option, print_json
from harvester.commands.cli.progress_meter import progress_option
from harvester.commands.cli.workspace import (
    Workspace,
    collection_id_argument,
    collection_ids_argument,
    in_workspace,
)
from harvester.commands.collection.approved import ends, require_approved, say_what_follows
from harvester.commands.collection.follow import start_and_follow
from harvester.commands.collection.ready import (
    OVER,
    require_collection,
    require_idle,
    require_keys,
    require_users,
    warn_of_refusals,
)
from harvester.commands.harvest_stop import end_harvest
from harvester.documents import Collection
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys
from harvester.text import together

_STOPS_WITHIN = 180.0
# How long it is looked whether X accepts the keys, in seconds.
_ASKED_FOR = 5.0


@click.command("once", help="Start one harvest of COLLECTION_ID.")
@collection_id_argument
@click.option(
    "--wait",
    is_flag=True,
    help="Wait until it ends, and exit with its exit code; Ctrl-C or SIGTERM stops it.",
)
@dry_run_option
@json_option
@progress_option
@in_workspace
def once(
    collection_id: str, wait: bool, dry_run: bool, as_json: bool, form: str, workspace: Workspace
) -> int:
    keys, tree = require_collection(workspace, collection_id, *FINITE)
    collection_file.warn_of_changes(workspace.store, keys, tree)
    require_users(tree)
    require_keys(workspace, tree)
    require_idle(workspace, keys)
    require_approved(workspace, keys, tree)
    if ends(workspace, keys, tree, dry_run=dry_run, as_json=as_json):
        return int(Exit.OK)
    if dry_run:
        workspace.compute.require_startable(collection_id)
        _tell_dry_run(workspace, tree, collection_id, as_json=as_json)
        return int(Exit.OK)
    if wait:
        code = start_and_follow(workspace, keys, form=form, as_json=as_json)
        say_what_follows(workspace, keys, tree)
        return code
    workspace.compute.once(collection_id)
    if as_json:
        print_json({"id": collection_id, "started": True})
    else:
        click.echo("Started")
    advise(
        f"Follow it with `harvest running {collection_id}` or `harvest log {collection_id} --follow`; "
        f"`harvest stop {collection_id}` stops it."
    )
    return int(Exit.OK)


def _tell_dry_run(workspace: Workspace, tree: Collection, collection_id: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": collection_id, "started": False, **_costs(workspace, tree)})
        return
    announce_dry_run(True, f"harvest {collection_id} once, on {workspace.compute.name}")
    _tell_cost(workspace, tree)


@click.command(
    "filter-start",
    help="Start the stream of COLLECTION_ID; it runs until `filter-stop`. Several run in one task on AWS, "
    "each with keys of another app.",
)
@collection_ids_argument
@dry_run_option
@in_workspace
def filter_start(collection_ids: tuple[str, ...], dry_run: bool, workspace: Workspace) -> None:
    trees, apart = _all_ready_to_start(workspace, collection_ids)
    _require_several_apps(workspace, trees)
    what = f"stream{'' if len(trees) == 1 else 's'} of {together([*trees])}"
    together_in = " in one task" if len(trees) > 1 and workspace.settings.cluster and not apart else ""
    for each, tree in trees.items():
        _require_free_stream(workspace, workspace.keys(each), tree)
    tasks = [tuple(each for each in trees if each not in apart), *((each,) for each in apart)]
    start = workspace.compute.require_startable if dry_run else workspace.compute.start_service
    for ids in filter(None, tasks):
        start(*ids)
    if announce_dry_run(dry_run, f"start the {what} on {workspace.compute.name}{together_in}"):
        for tree in trees.values():
            _tell_cost(workspace, tree)
        return
    click.echo("Started")
    for each in trees:
        advise(
            f"Follow it with `harvest running {each}` or `harvest log {each} --follow`; "
            f"`collection filter-stop {each}` stops it."
        )


def _all_ready_to_start(
    workspace: Workspace, collection_ids: tuple[str, ...]
) -> tuple[dict[str, Collection], list[str]]:
    """What may be started, and which of these apart: shards, so that none of them waits for another."""
    trees: dict[str, Collection] = {}
    apart: list[str] = []
    for collection_id in collection_ids:
        if shards := shard_ids(workspace, collection_id):
            apart += (ready := [each for each in shards if not _runs(workspace, each)])
            trees |= {each: _ready_to_start(workspace, each) for each in ready or shards}
        else:
            trees[collection_id] = _ready_to_start(workspace, collection_id)
    return trees, apart


def _runs(workspace: Workspace, collection_id: str) -> bool:
    """Whether the stream of a shard is started already."""
    from harvester.harvest import catalog

    task = workspace.compute.settled(collection_id)
    running = bool(task and task.status not in OVER)
    return running or bool(catalog.live_lock(workspace.store, workspace.keys(collection_id)))


def _ready_to_start(workspace: Workspace, collection_id: str) -> Collection:
    """A stream that may be started, and of which nothing runs."""
    keys, tree = require_collection(workspace, collection_id, *STREAMS)
    collection_file.warn_of_changes(workspace.store, keys, tree)
    collection_file.require_possible({**tree})
    require_keys(workspace, tree)
    warn_of_refusals(tree)
    task = workspace.compute.settled(collection_id)
    if not task or task.status not in OVER:
        if task:
            from harvester.compute import already_started

            raise already_started(collection_id)
        require_idle(workspace, keys)
    return tree


def _require_several_apps(workspace: Workspace, trees: Mapping[str, Collection]) -> None:
    """Raise where two of these would need the one stream of an app."""
    from harvester.networks.registry import network_of

    for one, other in combinations(trees, 2):
        app = "" if workspace.settings.cluster else _app_of(workspace, trees[one])
        same = bool(app) and app == _app_of(workspace, trees[other])
        if same or _share_an_app(trees[one], trees[other]):
            raise HarvesterError(
                f"{one} and {other} have keys of the same app; "
                f"{network_of(trees[one]).title} allows one stream per app.",
                hint="Give one of them a profile of another app, or start only one.",
                exit_code=Exit.USAGE,
            )


def _require_free_stream(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> None:
    """Raise where another stream uses the same app, here or anywhere, or the network refuses the keys."""
    from harvester.harvest import app_lock
    from harvester.networks.registry import network_of

    if rival := next(_rivals(workspace, keys, tree), ""):
        profile = (tree.get("keys") or {}).get("profile")
        named = f"the keys of profile {profile}" if profile else "the same keys"
        raise HarvesterError(
            f"The stream of {rival} already runs with {named}, or with others of the same app; "
            f"{network_of(tree).title} allows one stream per app.",
            hint=f"Stop it with `collection filter-stop {rival}`, or use keys of another app.",
            exit_code=Exit.LOCKED,
        )
    if app := _app_of(workspace, tree):
        app_lock.require_free(workspace.store, app)
    if not workspace.settings.cluster:
        _require_accepted_keys(workspace, tree)


def _app_of(workspace: Workspace, tree: Mapping[str, Any]) -> str:
    """The app of which one stream may run; empty where there is no such limit, or it cannot be seen here."""
    from harvester.networks.registry import network_of

    network = network_of(tree)
    if not network.one_stream_per_app:
        return ""
    try:
        return network.keys(tree, workspace.settings).app
    except HarvesterError:
        # Who may start a task need not be allowed to read its keys; the harvest looks for itself.
        return ""


def _rivals(workspace: Workspace, keys: CollectionKeys, tree: Collection) -> Iterator[str]:
    """The collections of other streams that run here with the same keys."""
    from harvester.collection import history

    app = "" if workspace.settings.cluster else _app_of(workspace, tree)
    for task in workspace.compute.tasks():
        if task.collection_id == keys.id or task.status not in _RUNS:
            continue
        try:
            other = history.current(workspace.store, workspace.keys(task.collection_id))
            shares = is_stream(other) and (
                _share_an_app(tree, other) or bool(app and app == _app_of(workspace, other))
            )
        except HarvesterError:
            continue
        if shares:
            # One that has just ended by itself takes a moment to exit.
            still = workspace.compute.settled(task.collection_id)
            if still is not None and still.status in _RUNS:
                yield task.collection_id


def _share_an_app(one: Collection, other: Mapping[str, Any]) -> bool:
    """Whether the network lets only one of two streams run, as both have the same keys."""
    from harvester.networks.registry import network_of

    network = network_of(one)
    same_keys = (one.get("keys") or {}) == (other.get("keys") or {})
    return same_keys and network.one_stream_per_app and network is network_of(other)


def _require_accepted_keys(workspace: Workspace, tree: Collection) -> None:
    from harvester.networks.registry import network_of

    client = network_client.client(workspace.settings, tree, patience=_ASKED_FOR)
    try:
        network_of(tree).require_accepted(client)
    finally:
        client.close()


_RUNS = ("STARTING", "RUNNING")


@click.command("filter-stop", help="Stop the stream of COLLECTION_ID after storing what it has.")
@collection_id_argument
@click.option("--timeout", type=Seconds(), default=_STOPS_WITHIN, show_default=True, help="Seconds to wait.")
@dry_run_option
@in_workspace
@each_shard()
def filter_stop(collection_id: str, timeout: float, dry_run: bool, workspace: Workspace) -> None:
    from harvester.harvest import catalog

    keys, _ = require_collection(workspace, collection_id, *STREAMS)
    service = workspace.compute.task(collection_id)
    if not service and not catalog.live_lock(workspace.store, keys):
        raise HarvesterError(
            "Collection not already started.",
            hint=f"No stream runs; `collection filter-start {collection_id}` starts it.",
        )
    if announce_dry_run(dry_run, f"stop the stream of {collection_id} after storing what it has"):
        return
    click.echo("Stopping ...")
    if service:
        workspace.compute.stop_service(collection_id, within=timeout)
    else:
        # `tweet_harvester.py` runs it, here or on another machine.
        end_harvest(workspace, keys, within=timeout)
    click.echo("Stopped")
    # Not done here: rules that go while another harvest of it begins would be posts that never came.
    advise(
        "Its rules stay in the app for the next start; "
        f"`collection rules {collection_id} --remove` removes them."
    )


def _tell_cost(workspace: Workspace, tree: Collection) -> None:
    for what, text in _costs(workspace, tree).items():
        click.echo(f"{what.capitalize()}: {text}")


def _costs(workspace: Workspace, tree: Collection) -> dict[str, str]:
    """What a harvest may cost, and its budget."""
    from harvester.checks import collection

    found = collection.of_description(tree, workspace.settings)
    return {each.check: each.detail for each in found if each.check in ("cost", "budget")}
