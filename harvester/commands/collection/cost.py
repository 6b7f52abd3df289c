"""`collection cost`: the cost of past harvests, and of an hour, a gigabyte and a month of a stream."""

from dataclasses import asdict

import click

from harvester.capacity import Capacity
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.output import json_option, print_json, table
from harvester.commands.cli.workspace import Workspace, in_workspace, optional_collection_id_argument
from harvester.documents import Tree
from harvester.settings import Settings
from harvester.text import counted, when

_SHOWN = 10
# The number of streams that are known to fit in a task of the least size.
_SHARED = (1, 2, 3)
_COLUMNS = ("harvest", "state", "minutes", "tweets", "task", "requests", "stored_month", "x", "total")


@click.command(
    "cost", help="Show what the last harvests of COLLECTION_ID cost; without an id, what a task costs."
)
@optional_collection_id_argument
@click.option(
    "--last",
    "count",
    type=click.IntRange(1),
    default=_SHOWN,
    show_default=True,
    help="Number of harvests to show.",
)
@json_option
@in_workspace
@each_shard()
def cost(collection_id: str | None, count: int, as_json: bool, workspace: Workspace) -> None:
    if collection_id:
        _tell(_of_collection(workspace, collection_id, count), as_json=as_json)
        return
    rows = [_rates(workspace.settings, capacity, name) for name, capacity in _sizes(workspace.settings)]
    if as_json:
        print_json({"rates": rows, **_dates()})
        return
    from harvester.compute.cost import MONTH_HOURS

    columns = ("task", "cpu", "memory", "harvest_hour", "task_hour", "requests_hour")
    click.echo(table([_in_dollars(row) for row in rows], columns))
    click.echo(f"\nA stream for a month ({MONTH_HOURS:.0f} hours), by item:\n")
    click.echo(table(_stream_rows(rows), ("for", *map(_column, rows))))
    click.echo("\nEach of several streams in one task, for a month:\n")
    click.echo(table(_shared_rows(rows), ("streams", *map(_column, rows))))
    click.echo(f"\n{_of_gigabytes(rows[0])}")
    click.echo(_of_x())


def _of_collection(workspace: Workspace, collection_id: str, count: int) -> Tree:
    from harvester.collection import history
    from harvester.compute import cost
    from harvester.curation.repair.gaps import repairs_of
    from harvester.harvest import catalog

    keys = workspace.keys(collection_id)
    wishes = history.current(workspace.store, keys).get("task") or {}
    rows = []
    summaries = catalog.all_of(workspace.store, keys, newest=count)
    repairs = repairs_of(workspace.store, keys, newest=count)
    for summary, is_repair in [*((one, False) for one in summaries), *((one, True) for one in repairs)]:
        found = cost.of_harvest(summary, workspace.settings)
        rows.append(
            {
                "harvest": summary.get("harvest_timestamp", ""),
                "state": summary.get("state", ""),
                "minutes": round(cost.hours(summary) * 60, 1),
                "tweets": int(summary.get("tweets") or 0),
                **asdict(found),
                "total": found.total,
                "on_aws": bool(summary.get("task")),
                "is_repair": is_repair,
            }
        )
    capacity = workspace.settings.capacity.changed_by(wishes)
    sums = {
        name: round(sum(row[name] for row in rows), 6)
        for name in ("task", "requests", "stored_month", "x", "total")
    }
    return {
        "harvests": rows,
        "sum": sums,
        "rates": _rates(workspace.settings, capacity, "as set"),
        **_dates(),
    }


def _tell(cost: Tree, *, as_json: bool) -> None:
    rows, rates = cost["harvests"], cost["rates"]
    if as_json:
        print_json(cost)
        return
    if rows:
        repairs = {True: " (repair)", False: ""}
        shown = [{**row, "harvest": when(row["harvest"]) + repairs[row["is_repair"]]} for row in rows]
        summed = {"harvest": counted(len(rows), "harvest"), **cost["sum"]}
        click.echo(table([_in_dollars(row) for row in [*shown, summed]], _COLUMNS))
        if not any(row["on_aws"] for row in rows):
            click.echo("\nThese did not run on AWS, so they cost nothing there.")
    else:
        click.echo("No harvests.")
    size = f"{rates['cpu']} CPU units, {rates['memory']} MiB, {rates['kind']}"
    click.echo(
        f"\nAs a task on AWS ({size}): ${rates['harvest_hour']:.4f} for an hour of a harvest, "
        f"${rates['stream_month']:.2f} for a month of a stream, "
        f"${rates['stream_month_busy']:.2f} of a busy one. {_of_gigabytes(rates)}"
    )
    click.echo(_of_x())


