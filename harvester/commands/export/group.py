"""`export`: stored posts become files for other programs, a command for each form."""

from typing import TYPE_CHECKING, Any

import click

from harvester.commands import Group
from harvester.commands.cli.explore_extra import needs_explore
from harvester.commands.cli.output import dry_run_option, json_option
from harvester.commands.cli.progress_meter import progress_option
from harvester.commands.cli.workspace import collection_ids_argument, in_workspace
from harvester.commands.export.selected import selection_options
from harvester.exports.forms import FORMS, Choice, Form

if TYPE_CHECKING:
    from collections.abc import Callable

    from harvester.commands.cli.workspace import Workspace


@click.group("export", cls=Group)
def export() -> None:
    """Export stored posts to files for other programs."""


def _command(form: Form) -> click.Command:
    def run(collection_ids: tuple[str, ...], workspace: "Workspace", **options: Any) -> int:
        from harvester.commands.export.run import run as run_form

        return run_form(form, collection_ids, workspace, options)

    command: Callable[..., Any] = in_workspace(needs_explore(run))
    for add in (progress_option, json_option, dry_run_option, _skip_bad, _replace, _to):
        command = add(command)
    if not form.is_whole:
        command = selection_options(command)
    for choice in reversed(form.options):
        command = _option(choice)(command)
    # docs/exports.md describes what all forms have in common.
    help_text = f"{form.help}\n\nExamples and columns: docs/exports.md."
    return click.command(form.name, help=help_text)(collection_ids_argument(command))


def _option(choice: Choice) -> "Callable[[Any], Any]":
    name = f"--{choice.name.replace('_', '-')}"
    if choice.choices:
        many = isinstance(choice.default, tuple)
        kind = click.Choice(choice.choices)
        return click.option(
            name,
            choice.name,
            type=kind,
            multiple=many,
            default=choice.default,
            show_default=not many,
            help=choice.help,
        )
    if choice.metavar:
        kind_of = None if choice.least is None else click.IntRange(min=choice.least)
        return click.option(name, choice.name, metavar=choice.metavar, type=kind_of, help=choice.help)
    return click.option(name, choice.name, is_flag=True, help=choice.help)


_to = click.option("-o", "to", metavar="FILE|-", help="File or folder to write; - is standard output.")
_replace = click.option("--replace", is_flag=True, help="Overwrite an existing file or folder.")
_skip_bad = click.option("--skip-bad", is_flag=True, help="Exit with 0 even if records could not be read.")

for _form in FORMS:
    export.add_command(_command(_form))
