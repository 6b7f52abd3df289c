"""`collection-config` commands that list the rules in collection.json, add, remove and switch some."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from harvester.collection.kinds import STREAMS
from harvester.collection.kinds.kind import PLACEHOLDER
from harvester.commands.cli import collection_file
from harvester.commands.cli.output import (
    announce_dry_run,
    confirm,
    dry_run_option,
    json_option,
    print_json,
    print_line,
    table,
    yes_option,
)
from harvester.commands.cli.workspace import Workspace, in_workspace, optional_collection_id_argument
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks.registry import network_of
from harvester.text import counted

_SHOWN = 20
_MINUS = re.compile(r"-[0-9.]")
_TYPES = ("keyword", "hashtag", "username", "userid", "geo", "native")


class _TakesBoxes(click.Command):
    """A command whose values may begin with a minus, as the box -0.5,51.3,0.3,51.7 does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # An argument that begins with a blank is not an option, and the blank is ignored in a value.
        return super().parse_args(ctx, [f" {word}" if _MINUS.match(word) else word for word in args])


@click.command("add-rules", cls=_TakesBoxes, help="Add a rule for each of VALUES to the file.")
@click.argument("values", nargs=-1, required=True)
@click.option(
    "--type",
    "kind",
    type=click.Choice(_TYPES),
    default="native",
    show_default=True,
    help="Type of the rules.",
)
@click.option("--tag", default="", help="Your own tag for the rules; not sent to X.")
@click.option("--id", "rule_id", help="Id of the rule, if it is one; default: made of type and value.")
@click.option("--inactive", is_flag=True, help="Store the rules without sending them to X.")
@dry_run_option
@collection_file.file_option
def add_rules(
    values: Sequence[str], kind: str, tag: str, rule_id: str | None, inactive: bool, dry_run: bool, path: Path
) -> int:
    from harvester.networks.x.rules.edits import Added, with_rules

    if rule_id is not None and len(values) > 1:
        raise HarvesterError(
            "--id is for one rule.", hint="Add the others in a command of their own.", exit_code=Exit.USAGE
        )
    given = {"id": rule_id, "type": kind, "tag": tag, "status": "inactive" if inactive else None}
    more = {name: value for name, value in given.items() if value}
    made: list[Added] = []

    def edit(tree: Tree) -> Tree:
        made[:] = [with_rules(_section(tree), ({**more, "value": value.strip()} for value in values))]
        return {**tree, "filter": made[0].section}

    before = collection_file.change(path, edit, dry_run=dry_run)
    (found,) = made
    if not announce_dry_run(dry_run, f"add {counted(len(found.added), 'rule')} to {path}"):
        click.echo(f"Added {counted(len(found.added), 'rule')} to {path}.")
        _print_present([rule.value for rule in found.present])
        collection_file.advise_to_store(path, before)
    return _tell("Following values are unusable:", found.unusable)


@click.command("remove-rules", help="Remove the rules of these IDS from the file.")
@click.argument("ids", nargs=-1, required=True)
@dry_run_option
@yes_option
@collection_file.file_option
def remove_rules(ids: Sequence[str], dry_run: bool, yes: bool, path: Path) -> int:
    from harvester.networks.x.rules.edits import Removed, without_rules

    made: list[Removed] = []

    def edit(tree: Tree) -> Tree:
        made[:] = [without_rules(_section(tree), ids)]
        return {**tree, "filter": made[0].section}

    if (
        not dry_run
        and len(gone := without_rules(_section(collection_file.read(path)), ids).removed)
        >= collection_file.MANY_RULES
    ):
        confirm(f"Remove {counted(len(gone), 'rule')} from {path}?", yes=yes)
    before = collection_file.change(path, edit, dry_run=dry_run)
    (found,) = made
    if not announce_dry_run(dry_run, f"remove {counted(len(found.removed), 'rule')} from {path}"):
        click.echo(f"Removed {counted(len(found.removed), 'rule')} from {path}.")
        collection_file.advise_to_store(path, before)
    return _tell("Following rules are not in it:", found.missing)


