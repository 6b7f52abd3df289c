"""Follows a harvest that was just started, until it ends or Ctrl-C stops it."""

import click

from harvester.commands.cli.outcome import outcome_line, show_notes
from harvester.commands.cli.output import print_json
from harvester.commands.cli.progress_meter import meter
from harvester.commands.cli.workspace import Place
from harvester.commands.harvest import end_harvest
from harvester.documents import HarvestRecord
from harvester.errors import Exit
from harvester.harvest.summary import progress_words
from harvester.store.keys import CollectionKeys

_STOPS_WITHIN = 180.0
# Seconds between two questions how far it is; on AWS each is a request.
_ASKED_EVERY, _ASKED_EVERY_ON_AWS = 1.0, 10.0


def follow(place: Place, keys: CollectionKeys, *, form: str, as_json: bool) -> int:
    """Show how far the harvest is until it has ended, and then what came of it; its exit code."""
    from harvester.harvest import catalog

    interrupted = False
    try:
        _watch(place, keys, form)
    except KeyboardInterrupt:
        interrupted = True
        if not _end(place, keys):
            return int(Exit.INTERRUPTED)
    last = catalog.last(place.store, keys)
    if as_json:
        print_json(last)
    elif last:
        click.echo(outcome_line(place, last))
        show_notes(place, last)
    if interrupted:
        return int(Exit.INTERRUPTED)
    ended = place.compute.ended(keys.id)
    if ended and ended.detail:
        click.echo(ended.detail, err=True)
    return ended.code if ended else int(Exit.ERROR)


def _watch(place: Place, keys: CollectionKeys, form: str) -> None:
    from harvester.clock import Stop, SystemClock

    clock, never = SystemClock(), Stop()
    every = _ASKED_EVERY_ON_AWS if place.settings.cluster else _ASKED_EVERY
    asked = clock.elapsed()
    account: HarvestRecord | None = None
    with meter(form, interrupted="") as show:
        while place.compute.task(keys.id):
            if clock.elapsed() - asked >= every:
                account, asked = _account(place, keys) or account, clock.elapsed()
            if account:
                numbers = {name: account[name] for name in ("tweets", "files", "file_bytes")}
                show(progress_words(account), **numbers)
            clock.wait(never, place.pause)


def _account(place: Place, keys: CollectionKeys) -> HarvestRecord | None:
    """How far it is, from itself or from the store; None where neither says."""
    from harvester.errors import HarvesterError
    from harvester.harvest import catalog

    try:
        return place.compute.live(keys.id) or catalog.running(place.store, keys)
    except HarvesterError:
        # The harvest goes on without being watched.
        return None


def _end(place: Place, keys: CollectionKeys) -> bool:
    """Have the harvest stop, with everything stored; False where the person does not wait for that."""
    click.echo("Stopping after storing what was collected. Press Ctrl-C again to stop waiting.", err=True)
    try:
        end_harvest(place, keys, within=_STOPS_WITHIN)
    except KeyboardInterrupt:
        click.echo(f"Stop requested; `harvest running {keys.id}` shows whether it has stopped.", err=True)
        return False
    return True