def _rates(settings: Settings, capacity: Capacity, name: str) -> Tree:
    from harvester.compute import cost

    found, stream = cost.rates(settings, capacity), cost.stream_month(settings, capacity)
    shared = {streams: cost.stream_month(settings, capacity, streams=streams) for streams in _SHARED}
    return {
        "task": name,
        "cpu": capacity.cpu,
        "memory": capacity.memory,
        "kind": capacity.architecture + (", Spot" if capacity.spot else ""),
        "harvest_hour": found.harvest_hour,
        "task_hour": found.task_hour,
        "requests_hour": found.requests_hour,
        "stream_month": stream.quiet,
        "stream_month_busy": stream.total,
        "stream": asdict(stream),
        "stream_month_shared": {str(streams): month.quiet for streams, month in shared.items()},
        "gb_month": found.gb_month,
        "gb_out": found.gb_out,
    }


# What stands in a month of a stream, by the name that is shown.
_PARTS = {
    "task": "task",
    "address": "public address",
    "lock": "lock.json, renewed",
    "checkpoints": "checkpoint.json, harvest.json",
    "stops": "polling stop.json",
    "versions": "old versions of these",
    "log": "log",
    "alarm": "alarm, once per account",
    "image": "image, once per account",
}


def _stream_rows(rows: list[Tree]) -> list[Tree]:
    """One row for each part, one column for each task, and the sums."""
    sums = {"stream_month": "total", "stream_month_busy": "total, busy stream"}
    found = [(name, [row["stream"][part] for row in rows]) for part, name in _PARTS.items()]
    found += [(name, [row[part] for row in rows]) for part, name in sums.items()]
    columns = list(map(_column, rows))
    return [
        {"for": name, **{column: f"${usd:.2f}" for column, usd in zip(columns, each, strict=True)}}
        for name, each in found
    ]


def _shared_rows(rows: list[Tree]) -> list[Tree]:
    """One row for each number of streams, of which nothing comes on any."""
    columns = list(map(_column, rows))
    return [
        {
            "streams": each,
            **{
                column: f"${row['stream_month_shared'][each]:.2f}"
                for column, row in zip(columns, rows, strict=True)
            },
        }
        for each in map(str, _SHARED)
    ]


def _column(row: Tree) -> str:
    return str(row["task"]).replace("_", "-")


def _of_gigabytes(rates: Tree) -> str:
    return (
        f"Storage costs ${rates['gb_month']:.3f} per GB and month; downloads cost "
        f"${rates['gb_out']:.2f} per GB beyond the first 100 GB of a month."
    )


def _sizes(settings: Settings) -> list[tuple[str, Capacity]]:
    """The one that is set, and the same otherwise made."""
    usual = settings.capacity
    made = [(usual.architecture + (", Spot" if usual.spot else ""), usual)]
    for architecture, spot in (("ARM64", False), ("ARM64", True), ("X86_64", False), ("X86_64", True)):
        other = usual.changed_by({"architecture": architecture, "spot": spot})
        if other != usual:
            made.append((architecture + (", Spot" if spot else ""), other))
    return made


def _dates() -> Tree:
    from harvester.compute import cost
    from harvester.networks.registry import usual

    listed, prices = cost.prices(), usual().prices
    of_x = prices.date if prices else ""
    return {"region": listed["region"], "prices_as_of": listed["date"], "x_prices_as_of": of_x}


def _of_x() -> str:
    from harvester.networks.registry import usual

    prices, dates = usual().prices, _dates()
    post, user = (prices.price("", posts=1), prices.price("", users=1)) if prices else (0.0, 0.0)
    return (
        f"X charges ${post:.3f} for a post and ${user:.3f} for an account that is looked up. "
        f"Prices: AWS {dates['region']} of {dates['prices_as_of']}, X of {dates['x_prices_as_of']}."
    )


def _in_dollars(row: Tree) -> Tree:
    """The same for people: dollars with what digits they need."""
    return {
        key: (f"${value:.4f}" if value < 1 else f"${value:,.2f}")
        if isinstance(value, float) and key != "minutes"
        else value
        for key, value in row.items()
    }