def _switch_command(name: str, words: str, status: str) -> click.Command:
    """A command that gives rules this status."""

    @click.command(name, help=words)
    @click.argument("ids", nargs=-1)
    @click.option("--tag", "tags", multiple=True, help="All rules of this tag; may be repeated.")
    @dry_run_option
    @collection_file.file_option
    def switch(ids: Sequence[str], tags: Sequence[str], dry_run: bool, path: Path) -> int:
        from harvester.networks.x.rules.edits import Switched, with_status

        if not (ids or tags):
            raise HarvesterError("No rules given.", hint="Give ids or --tag.", exit_code=Exit.USAGE)
        made: list[Switched] = []

        def edit(tree: Tree) -> Tree:
            made[:] = [with_status(_section(tree), status, ids=ids, tags=tags)]
            return {**tree, "filter": made[0].section}

        before = collection_file.change(path, edit, dry_run=dry_run)
        (found,) = made
        many = counted(len(found.changed), "rule")
        if not announce_dry_run(dry_run, f"make {many} of {path} {status}"):
            click.echo(f"Made {many} of {path} {status}.")
            if found.present:
                click.echo(f"{counted(len(found.present), 'rule')} already {status}.", err=True)
            if found.changed:
                collection_file.advise_to_store(path, before)
        return _tell("Following rules are not in it:", found.missing)

    return switch


enable_rules = _switch_command(
    "enable-rules", "Make the rules of these IDS active in the file, so that they are sent to X.", "active"
)
disable_rules = _switch_command(
    "disable-rules",
    "Make the rules of these IDS inactive in the file: they stay, and are not sent to X.",
    "inactive",
)


@click.command("rules", help="List the rules in the file, or of the stored COLLECTION_ID.")
@optional_collection_id_argument
@json_option
@collection_file.read_file_option
@in_workspace
def rules(collection_id: str | None, as_json: bool, path: Path, workspace: Workspace) -> None:
    from harvester.collection import history
    from harvester.networks.x.rules.collection_rules import collection_rules

    if collection_id:
        tree: Tree = history.current(workspace.store, workspace.keys(collection_id))
    else:
        tree = collection_file.read(path)
    problems: list[str] = []
    found = collection_rules(_section(tree), problems)
    collection_file.require(problems)
    columns = ("id", "type", "status", "tag", "value")
    rows: list[Mapping[str, Any]] = [{name: getattr(rule, name) for name in columns} for rule in found]
    if as_json:
        print_json([{**row, "metadata": rule.metadata} for row, rule in zip(rows, found, strict=True)])
    else:
        click.echo(table(rows, columns) if rows else "No rules.")


def _section(tree: Tree) -> Tree:
    """The filter of a stream of X, without what the template left to be filled in."""
    collection_file.require_kind(tree, *STREAMS)
    if network_of(tree).name != "x":
        raise HarvesterError(
            f"{network_of(tree).title} has no rules: only streams of X have.",
            hint="Use the file of a stream of X.",
            exit_code=Exit.USAGE,
        )
    section = tree.get("filter") or {}
    if not isinstance(section, dict):
        raise HarvesterError("Filter is not properly structured.", hint="Correct `filter` in the file.")
    return {
        name: value
        for name, value in section.items()
        if not (isinstance(value, str) and value.startswith(PLACEHOLDER))
    }


def _tell(head: str, each: Sequence[str]) -> int:
    """Print what was left out; the exit code."""
    for line in [head, *each] if each else ():
        print_line(line)
    return int(Exit.PARTIAL if each else Exit.OK)


def _print_present(values: Sequence[str]) -> None:
    if values:
        more = f" and {len(values) - _SHOWN:,} more" if len(values) > _SHOWN else ""
        print_line(f"{len(values):,} already in the file: {', '.join(values[:_SHOWN])}{more}.", err=True)
