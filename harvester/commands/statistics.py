"""`stats`: shows the figures of harvests over time, exports them, and sends them to Graphite."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.commands import Group
from harvester.commands.cli.output import json_option, print_json, print_line, table
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.errors import Exit, HarvesterError
from harvester.statistics.minute import BY, columns
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.clock import Stop
    from harvester.commands.cli.progress_meter import Show
    from harvester.statistics.graphite import Sample
    from harvester.statistics.replay import Replay
    from harvester.store.keys import CollectionKeys

_PREFIX = "twarc"
_FASTEST = "max"


@click.group(
    "stats", cls=Group, help="Show, export and replay the figures of harvests; see docs/statistics.md."
)
def stats() -> None:
    pass


def _since_option(command: Any) -> Any:
    return click.option("--since", help="Begin with this date or time.")(command)


@stats.command("show", help="Show what the harvests of COLLECTION_ID brought, by hour.")
@collection_id_argument
@click.option(
    "--by", type=click.Choice(list(BY)), default="hour", show_default=True, help="Interval of a row."
)
@_since_option
@click.option("--until", help="End before this date or time.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@in_workspace
def show(
    collection_id: str,
    by: str,
    since: str | None,
    until: str | None,
    as_csv: bool,
    as_json: bool,
    workspace: Workspace,
) -> None:
    from harvester.statistics.stored import increases_of

    keys, begin, end = _asked(workspace, collection_id, since, until)
    rows = dict(increases_of(workspace.store, keys, by=by, since=begin, until=end))
    names = columns(rows.values())
    if as_json:
        series = {name: [[at, row[name]] for at, row in rows.items() if name in row] for name in names}
        print_json({"series": series})
    elif as_csv:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(
            [["time", *names], *([at, *(row.get(name, "") for name in names)] for at, row in rows.items())]
        )
        click.echo(out.getvalue(), nl=False)
    elif not rows:
        click.echo("No figures yet.")
    else:
        shown = [{**row, "time": at[:16].replace("T", " ")} for at, row in rows.items()]
        click.echo(table(shown, ["time", *names]))


@stats.command("export", help="Write the figures of COLLECTION_ID to a file, each with its time.")
@collection_id_argument
@click.option(
    "--openmetrics",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE|-",
    help="File in the format OpenMetrics, which Prometheus imports; - is standard output.",
)
@_since_option
@click.option("--until", help="End before this date or time.")
@click.option("--replace", is_flag=True, help="Overwrite an existing file.")
@in_workspace
def export(
    collection_id: str,
    openmetrics: Path,
    since: str | None,
    until: str | None,
    replace: bool,
    workspace: Workspace,
) -> None:
    from harvester.exports.output import output, require_free
    from harvester.statistics.openmetrics import write
    from harvester.statistics.stored import minutes

    require_free(str(openmetrics), replace=replace, option="--openmetrics")
    keys, begin, end = _asked(workspace, collection_id, since, until)
    found = minutes(workspace.store, keys, since=begin, until=end)
    with output(str(openmetrics)) as out:
        number = write(found, out.write, collection_id=collection_id)
    print_line(f"Wrote {counted(number, 'sample')} to {openmetrics}.", err=True)


@stats.command("replay")
@click.argument("source", metavar="COLLECTION_ID|FILE")
@click.option(
    "--carbon", required=True, metavar="HOST:PORT", help="Where carbon receives lines, as on port 2003."
)
@click.option(
    "--speed",
    default=_FASTEST,
    show_default=True,
    help="Seconds of the figures' time that are sent in a second, or max.",
)
@click.option(
    "--prefix",
    help="Beginning of each name.  [default: twarc.COLLECTION_ID; none of a FILE, or with --twittomatic]",
)
@click.option("--twittomatic", is_flag=True, help="Send them under the names of Twittomatic's statistics.")
@_since_option
@progress_option
@in_workspace
def replay(
    source: str,
    carbon: str,
    speed: str,
    prefix: str | None,
    twittomatic: bool,
    since: str | None,
    form: str,
    workspace: Workspace,
) -> None:
    """Send figures to Graphite again, in order and with the times at which they were taken.

    A FILE is a `stats.jsonl`, or lines of `name value time`, compressed or not. A replay that is stopped
    says with which --since it continues; what is sent twice does no harm.
    """
    from harvester.clock import SystemClock
    from harvester.commands.cli.signals import stopped_by_signals
    from harvester.statistics.files import SampleFile
    from harvester.statistics.replay import Replay

    host, port = _address(carbon)
    pace, begin = _speed(speed), _moment(since)
    file = SampleFile(Path(source), prefix=prefix or "") if Path(source).is_file() else None
    if file and twittomatic:
        raise HarvesterError(
            f"{source} is a file: its names are sent as they are.",
            hint="Leave out --twittomatic.",
            exit_code=Exit.USAGE,
        )
    samples = file or _samples(workspace, source, prefix, begin, twittomatic=twittomatic)
    if begin:
        samples = (sample for sample in samples if sample.at >= begin.timestamp())
    with stopped_by_signals() as stop, meter(form) as shown:
        sending = Replay(host, port, SystemClock(), stop, pace)
        _send(sending, samples, stop, shown)
    if file:
        file.require_usable(sent=sending.sent)
    print_line(f"Sent {counted(sending.sent, 'line')} to {host}:{port}.", err=True)


def _send(sending: "Replay", samples: "Iterable[Sample]", stop: "Stop", shown: "Show") -> None:
    """Send the samples; errors say with which --since the replay continues."""
    from harvester.clock import Stopped

    try:
        for number in sending.run(samples):
            shown(f"{number:,} lines sent", lines=number)
    except HarvesterError as error:
        raise HarvesterError(
            error.message, hint=f"{error.hint} {_reached(sending)}", exit_code=error.exit_code
        ) from error
    except Stopped:
        code = Exit.TERMINATED if stop.reason == "SIGTERM" else Exit.INTERRUPTED
        raise HarvesterError("Stopped.", hint=_reached(sending), exit_code=code) from None


def _reached(sending: "Replay") -> str:
    """The command that continues an unfinished replay."""
    if not sending.sent:
        return "Nothing was sent."
    upto = datetime.fromtimestamp(sending.upto, UTC)
    return f"{counted(sending.sent, 'line')} sent; --since {upto:%Y-%m-%dT%H:%M:%S} continues."


def _samples(
    workspace: Workspace, collection_id: str, prefix: str | None, since: datetime | None, *, twittomatic: bool
) -> "Iterable[Sample]":
    from harvester.collection import history
    from harvester.statistics import graphite
    from harvester.statistics import twittomatic as old
    from harvester.statistics.stored import minutes

    keys = _collection(workspace, collection_id)
    if twittomatic:
        tree = history.current(workspace.store, keys)
        yield from old.samples(workspace.store, keys, tree, prefix=prefix or "", since=since)
        return
    before = prefix or f"{_PREFIX}.{graphite.part(keys.id)}"
    for minute in minutes(workspace.store, keys, since=since):
        yield from graphite.samples(minute, prefix=before)


def _asked(
    workspace: Workspace, collection_id: str, since: str | None, until: str | None
) -> "tuple[CollectionKeys, datetime | None, datetime | None]":
    """The collection, and from when to when its figures are asked for."""
    keys = _collection(workspace, collection_id)
    begin, end = _moment(since), _moment(until)
    if begin and end and begin >= end:
        raise HarvesterError(
            f"--since {since} is not before --until {until}.",
            hint="Give the earlier one as --since.",
            exit_code=Exit.USAGE,
        )
    return keys, begin, end


def _collection(workspace: Workspace, collection_id: str) -> "CollectionKeys":
    from harvester.collection import history

    keys = workspace.keys(collection_id)
    history.read(workspace.store, keys)
    return keys


def _moment(text: str | None) -> datetime | None:
    from harvester.sinks.beginning import moment_of

    return moment_of(text) if text else None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise HarvesterError(
            f"--carbon {text} is not HOST:PORT.",
            hint="Use 127.0.0.1:2003, for example.",
            exit_code=Exit.USAGE,
        )
    return host.strip("[]"), int(port)


def _speed(text: str) -> float | None:
    if text == _FASTEST:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e9:
        raise HarvesterError(
            f"--speed {text} is not a speed.", hint="Use a number such as 60, or max.", exit_code=Exit.USAGE
        )
    return speed
