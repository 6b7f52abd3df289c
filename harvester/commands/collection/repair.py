"""`collection repair`: searches for what a stream missed, after it has said what that may cost."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.clock import Stop, SystemClock, moment
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
from harvester.commands.cli.progress_meter import Show, meter, progress_option
from harvester.commands.cli.signals import stopped_by_signals
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection.ready import require_collection
from harvester.commands.collection.repair_plan import as_tree, require_within_reach, tell, to_search
from harvester.curation.repair.gaps import overlapping
from harvester.documents import Collection, HarvestSummary
from harvester.errors import Exit, HarvesterError
from harvester.harvest.summary import bill_words, progress_words
from harvester.networks.repair import REPAIRED
from harvester.settings import Settings
from harvester.store.keys import CollectionKeys
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.curation.repair.estimate import Estimate
    from harvester.curation.repair.plan import Plan
    from harvester.curation.repair.run import Repair
    from harvester.harvest.progress import Outcome, Progress
    from harvester.networks import Client, Network

_SHOWN_EVERY = 0.5
_STOPPING = (
    "Stopping after storing what was found. Press Ctrl-C again to end at once; nothing stored is lost."
)


@click.command("repair")
@collection_id_argument
@click.option("--archive", is_flag=True, help="Search the full archive, also for gaps older than 7 days.")
@click.option(
    "--counts", is_flag=True, help="Let X count the posts first, for an exact price; each count costs."
)
@click.option("--again", is_flag=True, help="Search once more for gaps that were closed as partial.")
@change_options
@progress_option
@in_workspace
@each_shard()
def repair(
    collection_id: str,
    archive: bool,
    counts: bool,
    again: bool,
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
    plan = plan_of(workspace.store, keys, network, archive=archive, now=now, again=again)
    if not (dry_run or plan.planned):
        _close_what_is_repaired(workspace, keys)
    known = _counted(workspace, tree, plan, network, yes=yes) if counts and plan.planned else None
    told = as_tree(plan, network, known, None if counts else _estimate(workspace, keys, network, plan))
    if not as_json:
        tell(plan, told, network.rule_values(tree, active=True))
    if dry_run or not plan.planned:
        if as_json:
            print_json({"id": collection_id, "started": False, **told})
        elif dry_run:
            announce_dry_run(True, f"search for {to_search(plan)} of {collection_id}")
        require_within_reach(plan, told)
        return int(Exit.OK)
    _require_idle(workspace, keys)
    limit = budget(tree, setting=workspace.settings.budget_usd)
    within = f" The budget of ${limit:,.2f} is kept." if limit else ""
    confirm(f"Search for {to_search(plan)}?{within}", yes=yes)
    describe(workspace.store, keys, tree, plan)
    outcome, summary = _run(workspace, keys, tree, form)
    if as_json:
        print_json({"id": collection_id, "started": True, **told, "repair": summary})
    else:
        _print_outcome(workspace, outcome, summary)
    return int(outcome.exit_code)


def _run(
    workspace: Workspace, keys: CollectionKeys, tree: Collection, form: str
) -> "tuple[Outcome, HarvestSummary]":
    from harvester.curation.repair.run import Repair, work_root
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
        heartbeat.every(_SHOWN_EVERY, over, _shows(made, stop, show))
        try:
            outcome, _ = made.run()
        finally:
            over.set()
    return outcome, made.summary()


def _shows(made: "Repair", stop: Stop, show: Show) -> Callable[[], None]:
    """The display of the repair's progress, which also reports once that a stop was received."""
    said: list[bool] = []

    def shown() -> None:
        if stop.requested and not said:
            said.append(True)
            click.echo(_STOPPING, err=True)
        show(progress_words(made.summary()))

    return shown


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
            hint=f"`harvest running {keys.id}` shows how far it is; "
            f"`harvest stop {keys.id} --repair` stops it.",
            exit_code=Exit.LOCKED,
        )


def _estimate(workspace: Workspace, keys: CollectionKeys, network: "Network", plan: "Plan") -> "Estimate":
    from harvester.curation.repair.estimate import estimate
    from harvester.curation.repair.plan import known_progress
    from harvester.store.reading import reader

    progress = known_progress(workspace.store, keys)
    return estimate(reader(workspace.store), keys, network, plan, progress)


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


def _print_outcome(workspace: Workspace, outcome: "Outcome", summary: HarvestSummary) -> None:
    print_line(outcome_line(workspace, summary))
    events = summary.get("repairs") or []
    gaps = overlapping(events, lambda event: (moment(event["from"]), moment(event["to"])))
    whole = sum(all(event["state"] == REPAIRED for event in gap) for gap in gaps)
    there = sum(event["already_there"] for event in events)
    click.echo(
        f"{counted(len(gaps), 'gap')} closed: {whole} repaired, {len(gaps) - whole} partial; "
        f"{counted(summary['tweets'], 'post')} stored, {there:,} already there. "
        f"{bill_words(summary)}."
    )
    if outcome.exit_code:
        advise(f"`collection repair {summary['collection_id']}` continues with the others.")
