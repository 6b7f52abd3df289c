"""Starts a harvest and follows it until it ends, or Ctrl-C or SIGTERM stops it with everything stored."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from harvester.commands.cli.outcome import outcome_line, show_notes
from harvester.commands.cli.output import advise, print_json
from harvester.commands.cli.printed_commands import complete
from harvester.commands.cli.progress_meter import meter
from harvester.commands.cli.workspace import Workspace
from harvester.commands.harvest_stop import end_harvest
from harvester.documents import HarvestSummary
from harvester.errors import Exit, HarvesterError, Terminated, interruption
from harvester.harvest.summary import progress_words
from harvester.store.keys import CollectionKeys
from harvester.text import printable_lines

if TYPE_CHECKING:
    from harvester.compute import Ended

_STOPS_WITHIN = 180.0
# Seconds between two questions how far it is; on AWS each is a request.
_ASKED_EVERY, _ASKED_EVERY_ON_AWS = 1.0, 10.0

_DIED = "The harvest died; `harvest log {id}` shows its log; start it again: nothing stored is lost."


@contextmanager
def _terminable() -> Iterator[None]:
    """While the block runs, SIGTERM stops the harvest as Ctrl-C does, and SIGHUP ends only the waiting."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def hear(number: int, _: object) -> None:
        raise Terminated(number)

    for number, then in ((signal.SIGTERM, hear), (signal.SIGHUP, signal.SIG_DFL)):
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, then)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start_and_follow(
    workspace: Workspace, keys: CollectionKeys, *, form: str, as_json: bool = False, err: bool = False
) -> int:
    """Start a harvest and show how far it is until it has ended, and then its outcome; its exit code.

    With `err` all of that is on standard error.
    """
    with _terminable():
        return _follow(workspace, keys, form=form, as_json=as_json, err=err)


def _follow(workspace: Workspace, keys: CollectionKeys, *, form: str, as_json: bool, err: bool) -> int:
    from harvester.harvest import catalog
    from harvester.harvest.progress import INTERRUPTED

    marked, interrupted = catalog.mark(workspace.store, keys), None
    try:
        workspace.compute.once(keys.id)
        if not as_json:
            click.echo("Started", err=err)
        _watch(workspace, keys, form)
    except KeyboardInterrupt as error:
        interrupted = interruption(error)
        if not _end(workspace, keys):
            return interrupted
    ended = workspace.compute.ended(keys.id)
    try:
        # One that found the lock taken did not begin: what began is another harvest.
        is_other = ended is not None and ended.code == Exit.LOCKED
        summary = None if is_other else catalog.first_after(workspace.store, keys, marked)
    except HarvesterError:
        # What the harvest said last is nearer to the cause, as when its folder was moved.
        if not (ended and ended.code and ended.said):
            raise
        summary = None
    if summary and as_json:
        print_json(summary)
    elif summary:
        click.echo(outcome_line(workspace, summary), err=err)
        show_notes(workspace, summary)
    if interrupted:
        return interrupted
    recorded = None if summary is None or summary["state"] == INTERRUPTED else summary
    _print_end(keys, ended, died=recorded is None)
    return exit_code(ended, recorded)


def exit_code(ended: "Ended | None", recorded: HarvestSummary | None) -> int:
    """Of a harvest: of its process, or, where the machine does not know that, as it was recorded."""
    failed = int(Exit.ERROR)
    if recorded is None:
        return (ended and ended.code) or failed
    return ended.code if ended else int(recorded.get("exit_code", failed))


def _print_end(keys: CollectionKeys, ended: "Ended | None", *, died: bool) -> None:
    """What the machine says of the end, and of a harvest that died its last words."""
    if ended and ended.detail:
        click.echo(ended.detail, err=True)
    if died:
        said = ended.said if ended else ""
        click.echo(printable_lines(said) or complete(_DIED.format(id=keys.id)), err=True)


def _watch(workspace: Workspace, keys: CollectionKeys, form: str) -> None:
    from harvester.clock import Stop, SystemClock

    clock, never = SystemClock(), Stop()
    every = _ASKED_EVERY_ON_AWS if workspace.settings.cluster else _ASKED_EVERY
    asked = clock.elapsed()
    summary: HarvestSummary | None = None
    with meter(form, interrupted="") as show:
        while workspace.compute.task(keys.id):
            if clock.elapsed() - asked >= every:
                summary, asked = _summary(workspace, keys) or summary, clock.elapsed()
            if summary:
                numbers = {name: summary[name] for name in ("tweets", "files", "file_bytes")}
                show(progress_words(summary), **numbers)
            clock.wait(never, workspace.pause)


def _summary(workspace: Workspace, keys: CollectionKeys) -> HarvestSummary | None:
    """How far it is, from itself or from the store; None if neither says."""
    from harvester.harvest import catalog

    try:
        return workspace.compute.live(keys.id) or catalog.running(workspace.store, keys)
    except HarvesterError:
        # The harvest continues without being watched.
        return None


def _end(workspace: Workspace, keys: CollectionKeys) -> bool:
    """Have the harvest stop, with everything stored; False if the person does not wait for that."""
    click.echo("Stopping after storing what was collected. Press Ctrl-C again to stop waiting.", err=True)
    try:
        end_harvest(workspace, keys, within=_STOPS_WITHIN)
    except KeyboardInterrupt:
        advise(f"Stop requested; `harvest running {keys.id}` shows whether it has stopped.")
        return False
    return True
