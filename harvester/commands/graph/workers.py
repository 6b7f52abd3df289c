"""`graph workers`: a crawl is divided among workers with an app each, which are started and watched."""

from collections.abc import Sequence

import click

from harvester.collection.begun_crawl import crawl_state
from harvester.collection.kinds import CRAWLS
from harvester.collection.workers import WORKER_OF, WORKERS, profiles_of, worker_ids, worker_tree
from harvester.commands import Group
from harvester.commands.cli.output import (
    advise,
    announce_dry_run,
    change_options,
    confirm,
    dry_run_option,
    json_option,
    print_json,
    table,
)
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection.ready import OVER, require_idle
from harvester.commands.graph.place import require_graph
from harvester.documents import Collection, Tree
from harvester.errors import Exit, HarvesterError, NotFound
from harvester.networks.registry import network_of
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.text import counted, listed

_TERMS = (
    "X counts limits by app, and its terms allow several apps for one purpose only with its consent; it may "
    "suspend apps and accounts that get around a limit. Continue only if X has agreed."
)
_COLUMNS = ("worker", "profile", "state", "users")


@click.group("workers", cls=Group, help="Divide one crawl among several apps; see docs/graph-workers.md.")
def workers() -> None:
    pass


@workers.command("plan", help="Give COLLECTION_ID a worker for each profile.")
@collection_id_argument
@click.option("--profiles", required=True, help="Profiles of different apps, by commas.")
@change_options
@in_workspace
def plan(
    collection_id: str, profiles: str, yes: bool, dry_run: bool, as_json: bool, workspace: Workspace
) -> None:
    keys, tree = require_graph(workspace, collection_id)
    names = listed(profiles)
    made = _planned(workspace, tree, names)
    for each in (collection_id, *worker_ids(made)):
        require_idle(workspace, workspace.keys(each))
    rows = [{"worker": each, "profile": name} for each, name in zip(worker_ids(made), names, strict=True)]
    if not as_json:
        click.echo(table(rows, ("worker", "profile")))
    if network_of(tree).name == "x":
        advise(_TERMS)
    what = f"have {counted(len(names), 'worker')} read the crawl of {collection_id}"
    if not dry_run:
        confirm(f"{what.capitalize()}?", yes=yes)
        _store(workspace, made)
    elif not as_json:
        announce_dry_run(dry_run, what)
    if as_json:
        print_json({"id": collection_id, "workers": rows, "stored": not dry_run})
    elif not dry_run:
        click.echo(f"Stored. `graph workers start {collection_id}` starts them.")


def _planned(workspace: Workspace, tree: Collection, names: Sequence[str]) -> Tree:
    """The collection with these workers; raises if it cannot have them."""
    from harvester.collection.workers import worker_problems

    _require_room_for(tree, names)
    made: Tree = {**tree, WORKERS: {"profiles": list(names)}}
    if problems := list(worker_problems(made)):
        raise HarvesterError(
            "These workers are not valid.",
            problems,
            hint="Correct this, then plan again.",
            exit_code=Exit.USAGE,
        )
    _require_an_app_each(tree, names, workspace.settings)
    return made


def _require_room_for(tree: Collection, names: Sequence[str]) -> None:
    """Raise for a worker, for a crawl that one process reads, and if a worker would be taken back."""
    if parent := tree.get("worker_of"):
        raise HarvesterError(
            f"{tree['id']} is a worker of {parent}.",
            hint=f"Use its collection: `graph workers plan {parent} --profiles a,b`.",
            exit_code=Exit.USAGE,
        )
    before = profiles_of(tree)
    if not before and crawl_state(tree):
        raise HarvesterError(
            f"One process reads a crawl of {tree['id']}, and workers do not know its lists.",
            hint=f"Finish that crawl first, or `collection copy` {tree['id']} to another id for a new one.",
            exit_code=Exit.USAGE,
        )
    if len(names) < len(before):
        raise HarvesterError(
            f"{tree['id']} has {len(before)} workers, and {counted(len(names), 'profile')} "
            f"{'is' if len(names) == 1 else 'are'} named.",
            hint="A worker keeps its lists and cannot be removed; name a profile for each.",
            exit_code=Exit.USAGE,
        )


def _require_an_app_each(tree: Collection, names: Sequence[str], settings: Settings) -> None:
    owners: dict[str, str] = {}
    for name in names:
        app = network_of(tree).keys({**tree, "keys": {"profile": name}}, settings).app
        if app and app in owners:
            raise HarvesterError(
                f"{owners[app]} and {name} have keys of the same app, which has one limit.",
                hint="Name profiles of different apps; keys in the environment override profiles.",
                exit_code=Exit.USAGE,
            )
        owners[app] = name


def _store(workspace: Workspace, made: Tree) -> None:
    """Workers first, so that a collection names none that is not there."""
    from harvester.collection import history

    for number, each in enumerate(worker_ids(made), 1):
        _store_worker(workspace, each, worker_tree(made, number))
    history.edit(
        workspace.store,
        workspace.keys(made["id"]),
        lambda now: {**now, WORKERS: made[WORKERS]},
        note="Workers.",
    )


