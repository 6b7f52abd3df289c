"""Long-running processes: the scheduler in the foreground, and the supervisor of a stream."""

import logging
import signal
import threading
from datetime import datetime
from pathlib import Path
from types import FrameType

import click

from harvester.clock import Stop, SystemClock
from harvester.commands import TYPED
from harvester.commands.cli.outcome import outcome_line
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.errors import Conflict, Exit, HarvesterError
from harvester.monitoring.alerts import watching
from harvester.text import counted

log = logging.getLogger("twarc-cloud")


@click.command(
    "scheduler",
    help="Run scheduled harvests and restart streams on this machine, until Ctrl-C.",
)
@in_workspace
def scheduler(workspace: Workspace) -> int:
    from harvester.compute.local.scheduler import Scheduler
    from harvester.harvest import catalog

    def ended(collection_id: str) -> str:
        last = catalog.last(workspace.store, workspace.keys(collection_id))
        return outcome_line(workspace, last) if last else f"{collection_id}: ended without a harvest."

    def running(collection_id: str) -> bool:
        return catalog.live_lock(workspace.store, workspace.keys(collection_id)) is not None

    if workspace.settings.cluster:
        raise HarvesterError(
            "On a cluster AWS starts scheduled harvests; no scheduler is needed here.",
            hint="`collection scheduled` lists them.",
            exit_code=Exit.USAGE,
        )
    stop = Stop()
    _on_signals(stop)
    made = Scheduler(workspace.this_machine, SystemClock(), stop, say=_say, ended=ended, running=running)
    # That another one runs already is for the person who typed this.
    with watching(
        "scheduler", workspace.bucket or str(workspace.folder), unless=(*TYPED, Conflict)
    ) as alerts:
        alerts.settings = workspace.settings
        found = workspace.this_machine.schedules()
        _say(
            f"{counted(len(found), 'schedule')} for {workspace.store.name}; Ctrl-C ends the scheduler, "
            "not its harvests."
        )
        try:
            made.run()
        except Conflict as error:
            hint = "A scheduler for these collections is already running."
            raise Conflict(error.message, hint=hint, exit_code=Exit.LOCKED) from error
    return int(Exit.OK)


def _say(text: str) -> None:
    click.echo(f"{datetime.now():%Y-%m-%d %H:%M:%S} {text}")


@click.command("supervise", hidden=True, help="Keep the stream of COLLECTION_ID running.")
@collection_id_argument
@in_workspace
def supervise(collection_id: str, workspace: Workspace) -> int:
    from harvester.compute.local.logs import newest
    from harvester.compute.local.supervisor import Supervisor

    stop = Stop()
    _on_signals(stop)
    path = newest(workspace.runs / workspace.keys(collection_id).id)
    if path is None:
        hint = f"Run `collection filter-start {collection_id}` instead."
        raise HarvesterError(
            "`supervise` is started by `collection filter-start`.", hint=hint, exit_code=Exit.USAGE
        )
    made = Supervisor(
        workspace.this_machine,
        collection_id,
        log=Path(path),
        restarts=workspace.settings.restarts,
        pause=workspace.settings.restart_seconds,
        clock=SystemClock(),
        stop=stop,
    )
    with watching(collection_id, workspace.bucket or str(workspace.folder), unless=TYPED) as alerts:
        alerts.settings, alerts.store = workspace.settings, workspace.store
        code = made.run()
        task = workspace.compute.task(collection_id)
        # With any other code the harvest itself has told why it is of no use to start it again.
        if code == Exit.ERROR and task:
            alerts.gave_up(task.detail)
    return int(code)


def _on_signals(stop: Stop) -> None:
    def hear(number: int, _: FrameType | None) -> None:
        threading.Thread(target=stop.request, args=(signal.Signals(number).name,), daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
