"""`harvest stop`: asks a harvest or a repair to end, with everything stored, and waits for that."""

from typing import TYPE_CHECKING

import click

from harvester.commands.cli.amounts import Seconds
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.output import announce_dry_run, dry_run_option
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.errors import HarvesterError

if TYPE_CHECKING:
    from harvester.store.keys import CollectionKeys

_STOPS_WITHIN = 180.0


@click.command("stop", help="Stop the running harvest of COLLECTION_ID after storing what it has.")
@collection_id_argument
@click.option("--repair", "of_repair", is_flag=True, help="Stop the repair of its gaps instead.")
@click.option("--timeout", type=Seconds(), default=_STOPS_WITHIN, show_default=True, help="Seconds to wait.")
@dry_run_option
@in_workspace
@each_shard()
def stop(collection_id: str, of_repair: bool, timeout: float, dry_run: bool, workspace: Workspace) -> None:
    from harvester.collection import history
    from harvester.harvest import catalog

    keys = workspace.keys(collection_id)
    history.read(workspace.store, keys)
    repairs = bool(catalog.live_lock(workspace.store, keys.repairs))
    task = None if of_repair else workspace.compute.task(collection_id)
    runs = not of_repair and bool(task or catalog.live_lock(workspace.store, keys))
    if task and task.kind == "service":
        raise _is_service(collection_id, repairs=repairs)
    if not (runs or repairs):
        raise _nothing_runs(collection_id, of_repair=of_repair)
    what = "harvest" if runs else "repair"
    if announce_dry_run(dry_run, f"stop the {what} of {collection_id} after storing what it has"):
        return
    click.echo("Stopping ...")
    if runs:
        end_harvest(workspace, keys, within=timeout)
    else:
        _end(workspace, keys.repairs, within=timeout, of_repair=True)
    click.echo("Stopped")


def _nothing_runs(collection_id: str, *, of_repair: bool) -> HarvesterError:
    what = "repair" if of_repair else "harvest"
    return HarvesterError(
        f"No {what} of {collection_id} is running.", hint="`harvest list` shows what is running."
    )


def _is_service(collection_id: str, *, repairs: bool) -> HarvesterError:
    also = f"; `harvest stop {collection_id} --repair` stops its repair" if repairs else ""
    return HarvesterError(
        f"{collection_id} is a stream, which would be restarted.",
        hint=f"`collection filter-stop {collection_id}` ends it{also}.",
    )


def end_harvest(workspace: Workspace, keys: "CollectionKeys", *, within: float) -> None:
    """Ask through the store and, where it is open, through the port; wait for the end."""
    _end(workspace, keys, within=within, of_repair=False)


def _end(workspace: Workspace, keys: "CollectionKeys", *, within: float, of_repair: bool) -> None:
    """The same for a repair, which is not a task: a command runs it, reached only through the store."""
    from harvester.clock import Stop, SystemClock
    from harvester.commands.cli.wait_notice import Waiting
    from harvester.harvest import catalog, control

    clock, never, waits = SystemClock(), Stop(), Waiting()
    began = clock.elapsed()
    deadline = began + within

    def asked_at_its_port() -> bool:
        return not of_repair and workspace.compute.ask_to_stop(keys.id)

    asked, written = asked_at_its_port(), ""
    while (not of_repair and workspace.compute.task(keys.id)) or catalog.live_lock(workspace.store, keys):
        if not asked and catalog.live_lock(workspace.store, keys):
            # Not before the lock is held: a harvest that begins removes requests left by others.
            written = control.ask(workspace.store, keys) or written
            asked = of_repair or asked_at_its_port()
        if clock.elapsed() > deadline:
            raise HarvesterError(
                f"The {'repair' if of_repair else 'harvest'} of {keys.id} did not end within {within:.0f} s.",
                hint="The stop is requested and takes effect when the harvest sees it; see "
                "`harvest running`.",
            )
        heard = control.heard_within(workspace.store, workspace.settings)
        waits(keys.id, f"it hears a stop request within {heard:g} s", clock.elapsed() - began)
        clock.wait(never, workspace.pause)
    control.take_back(workspace.store, keys, written)
