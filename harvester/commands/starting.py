"""`collection` commands that start harvests and end them: once, by a schedule, or for ever."""

from datetime import UTC, datetime, timedelta

import click

from harvester.collection import FILTER, SEARCH, USER_TIMELINE, parsed
from harvester.commands import described
from harvester.commands.harvests import outcome_line
from harvester.commands.place import Place, collection_id_argument, in_place
from harvester.commands.telling import json_option, print_json
from harvester.errors import Exit, HarvesterError
from harvester.layout import CollectionKeys, timestamp

_STOPS_WITHIN = 180.0
_SHOWN = 5


@click.command("once", help="Harvest COLLECTION_ID once.")
@collection_id_argument
@click.option("--wait", is_flag=True, help="Wait for its end, and return its exit code.")
@in_place
def once(collection_id: str, wait: bool, place: Place) -> int:
    keys = require_collection(place, collection_id, USER_TIMELINE, SEARCH)
    _require_keys(place, keys)
    require_idle(place, keys)
    place.compute.once(collection_id)
    click.echo("Started")
    return _awaited(place, keys) if wait else int(Exit.OK)


def _awaited(place: Place, keys: CollectionKeys) -> int:
    from harvester import records
    from harvester.clock import Stop

    stop = Stop()
    try:
        while place.compute.task(keys.id):
            stop.wait(0.2)
    except KeyboardInterrupt:
        click.echo(f"It goes on; `harvest stop {keys.id}` ends it.", err=True)
        return int(Exit.INTERRUPTED)
    last = records.last(place.store, keys)
    if last:
        click.echo(outcome_line(place, last))
    ended = place.compute.ended(keys.id)
    if ended and ended.told:
        click.echo(ended.told, err=True)
    return ended.code if ended else int(Exit.ERROR)


@click.command("schedule", help='Harvest COLLECTION_ID by EXPRESSION, e.g. "rate(7 days)".')
@collection_id_argument
@click.argument("expression")
@click.option("--dry-run", is_flag=True, help="Only show when it would be due.")
@in_place
def schedule(collection_id: str, expression: str, dry_run: bool, place: Place) -> None:
    from harvester.compute.schedule import coming
    from harvester.compute.schedule import parsed as schedule_of

    found = schedule_of(expression)
    keys = require_collection(place, collection_id, USER_TIMELINE, SEARCH)
    now = datetime.now(UTC)
    if not dry_run:
        if place.settings.cluster:
            _require_keys(place, keys)
        scheduled = place.compute.schedule(collection_id, found)
        click.echo("Scheduled")
        now = scheduled.since
    # From a moment before it, for a rate is due at once.
    times = coming(found, now - timedelta(microseconds=1), since=now, times=_SHOWN)
    click.echo(f"Due next (UTC): {', '.join(f'{time:%Y-%m-%d %H:%M:%S}' for time in times)}", err=True)
    if not dry_run and not scheduled.kept:
        click.echo("Nothing is harvested until `twarc_cloud.py scheduler` runs on this machine.", err=True)


@click.command("scheduled", help="List the schedules that are in force.")
@json_option
@in_place
def scheduled(as_json: bool, place: Place) -> None:
    found = place.compute.schedules()
    if as_json:
        now = datetime.now(UTC)
        print_json(
            [
                {
                    "id": each.collection_id,
                    "expression": each.schedule.expression,
                    "since": timestamp(each.since),
                    "last": each.last or None,
                    "next": timestamp(due) if (due := each.schedule.after(now, since=each.since)) else None,
                    "kept": each.kept,
                }
                for each in found
            ]
        )
        return
    for each in found:
        where = place.bucket or place.folder.name
        click.echo(f"{where} {each.collection_id} schedule => {each.schedule.expression}")
    if not found:
        click.echo("No scheduled tasks.")
    elif not found[0].kept:
        click.echo("No scheduler runs here: start `twarc_cloud.py scheduler`.", err=True)


@click.command("stop", help="End the schedule of COLLECTION_ID; a harvest that runs goes on.")
@collection_id_argument
@in_place
def stop(collection_id: str, place: Place) -> None:
    from harvester import history, records

    keys = place.keys(collection_id)
    if not place.compute.unschedule(collection_id):
        history.read(place.store, keys)
        raise HarvesterError(
            f"{collection_id} is not scheduled.",
            hint="`harvest stop` ends a harvest, `filter-stop` a stream.",
        )
    click.echo("Stopped")
    if records.lives(place.store, keys):
        click.echo(f"A harvest of it still runs; `harvest stop {collection_id}` ends it.", err=True)


@click.command("filter-start", help="Collect the stream of COLLECTION_ID until filter-stop.")
@collection_id_argument
@in_place
def filter_start(collection_id: str, place: Place) -> None:
    keys = require_collection(place, collection_id, FILTER)
    _require_keys(place, keys)
    task = place.compute.task(collection_id)
    if not task or task.status not in _OVER:
        if task:
            raise HarvesterError("Collection already started.", exit_code=Exit.LOCKED)
        require_idle(place, keys)
    place.compute.start_service(collection_id)
    click.echo("Started")


# Wanted, but nothing of it runs any more.
_OVER = ("GAVE UP", "DIED")


@click.command("filter-stop", help="End the stream of COLLECTION_ID, with everything stored.")
@collection_id_argument
@click.option("--timeout", type=float, default=_STOPS_WITHIN, show_default=True, help="Seconds to wait.")
@in_place
def filter_stop(collection_id: str, timeout: float, place: Place) -> None:
    require_collection(place, collection_id, FILTER)
    if not place.compute.task(collection_id):
        raise HarvesterError("Collection not already started.")
    click.echo("Stopping ...")
    place.compute.stop_service(collection_id, within=timeout)
    click.echo("Stopped")
    # Not done here: rules that go while another harvest of it begins would be posts that never came.
    click.echo(
        "Its rules stay in the app, for the next start; "
        f"`collection rules {collection_id} --remove` ends them.",
        err=True,
    )


def require_collection(place: Place, collection_id: str, *kinds: str) -> CollectionKeys:
    """Raise unless there is such a collection, valid, and of one of these kinds."""
    from harvester import history
    from harvester.errors import NotFound

    keys = place.keys(collection_id)
    try:
        data = history.read(place.store, keys).data
    except NotFound as error:
        raise NotFound(
            "Collection does not exist.",
            hint=f"There is no {collection_id} in {place.store.name}.",
            exit_code=Exit.NO_COLLECTION,
        ) from error
    described.require_kind(described.tree_of(data), *kinds)
    parsed(data, f"{place.store.name}/{keys.collection}")
    return keys


def _require_keys(place: Place, keys: CollectionKeys) -> None:
    """Raise unless a harvest that is started would find keys."""
    from harvester import history
    from harvester.credentials import require_for_harvests

    tree = described.tree_of(history.read(place.store, keys).data)
    require_for_harvests(place.settings, tree)


def require_idle(place: Place, keys: CollectionKeys) -> None:
    """Raise while a harvest of the collection runs, here or anywhere."""
    from harvester import records

    task = place.compute.task(keys.id)
    if task and task.status not in _OVER:
        where = place.compute.name
    elif owner := records.lives(place.store, keys):
        where = owner.get("host", "an unknown host")
    else:
        return
    raise HarvesterError(
        f"A harvest of {keys.id} is running already, on {where}.",
        hint=f"See `harvest running {keys.id}`; `harvest stop {keys.id}` ends it.",
        exit_code=Exit.LOCKED,
    )