def _store_worker(workspace: Workspace, worker: str, made: Tree) -> None:
    from harvester.collection import history

    keys = workspace.keys(worker)
    try:
        before: Tree = history.current(workspace.store, keys)
    except NotFound:
        history.add(workspace.store, keys, made)
        return
    if before.get(WORKER_OF) != made[WORKER_OF]:
        raise HarvesterError(
            f"There is another collection {worker}.",
            hint=f"Copy it to another id and delete it, or copy {made[WORKER_OF]} to another id.",
        )

    def with_state(now: Tree) -> Tree:
        own: Tree = {name: now[name] for name in ("version", "timestamp", "changeset") if name in now}
        crawl = {name: value for name, value in (now.get("graph") or {}).items() if name == "crawl"}
        return {**own, **made, "graph": {**made["graph"], **crawl}}

    history.edit(workspace.store, keys, with_state, note=f"As {made[WORKER_OF]}.")


@workers.command("start", help="Start the workers of COLLECTION_ID that do not run.")
@collection_id_argument
@dry_run_option
@json_option
@in_workspace
def start(collection_id: str, dry_run: bool, as_json: bool, workspace: Workspace) -> None:
    from harvester.graph.workers.join import queue_of

    keys, tree = _with_workers(workspace, collection_id)
    _require_users(tree)
    queue_of(workspace.settings).counts()
    ready = [each for each in worker_ids(tree) if _state(workspace, each) != "RUNNING"]
    for each in ready:
        network_of(tree).require_keys(workspace.collection(workspace.keys(each), *CRAWLS), workspace.settings)
        if dry_run:
            workspace.compute.require_startable(each)
    what = f"start {', '.join(ready) or 'no worker, as all run'} on {workspace.compute.name}"
    if not announce_dry_run(dry_run and not as_json, what) and not dry_run:
        _begin(workspace, keys, tree, ready)
    if as_json:
        print_json({"id": collection_id, "started": [] if dry_run else ready})
    elif not dry_run:
        click.echo(f"Started {', '.join(ready)}" if ready else "All workers run already.")
        advise(f"`graph workers status {collection_id}` shows how far they are; `harvest stop` stops them.")


def _require_users(tree: Collection) -> None:
    if not tree["users"]:
        raise HarvesterError(
            f"{tree['id']} has no users.",
            hint="Add some with `collection-config screennames`, then run `collection-config update`.",
            exit_code=Exit.USAGE,
        )


def _begin(workspace: Workspace, keys: CollectionKeys, tree: Collection, ready: Sequence[str]) -> None:
    """Start these workers."""
    from harvester.graph.workers.begin import begin_crawl, take_queue

    take_queue(workspace.store, workspace.settings.graph_queue, keys.id)
    begin_crawl(workspace.store, keys, tree)
    for number, each in enumerate(worker_ids(tree), 1):
        if each in ready:
            # What was edited of the collection since.
            _store_worker(workspace, each, worker_tree(tree, number))
            try:
                workspace.compute.once(each)
            except HarvesterError:
                if before := ready[: ready.index(each)]:
                    advise(f"Started {', '.join(before)}; {each} was not started:")
                raise


@workers.command("status", help="Show the workers of COLLECTION_ID, their crawl and its queue.")
@collection_id_argument
@json_option
@in_workspace
def status(collection_id: str, as_json: bool, workspace: Workspace) -> None:
    from harvester.graph.workers.join import queue_of
    from harvester.graph.workers.status import depth_status

    _, tree = _with_workers(workspace, collection_id)
    depth = depth_status(workspace.store, tree)
    waiting, received = (queue := queue_of(workspace.settings)).counts()
    dead, _ = queue.counts(dead=True)
    rows = [
        {
            "worker": each,
            "profile": name,
            "state": _state(workspace, each),
            "users": depth.in_hand.get(each, 0) if depth else 0,
        }
        for each, name in zip(worker_ids(tree), profiles_of(tree), strict=True)
    ]
    if as_json:
        messages = {"waiting": waiting, "received": received, "dead": dead}
        print_json(
            {
                "id": collection_id,
                "workers": rows,
                "crawl": depth.to_tree() if depth else None,
                "messages": messages,
            }
        )
        return
    click.echo(table(rows, _COLUMNS))
    click.echo(f"Queue: {waiting} waiting, {received} with workers, {dead} dead letters.")
    if depth is None:
        click.echo(f"No crawl is under way. `graph workers start {collection_id}` begins one.")
        return
    click.echo(f"Depth {depth.depth}: {depth.done} of {counted(depth.users, 'user')} done.")
    for user, why in depth.failed.items():
        click.echo(f"Failed: {user}{f' ({why})' if why else ''}")
    if depth.failed:
        click.echo(f"`graph retry {collection_id}` collects them again.")


def _with_workers(workspace: Workspace, collection_id: str) -> tuple[CollectionKeys, Collection]:
    keys, tree = require_graph(workspace, collection_id)
    if not profiles_of(tree):
        raise HarvesterError(
            f"{collection_id} has no workers.",
            hint=f"`graph workers plan {collection_id} --profiles a,b` makes them; "
            f"without, `collection once {collection_id}` reads its crawl in one process.",
            exit_code=Exit.USAGE,
        )
    return keys, tree


def _state(workspace: Workspace, worker: str) -> str:
    from harvester.harvest import catalog

    task = workspace.compute.task(worker)
    lives = (task and task.status not in OVER) or catalog.live_lock(workspace.store, workspace.keys(worker))
    return "RUNNING" if lives else "ENDED"
