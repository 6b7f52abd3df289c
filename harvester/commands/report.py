"""`report`: writes a collection as one HTML file, or publishes it in the bucket."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harvester.commands import Group
from harvester.commands.cli.output import announce_dry_run, dry_run_option
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.errors import Exit, HarvesterError, NotFound, StoreAway

_F = TypeVar("_F", bound=Callable[..., Any])
_WRITE = "write"
_DAYS = 7


class _Report(Group):
    """`report ID` is `report write ID`."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [_WRITE, *args]
        return super().parse_args(context, args)


@click.group("report", cls=_Report, help="Write a collection as one HTML file, for the record.")
def report() -> None:
    pass


def _contents(command: _F) -> _F:
    names = click.option("--names", is_flag=True, help="Name the accounts; without it, only their states.")
    costs = click.option("--costs/--no-costs", default=True, help="Show what was paid.  [default: costs]")
    return names(costs(command))


@report.command(_WRITE, help="Write the report of COLLECTION_ID; `report COLLECTION_ID` is the same.")
@collection_id_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE|-",
    help="File to write; - is standard output.  [default: COLLECTION_ID.html]",
)
@click.option("--replace", is_flag=True, help="Overwrite an existing file.")
@_contents
@dry_run_option
@in_workspace
def write(
    collection_id: str,
    output: Path | None,
    replace: bool,
    names: bool,
    costs: bool,
    dry_run: bool,
    workspace: Workspace,
) -> None:
    from harvester.dashboard.report import report as report_of
    from harvester.exports.output import STANDARD_OUTPUT, require_free
    from harvester.exports.output import output as output_to

    keys = workspace.keys(collection_id)
    path = output or Path(f"{keys.id}.html")
    require_free(str(path), replace=replace or dry_run)
    data = report_of(workspace.store, workspace.settings, keys, names=names, costs=costs).encode()
    if announce_dry_run(dry_run, f"write {len(data):,} bytes to {path}"):
        return
    with output_to(str(path)) as file:
        file.write(data)
    if str(path) != STANDARD_OUTPUT:
        click.echo(f"Written to {path}.")


@report.command(
    "publish", help="Store the report of COLLECTION_ID in the bucket, and print a link for at most a week."
)
@collection_id_argument
@_contents
@click.option(
    "--days",
    type=click.IntRange(1, _DAYS),
    default=_DAYS,
    show_default=True,
    help="Days for which the link works.",
)
@dry_run_option
@in_workspace
def publish(
    collection_id: str, names: bool, costs: bool, days: int, dry_run: bool, workspace: Workspace
) -> None:
    from harvester.dashboard.report import report as report_of
    from harvester.dashboard.report import report_key
    from harvester.store.by_boto3 import presigned

    keys = workspace.keys(collection_id)
    if not workspace.bucket:
        raise HarvesterError(
            "A folder has no links: `report publish` needs a bucket.",
            hint=f"Use --bucket, or `report {keys.id}` for a file.",
            exit_code=Exit.USAGE,
        )
    data = report_of(workspace.store, workspace.settings, keys, names=names, costs=costs).encode()
    key = report_key(keys)
    if announce_dry_run(dry_run, f"store {len(data):,} bytes as {workspace.shown(key)}"):
        return
    try:
        _store(workspace, key, data)
    except StoreAway as error:
        if error.lasting:
            error.hint = f"{error.hint} `report {keys.id}` writes it to a file instead."
        raise
    click.echo(
        f"Stored as {workspace.shown(key)}. Anyone with this link can read it for {days} days:", err=True
    )
    click.echo(presigned(workspace.bucket, key, region=workspace.settings.region, seconds=days * 86_400))


def _store(workspace: Workspace, key: str, data: bytes) -> None:
    """Replace the stored report; if two are published at once, one is refused."""
    try:
        version = workspace.store.read(key).version
    except NotFound:
        workspace.store.create(key, data)
    else:
        workspace.store.replace(key, data, version=version)
