"""`collection-config honeybadger`: stores the key with which harvests on a cluster report failures."""

import re
import sys

import click

from harvester.commands.cli.output import announce_dry_run, dry_run_option
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.errors import Exit, HarvesterError


@click.command(
    "honeybadger",
    help="Store Honeybadger's API key for harvests on the cluster, from a prompt or stdin.",
)
@click.option("--remove", is_flag=True, help="Remove the stored key; failures are no longer reported.")
@dry_run_option
@in_workspace
def honeybadger(remove: bool, dry_run: bool, workspace: Workspace) -> None:
    from harvester.aws.parameters import HONEYBADGER, parameter_store

    parameters = parameter_store(workspace.settings)
    where = f"{parameters.path}/{HONEYBADGER} of the parameter store"
    if announce_dry_run(dry_run, f"{'remove' if remove else 'store'} Honeybadger's key in {where}"):
        return
    if remove:
        if not parameters.remove(HONEYBADGER):
            raise HarvesterError(
                f"There is no Honeybadger key in {where}.", hint="Check `parameter_path` and `region`."
            )
        click.echo("Removed Honeybadger's key.")
        return
    key = _asked()
    if not re.fullmatch(r"[\w-]+", key, re.ASCII):
        # The key itself is in no message: what was pasted may be another secret.
        raise HarvesterError(
            "This is not a Honeybadger key: keys have only letters, digits, '_' and '-'.",
            hint="Copy it from the project's settings at https://app.honeybadger.io.",
            exit_code=Exit.USAGE,
        )
    parameters.write(HONEYBADGER, key)
    click.echo(f"Stored Honeybadger's key in {where}.")


def _asked() -> str:
    """Never from the arguments, which every process of the machine can read."""
    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        return str(click.prompt("Honeybadger's API key", hide_input=True)).strip()
    return sys.stdin.readline().strip()
