"""`collection` commands that start and stop harvests: `once`, and streams."""

from collections.abc import Sequence

import click

from harvester.collection.kinds import FINITE, STREAMS
from harvester.commands.cli import collection_file
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
from harvester.commands.collection.free_app import require_free_stream, require_several_apps
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
from harvester.text import together

_STOPS_WITHIN = 180.0


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
        _print_dry_run(workspace, tree, collection_id, as_json=as_json)
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


def _print_dry_run(workspace: Workspace, tree: Collection, collection_id: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": collection_id, "started": False, **_costs(workspace, tree)})
        return
    announce_dry_run(True, f"harvest {collection_id} once, on {workspace.compute.name}")
    _print_cost(workspace, tree)


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
    require_several_apps(workspace, trees)
    for each, tree in trees.items():
        require_free_stream(workspace, workspace.keys(each), tree)
    if not workspace.settings.cluster:
        apart = [*trees]
    tasks = [tuple(each for each in trees if each not in apart), *((each,) for each in apart)]
    _start_each(workspace, [ids for ids in tasks if ids], dry_run=dry_run)
    together_in = " in one task" if len(trees) > 1 and not apart else ""
    what = f"stream{'' if len(trees) == 1 else 's'} of {together([*trees])}"
    if announce_dry_run(dry_run, f"start the {what} on {workspace.compute.name}{together_in}"):
        for tree in trees.values():
            _print_cost(workspace, tree)
        return
    click.echo("Started")
    for each in trees:
        advise(
            f"Follow it with `harvest running {each}` or `harvest log {each} --follow`; "
            f"`collection filter-stop {each}` stops it."
        )


def _start_each(workspace: Workspace, tasks: Sequence[tuple[str, ...]], *, dry_run: bool) -> None:
    """Start each task, also after one that could not be; then raises what kept the first one."""
    start = workspace.compute.require_startable if dry_run else workspace.compute.start_service
    started: list[str] = []
    failed: list[tuple[str, HarvesterError]] = []
    for ids in tasks:
        try:
            start(*ids)
            started += ids
        except HarvesterError as error:
            failed.append((together(ids), error))
    if not failed:
        return
    if started and not dry_run:
        advise(f"Started {together(started)}; not {together([name for name, _ in failed])}.")
    for name, why in failed[1:]:
        advise(f"{name}: {why}")
    raise failed[0][1]


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


def _print_cost(workspace: Workspace, tree: Collection) -> None:
    for what, text in _costs(workspace, tree).items():
        click.echo(f"{what.capitalize()}: {text}")


def _costs(workspace: Workspace, tree: Collection) -> dict[str, str]:
    """What a harvest may cost, and its budget."""
    from harvester.checks import collection

    found = collection.of_description(tree, workspace.settings)
    return {each.check: each.detail for each in found if each.check in ("cost", "budget")}
