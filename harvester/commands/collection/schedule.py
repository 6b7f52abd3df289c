"""`collection` commands for schedules: create, list, pause, remove."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from harvester.clock import moment, timestamp
from harvester.collection.kinds import FINITE, has_users
from harvester.collection.workers import require_no_workers
from harvester.commands.cli import collection_file
from harvester.commands.cli.output import (
    advise,
    announce_dry_run,
    dry_run_option,
    json_option,
    print_json,
    yes_option,
)
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection import migrate_rules
from harvester.commands.collection.ready import require_collection, require_keys
from harvester.errors import Exit, HarvesterError

if TYPE_CHECKING:
    from harvester.compute import Scheduled
    from harvester.compute.schedules.due import Missed
    from harvester.compute.schedules.expression import Schedule

_SHOWN = 5


@click.command("schedule", help='Schedule harvests of COLLECTION_ID by EXPRESSION, e.g. "rate(7 days)".')
@collection_id_argument
@click.argument("expression")
@click.option(
    "--timezone", default="UTC", show_default=True, help="Time zone of EXPRESSION, e.g. Asia/Tokyo."
)
@dry_run_option
@in_workspace
def schedule(collection_id: str, expression: str, timezone: str, dry_run: bool, workspace: Workspace) -> None:
    from harvester.compute.schedules.expression import parsed

    found = parsed(expression, timezone)
    keys, tree = require_collection(workspace, collection_id, *FINITE)
    since = datetime.now(UTC)
    require_no_workers(tree)
    due = _due_next(found, since)
    if workspace.settings.cluster:
        require_keys(workspace, tree)
    if dry_run:
        workspace.compute.require_startable(collection_id, by_schedule=True)
    if announce_dry_run(dry_run, f"schedule harvests of {collection_id} with {expression}"):
        click.echo(due)
        return
    scheduled = workspace.compute.schedule(collection_id, found)
    click.echo("Scheduled")
    click.echo(_due_next(found, scheduled.since), err=True)
    collection_file.warn_of_changes(workspace.store, keys, tree)
    if has_users(tree) and not tree["users"]:
        advise("The collection has no users: add some and run `collection-config update`.")
    if not scheduled.scheduler_running:
        advise("Nothing is harvested until `twarc_cloud.py scheduler` runs on this machine.")


def _due_next(schedule: "Schedule", since: datetime) -> str:
    """The next times of one that comes into force then; raises if there are none."""
    from harvester.compute.schedules.expression import coming
    from harvester.compute.schedules.timezones import to_wall

    # From a moment before it, for a rate is due at once.
    times = coming(schedule, since - timedelta(microseconds=1), since=since, times=_SHOWN)
    if not times:
        raise HarvesterError(
            f"{schedule.expression} has no future time: it would never start a harvest.",
            hint="Use a later time, or e.g. `rate(1 day)`; docs/schedules.md has the forms.",
            exit_code=Exit.USAGE,
        )
    walls = (to_wall(time, schedule.timezone) for time in times)
    return f"Next harvests ({schedule.timezone}): {', '.join(f'{wall:%Y-%m-%d %H:%M:%S}' for wall in walls)}"


@click.command("scheduled", help="List the schedules.")
@json_option
@click.option("--migrate", is_flag=True, help="Replace EventBridge rules of 2019 with schedules.")
@click.option("--dry-run", is_flag=True, help="With --migrate: show what would be done; change nothing.")
@yes_option
@in_workspace
def scheduled(as_json: bool, migrate: bool, dry_run: bool, yes: bool, workspace: Workspace) -> int:
    from harvester.compute.schedules.due import missed

    found = workspace.compute.schedules()
    if migrate:
        return migrate_rules.migrate(workspace, found, dry_run=dry_run, yes=yes)
    now = datetime.now(UTC)
    missed_ones = {each.collection_id: each for each in missed(workspace.store, found, now)}
    if as_json:
        print_json([_row(each, now, missed_ones.get(each.collection_id)) for each in found])
    else:
        _show(workspace, found, missed_ones)
    migrate_rules.mention(workspace)
    return int(Exit.OK)


def _show(workspace: Workspace, found: "list[Scheduled]", missed_ones: "dict[str, Missed]") -> None:
    for each in found:
        where = workspace.bucket or workspace.folder.name
        click.echo(f"{where} {each.collection_id} schedule => {_told(each)}")
        if each.collection_id in missed_ones:
            click.echo(f"  {missed_ones[each.collection_id].text}", err=True)
        click.echo(f"  {_next(each)}", err=True)
    if not found:
        click.echo("No scheduled tasks.")
    elif not found[0].scheduler_running:
        advise("No scheduler is running: start `twarc_cloud.py scheduler`.")


def _next(each: "Scheduled") -> str:
    """When it is due next, in its own time zone."""
    from harvester.compute.schedules.timezones import to_wall

    zone, now = each.schedule.timezone, datetime.now(UTC)
    # Without a scheduler, nothing that came due since the last time has been handled.
    last = moment(each.last) if each.last else each.since - timedelta(microseconds=1)
    due = (
        None
        if each.paused
        else each.schedule.after(now if each.scheduler_running else last, since=each.since)
    )
    if due is None:
        return "no further harvests"
    when = "next:" if due > now else "due since"
    return f"{when} {to_wall(due, zone):%Y-%m-%d %H:%M:%S} {zone}"


def _row(each: "Scheduled", now: datetime, missed: "Missed | None") -> dict[str, Any]:
    due = None if each.paused else each.schedule.after(now, since=each.since)
    return {
        "id": each.collection_id,
        "expression": each.schedule.expression,
        "timezone": each.schedule.timezone,
        "since": timestamp(each.since),
        "handled_until": each.last or None,
        "next": timestamp(due) if due else None,
        "missed": timestamp(missed.due) if missed else None,
        "scheduler_running": each.scheduler_running,
        "paused": each.paused,
    }


def _told(each: "Scheduled") -> str:
    zone = "" if each.schedule.timezone == "UTC" else f" {each.schedule.timezone}"
    return f"{each.schedule.expression}{zone}{' (paused)' if each.paused else ''}"


@click.command("stop", help="Remove the schedule of COLLECTION_ID; a running harvest continues.")
@collection_id_argument
@click.option("--pause", is_flag=True, help="Pause the schedule instead; scheduling again resumes it.")
@dry_run_option
@in_workspace
def stop(collection_id: str, pause: bool, dry_run: bool, workspace: Workspace) -> None:
    from harvester.collection import history
    from harvester.harvest import catalog

    keys = workspace.keys(collection_id)
    if dry_run:
        found = any(each.collection_id == keys.id for each in workspace.compute.schedules())
    else:
        found = _paused(workspace, keys.id) if pause else workspace.compute.unschedule(keys.id)
    if not found:
        history.read(workspace.store, keys)
        raise HarvesterError(
            f"{collection_id} has no schedule.",
            hint="Use `harvest stop` to stop a harvest, `filter-stop` to stop a stream.",
        )
    if announce_dry_run(dry_run, f"{'pause' if pause else 'remove'} the schedule of {collection_id}"):
        return
    click.echo("Paused" if pause else "Stopped")
    if catalog.live_lock(workspace.store, keys):
        advise(f"A harvest is still running; `harvest stop {collection_id}` stops it.")


def _paused(workspace: Workspace, collection_id: str) -> bool:
    """Whether there was a schedule to pause."""
    found = [each for each in workspace.compute.schedules() if each.collection_id == collection_id]
    for each in found:
        workspace.compute.schedule(collection_id, each.schedule, paused=True)
        advise(f"`collection schedule {collection_id} {_again(each.schedule)}` resumes it.")
    return bool(found)


def _again(schedule: "Schedule") -> str:
    zone = "" if schedule.timezone == "UTC" else f" --timezone {schedule.timezone}"
    return f'"{schedule.expression}"{zone}'
