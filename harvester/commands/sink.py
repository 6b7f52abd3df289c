"""`sink`: passes stored posts on to other programs, sends them again, and shows how far each sink is."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from harvester.commands import Group
from harvester.commands.cli.lists_hint import require_posts
from harvester.commands.cli.output import (
    announce_dry_run,
    confirm,
    dry_run_option,
    json_option,
    print_json,
    print_line,
    table,
    yes_option,
)
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.text import counted, when

if TYPE_CHECKING:
    from harvester.sinks import Asked
    from harvester.store.keys import CollectionKeys

_COLUMNS = ("sink", "type", "state", "lag_records", "lag_seconds", "delivered", "dead_letters", "position")


@click.group("sink", cls=Group, help="Pass stored posts on to other programs; see docs/sinks.md.")
def sink() -> None:
    pass


def _which_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--sink", "name", help="Name of a sink of the collection."),
        click.option("--from", "begin", help="Begin with what came since then: a date, `start` or `now`."),
        click.option("--harvest", help="Deliver this harvest only, by its timestamp."),
        click.option("--temp", help="Folder for files that are not stored yet.  [default: temp]"),
    ):
        command = option(command)
    return command


@sink.command(
    "run",
    help="Deliver the posts of COLLECTION_ID, those that come included, until Ctrl-C.\n\n"
    "A sink of the collection (--sink) continues where it was. Without one, --to says where posts go: "
    "`stdout` prints one post a line, an address receives one POST request for each; such a run has no "
    "position, and begins now unless --from or --once is given.",
)
@collection_id_argument
@_which_options
@click.option("--to", "target", help="`stdout`, or the https:// address of a webhook.")
@click.option("--secret", help="Where the webhook's secret is: env:NAME or ssm:/path.")
@click.option("--follow/--once", default=True, help="Continue with new posts, or end when all are delivered.")
@in_workspace
def run_command(
    collection_id: str,
    name: str | None,
    begin: str | None,
    harvest: str | None,
    temp: str | None,
    target: str | None,
    secret: str | None,
    follow: bool,
    workspace: Workspace,
) -> None:
    from harvester.commands.cli.sink_process import run_sink

    keys, tree = _collection(workspace, collection_id)
    if bool(name) == bool(target):
        raise HarvesterError(
            "Give either --sink or --to.",
            hint=f"`sink run {collection_id} --to stdout` prints posts; `sink list {collection_id}` "
            "shows the collection's sinks.",
            exit_code=Exit.USAGE,
        )
    asked = _asked(tree, keys, name) if name else _asked_of_target(keys, str(target), secret)
    if name and (begin or harvest):
        raise HarvesterError(
            f"{name} continues from its stored position.",
            hint=f"`sink replay {collection_id} --sink {name}` sends stored harvests again.",
            exit_code=Exit.USAGE,
        )
    usual = str(asked.settings.get("from") or "start") if name or not follow else "now"
    run_sink(
        *(workspace.store, tree, asked, workspace.settings),
        work_root=workspace.work_root(keys, temp),
        follow=follow and not harvest,
        kept=bool(name),
        begin=begin or usual,
        only=_harvest(workspace, keys, harvest),
    )


@sink.command("replay", help="Send stored posts of COLLECTION_ID again; the sink's position does not change.")
@collection_id_argument
@_which_options
@click.option("--repairs", is_flag=True, help="Send the posts that `collection repair` found.")
@yes_option
@dry_run_option
@in_workspace
def replay(
    collection_id: str,
    name: str | None,
    begin: str | None,
    harvest: str | None,
    temp: str | None,
    repairs: bool,
    yes: bool,
    dry_run: bool,
    workspace: Workspace,
) -> None:
    from harvester.commands.cli.sink_process import run_sink
    from harvester.sinks.replay import extent

    keys, tree = _collection(workspace, collection_id)
    if not name:
        raise HarvesterError(
            "--sink is missing.", hint=f"`sink list {keys.id}` shows the sinks.", exit_code=Exit.USAGE
        )
    asked, keys = _asked(tree, keys, name), keys.repairs if repairs else keys
    only = _harvest(workspace, keys, harvest)
    found = extent(workspace.store, keys, begin=begin or "start", only=only)
    most = "up to " if found.is_most else ""
    what = f"{most}{counted(found.posts, 'post')} of {counted(found.harvests, 'harvest')} to {asked.name}"
    if announce_dry_run(dry_run, f"send {what} again"):
        return
    confirm(f"Send {what} again?", yes=yes)
    print_line(f"Sending {what} again.", err=True)
    figures = run_sink(
        *(workspace.store, tree, asked, workspace.settings),
        work_root=workspace.work_root(keys, temp),
        follow=False,
        kept=False,
        begin=begin or "start",
        only=only,
        repairs=repairs,
    )
    dead = f" {counted(figures.dead_letters, 'dead letter')}: {figures.newest_dead_letters}."
    print_line(
        f"Sent {counted(figures.delivered, 'message')}.{dead if figures.dead_letters else ''}", err=True
    )


@sink.command("list", help="Show the sinks of COLLECTION_ID: position, lag, what was delivered, errors.")
@collection_id_argument
@json_option
@in_workspace
def list_command(collection_id: str, as_json: bool, workspace: Workspace) -> None:
    from harvester.clock import SystemClock
    from harvester.sinks.opening import asked_of
    from harvester.sinks.overview import overview

    keys, tree = _collection(workspace, collection_id)
    rows = [overview(workspace.store, keys, asked, clock=SystemClock()) for asked in asked_of(tree, keys.id)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("No sinks.")
        return
    click.echo(table([{**row, "position": _place(row["position"])} for row in rows], _COLUMNS))
    for row in rows:
        if row["last_error"]:
            print_line(f"{row['sink']}: {row['last_error']}")
        if row["dead_letters"]:
            print_line(f"{row['sink']}: the newest dead letters are in {row['newest_dead_letters']}.")


def _place(position: Tree | None) -> str:
    return f"{when(position['harvest'])}, {position['segment']}:{position['line']}" if position else ""


def _collection(workspace: Workspace, collection_id: str) -> "tuple[CollectionKeys, Tree]":
    keys = workspace.keys(collection_id)
    tree = dict(workspace.collection(keys))
    require_posts(collection_id, tree)
    return keys, tree


def _asked(tree: Tree, keys: "CollectionKeys", name: str) -> "Asked":
    from harvester.sinks.opening import asked_of, named

    return named(asked_of(tree, keys.id), name, keys.id)


def _asked_of_target(keys: "CollectionKeys", target: str, secret: str | None) -> "Asked":
    """The sink that the options of `run` describe, as one of a collection would be."""
    from harvester.collection.sinks import sink_problems
    from harvester.sinks import Asked

    is_address = "://" in target
    entry: Tree = {"type": "webhook", "url": target} if is_address else {"type": target}
    if secret:
        entry["secret"] = secret
    if problems := [_as_typed(problem) for problem in sink_problems([entry])]:
        raise HarvesterError(problems[0], problems[1:], _instead(keys.id, target), exit_code=Exit.USAGE)
    return Asked(keys.id, "webhook" if is_address else target, entry["type"], entry)


def _instead(collection_id: str, target: str) -> str:
    """What to type where a type of sink needs more than its name."""
    if target == "webhook":
        return f"Give its address: `sink run {collection_id} --to https://HOST/PATH`."
    return 'Describe it under "sinks" of the collection (docs/sinks.md).' if target == "kafka" else ""


def _as_typed(problem: str) -> str:
    """A problem of a sink by the options that describe it here."""
    for member, option in ((".url", "--to"), (".secret", "--secret"), (".type", "--to"), ("", "--to")):
        problem = problem.replace(f"sinks[1]{member}", option)
    return problem


def _harvest(workspace: Workspace, keys: "CollectionKeys", text: str | None) -> str:
    """The timestamp of the harvest that a person names; "" for none, raises if there is none."""
    if not text:
        return ""
    from harvester.clock import timestamp
    from harvester.sinks.archive.harvests import harvest_at
    from harvester.sinks.beginning import moment_of

    started = moment_of(text).replace(microsecond=0)
    here = harvest_at(workspace.store, keys, started)
    if here is None or here.started != started:
        raise HarvesterError(
            f"{keys.id} has no harvest of {text}.",
            hint=f"`harvest history {keys.id}` lists them.",
            exit_code=Exit.USAGE,
        )
    return timestamp(started)
