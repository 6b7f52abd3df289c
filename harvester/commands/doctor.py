"""`doctor` checks this machine and its settings; `completion` prints a shell's completion script."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from harvester.commands.cli.output import json_option, show_checks
from harvester.commands.cli.printed_commands import program
from harvester.commands.cli.workspace import Workspace, flags, where_options
from harvester.errors import HarvesterError
from harvester.settings import usable

if TYPE_CHECKING:
    from harvester.compute import Scheduled

_PATIENCE = 5.0
_WHERE = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc",
    "fish": "~/.config/fish/completions/{name}.fish",
}


@click.command(
    "doctor", help="Check everything a harvest needs: keys, clock, disk, store, settings, versions."
)
@json_option
@where_options
def doctor(as_json: bool, bucket: str | None, collections_path: str | None) -> int:
    from harvester.checks.machine import examine
    from harvester.commands.cli.network_client import client

    found, invalid = usable(flags=flags(bucket, collections_path))
    workspace, asking = Workspace(found), replace(found, x_patience=_PATIENCE)

    def schedules() -> "list[Scheduled]":
        return workspace.compute.schedules()

    checks = examine(
        found,
        lambda: workspace.store,
        lambda: client(asking, {}),
        schedules,
        invalid=invalid,
        runs=workspace.runs,
    )
    return show_checks(list(checks), as_json=as_json)


@click.command("completion", help="Print a shell script that completes commands, options and collection ids.")
@click.argument("shell", type=click.Choice(tuple(_WHERE)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise HarvesterError(f"There is no completion for {shell}.", hint=f"Use one of {', '.join(_WHERE)}.")
    root = context.find_root()
    name = program()
    variable = f"_{re.sub('[-.]', '_', name).upper()}_COMPLETE"
    click.echo(found(root.command, {}, name, variable).source())
    click.echo(f"# Append this to {_WHERE[shell].format(name=name)}, and have {name} in your PATH.", err=True)
