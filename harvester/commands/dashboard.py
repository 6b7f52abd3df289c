"""`dashboard`: shows collections in a browser on this machine."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harvester.clock import in_background
from harvester.commands.cli.printed_commands import complete, program
from harvester.commands.cli.workspace import Workspace, door, in_workspace
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from harvester.dashboard.place import Place
    from harvester.networks.check import Check

_PATIENCE = 5.0


@click.command(
    "dashboard",
    help="Show the collections in a browser on this machine; Ctrl-C ends it. Other machines cannot reach it: "
    "use `ssh -L`.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option("--open/--no-open", "is_opened", default=True, help="Open the browser.  [default: open]")
@click.option("--read-only", is_flag=True, help="Show no actions that change anything.")
@in_workspace
def dashboard(port: int, is_opened: bool, read_only: bool, workspace: Workspace) -> None:
    from harvester.commands.cli.signals import stopped_by_signals
    from harvester.dashboard.server import served

    _require_folder(workspace)
    place = place_of(workspace, read_only=read_only)
    with stopped_by_signals() as stop, served(place, port=port) as address:
        click.echo(f"{workspace.label}. Open this link; it works once, and Ctrl-C ends the dashboard:")
        click.echo(address)
        if is_opened:
            show(address)
        while not stop.wait(3600.0):
            continue


def _require_folder(workspace: Workspace) -> None:
    """A folder that was named is there; the usual one may come with the first collection."""
    folder = workspace.folder
    if workspace.bucket or folder.is_dir():
        return
    if folder.exists():
        message = f"{folder} is not a folder."
    elif folder == Path(Settings().collections_path):
        return
    else:
        message = f"There is no folder {folder}."
    raise HarvesterError(
        message, hint="Use --collections-path with the folder of the collections.", exit_code=Exit.USAGE
    )


def show(address: str) -> "Future[None]":
    """In the browser. What the opener prints would repeat the link, so it is not shown."""
    opener = "open" if sys.platform == "darwin" else "xdg-open"

    def opened() -> None:
        # Without an opener there is the link.
        with suppress(OSError):
            quiet = subprocess.DEVNULL
            command = [opener, address]
            subprocess.run(
                command, stdin=quiet, stdout=quiet, stderr=quiet, check=False, start_new_session=True
            )

    return in_background(opened, name="browser")


def place_of(workspace: Workspace, *, read_only: bool) -> "Place":
    """The place that the dashboard shows for a workspace."""
    from harvester.dashboard.place import Place

    def command(names: Sequence[str], values: Sequence[str]) -> list[str]:
        where = ["--bucket", workspace.bucket] if workspace.bucket else []
        folder = ["--collections-path", str(workspace.folder)]
        return [*door("twarc_cloud.py"), *names, *(where or folder), "--", *values]

    return Place(
        store=workspace.store,
        compute=workspace.compute,
        settings=workspace.settings,
        label=workspace.label,
        shown=workspace.shown,
        checks=lambda: _checks(workspace),
        work_root=workspace.work_root,
        command=command,
        program=program(),
        complete=complete,
        read_only=read_only,
    )


def _checks(workspace: Workspace) -> "Iterator[Check]":
    """The checks of `doctor`."""
    from dataclasses import replace

    from harvester.checks.machine import examine
    from harvester.commands.cli.network_client import client

    asking = replace(workspace.settings, x_patience=_PATIENCE)
    return examine(
        workspace.settings,
        lambda: workspace.store,
        lambda: client(asking, {}),
        workspace.compute.schedules,
        runs=workspace.runs,
    )
