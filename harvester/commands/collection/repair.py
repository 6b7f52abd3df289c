"""`collection repair`: searches for what a stream missed, after it has said what that may cost."""

import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.clock import Stop, SystemClock
from harvester.collection.description import budget
from harvester.collection.kinds import STREAMS
from harvester.commands import SECRETS
from harvester.commands.cli import network_client
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.outcome import outcome_line
from harvester.commands.cli.output import (
    advise,
    announce_dry_run,
    change_options,
    confirm,
    print_json,
    print_line,
)
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.signals import stopped_by_signals
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection.ready import require_collection
from harvester.documents import Collection, HarvestSummary, Tree
from harvester.errors import Exit, HarvesterError
from harvester.harvest.summary import dollars
from harvester.networks.repair import REPAIRED
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.text import counted, when

if TYPE_CHECKING:
    from harvester.curation.repair.gaps import StreamGap
    from harvester.curation.repair.plan import Plan
    from harvester.harvest.progress import Outcome, Progress
    from harvester.networks import Client, Network

_SHOWN = 10
_SHOWN_EVERY = 0.5


@click.command("repair")
@collection_id_argument
@click.option("--archive", is_flag=True, help="Search the full archive, also for gaps older than 7 days.")
@click.option(
    "--counts", is_flag=True, help="Let X count the posts first, for an exact price; each count costs."
)
@change_options
@progress_option
@in_workspace
@each_shard()
def repair(
    collection_id: str,
    archive: bool,
    counts: bool,
    form: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    workspace: Workspace,
) -> int:
    """Search for the posts that the stream of COLLECTION_ID missed.

    Each open gap is searched for with the rules that were live in it. What is found is stored below
    repairs/, and the gap is closed: as repaired, or as partial with the classes of posts that no search
    finds. It says what that may cost and asks first. The stream may run meanwhile.
    """
    from harvester.curation.repair.plan import describe, plan_of
    from harvester.networks.registry import network_of

    keys, tree = require_collection(workspace, collection_id, *STREAMS)
    network, now = network_of(tree), workspace.store.now()
    plan = plan_of(workspace.store, keys, network, archive=archive, now=now)
    if not (dry_run or plan.planned):
        _close_what_is_repaired(workspace, keys)
    known = _counted(workspace, tree, plan, network, yes=yes) if counts and plan.planned else None
    told = _as_tree(plan, network, known)
    if not as_json:
        _tell(plan, told)
    if dry_run or not plan.planned:
        if as_json:
            print_json({"id": collection_id, "started": False, **told})
        elif dry_run:
            announce_dry_run(True, f"search for {counted(len(plan.planned), 'gap')} of {collection_id}")
        _require_within_reach(plan, told)
        return int(Exit.OK)
    _require_idle(workspace, keys)
    limit = budget(tree, setting=workspace.settings.budget_usd)
    within = f" The budget of ${limit:,.2f} is kept." if limit else ""
    confirm(f"Search for {counted(len(plan.planned), 'gap')}?{within}", yes=yes)
    describe(workspace.store, keys, tree, plan)
    outcome, summary = _run(workspace, keys, tree, form)
    if as_json:
        print_json({"id": collection_id, "started": True, **told, "repair": summary})
    else:
        _tell_of_repair(workspace, outcome, summary)
    return int(outcome.exit_code)


def _run(
    workspace: Workspace, keys: CollectionKeys, tree: Collection, form: str
) -> "tuple[Outcome, HarvestSummary]":
    from harvester.curation.repair.run import Repair, work_root
    from harvester.harvest.summary import progress_words
    from harvester.monitoring import heartbeat
    from harvester.store.reading import reader

    over = threading.Event()
    with stopped_by_signals() as stop, meter(form, interrupted="") as show:
        made = Repair(
            store=workspace.store,
            reader=reader(workspace.store),
            keys=keys,
            client=lambda _, progress: _client(workspace.settings, tree, stop, progress),
            settings=workspace.settings,
            work_root=work_root(Path(workspace.settings.temp), workspace.bucket or "local", keys),
            clock=SystemClock(),
            stop=stop,
        )
        heartbeat.every(_SHOWN_EVERY, over, lambda: show(progress_words(made.summary())))
        try:
            outcome, _ = made.run()
        finally:
            over.set()
    return outcome, made.summary()


def _client(settings: Settings, tree: Collection, stop: Stop, progress: "Progress") -> "Client":
    """With the keys of the stream's collection, which the description of its repairs does not have."""
    from harvester.networks import Waits
    from harvester.networks.registry import network_of

    network = network_of(tree)
    found = network.keys(tree, settings)
    SECRETS.hide(found.secrets)
    return network.client(found, settings, Waits(SystemClock(), stop, settings.x_patience, progress.waits))


def _close_what_is_repaired(workspace: Workspace, keys: CollectionKeys) -> None:
    """What a repair found while the stream's harvest ran is said in that now that it is over."""
    from harvester.curation.repair.closing import close_gaps

    if told := close_gaps(workspace.store, keys):
        advise(f"{counted(len(told), 'gap')} of earlier repairs closed in harvest.json.")


def _require_idle(workspace: Workspace, keys: CollectionKeys) -> None:
    from harvester.harvest import catalog

    if owner := catalog.live_lock(workspace.store, keys.repairs):
        raise HarvesterError(
            f"A repair of {keys.id} is already running on {owner.get('host', 'an unknown host')}.",
            hint="Wait until it has ended.",
            exit_code=Exit.LOCKED,
        )


# -- what it may cost ---


def _counted(workspace: Workspace, tree: Collection, plan: "Plan", network: "Network", *, yes: bool) -> int:
    """How many posts X counts for all searches, once its price is agreed to."""
    asked = list(plan.asked())
    usd = sum(network.count_cost(since, until, archive=plan.archive) for _, since, until in asked)
    confirm(f"{counted(len(asked), 'count')} at {network.title} for ${usd:,.3f}. Count?", yes=yes or not usd)
    client = network_client.client(workspace.settings, tree)
    try:
        found = [
            network.counted(client, query, since, until, archive=plan.archive)
            for query, since, until in asked
        ]
    finally:
        client.close()
    return sum(sum(days.values()) for days in found)


def _as_tree(plan: "Plan", network: "Network", known: int | None) -> Tree:
    """The plan for programs; `usd` is an estimate unless the posts were counted."""
    return {
        "gaps": [each.to_tree() for each in plan.planned],
        "searches": plan.searches,
        "posts": round(plan.posts) if known is None else known,
        "usd": round(_price(network, plan.posts if known is None else known), 3),
        "is_counted": known is not None,
        "out_of_reach": [each.to_tree() for each in plan.out_of_reach],
        "needs_archive": [gap.event for gap in plan.too_old],
        "needs_archive_usd": round(_price(network, plan.old_posts), 3),
        "not_settled": [gap.event for gap in plan.too_new],
        "without_rules": [gap.event for gap in plan.unknown_rules],
    }


def _price(network: "Network", posts: float) -> float:
    return network.prices.price("", posts=math.ceil(posts)) if network.prices else 0.0


def _tell(plan: "Plan", told: Tree) -> None:
    for each in plan.planned[:_SHOWN]:
        print_line(f"{_interval(each.gap)}: {each.gap.event.get('reason', '')}")
    if len(plan.planned) > _SHOWN:
        click.echo(f"... and {len(plan.planned) - _SHOWN:,} further gaps.")
    if plan.planned:
        about = "" if told["is_counted"] else "about "
        how = "as X counts them" if told["is_counted"] else "by the rate of the stream"
        click.echo(
            f"{counted(len(plan.planned), 'open gap')}, {plan.seconds:,.0f} s in all; "
            f"{counted(plan.searches, 'search')}; "
            f"{about}{counted(told['posts'], 'post')} ({how}), {about}${told['usd']:,.2f}."
        )
        for missed in plan.out_of_reach:
            print_line(
                f"Out of reach for {counted(len(missed.rules), 'rule')}: {missed.posts} ({missed.reason})."
            )
    elif not (plan.too_old or plan.too_new or plan.unknown_rules):
        click.echo("No open gaps.")
    notes = (
        (plan.too_new, "ended less than 5 minutes ago, and can be repaired then"),
        (plan.unknown_rules, "cannot be searched for: no `rules` event tells which rules were live"),
    )
    for gaps, words in notes:
        if gaps:
            click.echo(f"{counted(len(gaps), 'gap')} {words}.", err=True)
    if plan.too_old and plan.planned:
        click.echo(_too_old(plan, told), err=True)


def _too_old(plan: "Plan", told: Tree) -> str:
    many = counted(len(plan.too_old), "gap")
    return (
        f"{many} older than seven days: --archive searches for {'it' if len(plan.too_old) == 1 else 'them'}, "
        f"for about ${told['needs_archive_usd']:,.2f}."
    )


def _require_within_reach(plan: "Plan", told: Tree) -> None:
    """Raise where gaps are open, and only the archive has what was published in them."""
    if plan.too_old and not plan.planned:
        raise HarvesterError(
            "The open gaps are out of reach of a recent search.",
            [_too_old(plan, told)],
            "Use --archive.",
            exit_code=Exit.USAGE,
        )


def _interval(gap: "StreamGap") -> str:
    return f"{when(gap.event['from'])} to {when(gap.event['to'])[11:]} ({gap.seconds:,.1f} s)"


# -- what came of it ---


def _tell_of_repair(workspace: Workspace, outcome: "Outcome", summary: HarvestSummary) -> None:
    print_line(outcome_line(workspace, summary))
    events = summary.get("repairs") or []
    whole = sum(event["state"] == REPAIRED for event in events)
    stored = sum(event["stored"] for event in events)
    there = sum(event["already_there"] for event in events)
    click.echo(
        f"{counted(len(events), 'gap')} closed: {whole} repaired, {len(events) - whole} partial; "
        f"{counted(stored, 'post')} stored, {there:,} already there. Billed: ${dollars(summary):,.2f}."
    )
    if outcome.exit_code:
        advise(f"`collection repair {summary['collection_id']}` continues with the others.")
