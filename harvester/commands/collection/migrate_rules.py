"""EventBridge rules of 2019 are mentioned while there are any, and replaced on request."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from harvester.collection.kinds import FINITE
from harvester.commands.cli.output import advise, confirm
from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection.ready import require_collection, require_keys
from harvester.errors import Exit, HarvesterError
from harvester.text import counted

if TYPE_CHECKING:
    from harvester.compute import Scheduled
    from harvester.compute.fargate.rules_2019 import OldRule, OldRules


def mention(workspace: Workspace) -> None:
    """Say which collections rules of 2019 still start."""
    rules = _rules(workspace)
    try:
        names = [rule.collection_id for rule in rules.all() if rule.enabled] if rules else []
    except HarvesterError as error:
        click.echo(f"Cannot check for rules of 2019: {error}", err=True)
        return
    if names:
        message = f"EventBridge rules of 2019 still start harvests of {', '.join(names)}."
        advise(f"{message} `collection scheduled --migrate` replaces them.")


def migrate(workspace: Workspace, found: "Iterable[Scheduled]", *, dry_run: bool, yes: bool) -> int:
    """Replace every rule; one that cannot be replaced is reported, and does not stop the others."""
    rules = _rules(workspace)
    old = rules.all() if rules else []
    if not rules or not old:
        click.echo("There are no rules of 2019.")
        return int(Exit.OK)
    there = {each.collection_id for each in found}
    for rule in old:
        click.echo(f"{rule.name} ({rule.expression}): {_plan(rule, there)}")
    if dry_run:
        return int(Exit.OK)
    confirm(f"Replace {counted(len(old), 'rule')}?", yes=yes)
    left = 0
    for rule in old:
        try:
            click.echo(f"{rule.name}: {_move(workspace, rules, rule, there)}")
        except HarvesterError as error:
            left += 1
            click.echo(f"{rule.name} was not replaced: {error}", err=True)
    click.echo(f"Replaced or removed {len(old) - left} of {len(old)}.")
    return int(Exit.PARTIAL if left else Exit.OK)


def _move(workspace: Workspace, rules: "OldRules", rule: "OldRule", there: set[str]) -> str:
    """What AWS has accepted."""
    if not rule.enabled or rule.collection_id in there:
        rules.move(rule, None)
        return "removed"
    _, tree = require_collection(workspace, rule.collection_id, *FINITE)
    require_keys(workspace, tree)
    rules.move(rule, workspace.compute.schedule)
    return "replaced"


def _plan(rule: "OldRule", there: set[str]) -> str:
    if not rule.enabled:
        return "to be removed, as it was stopped"
    if rule.collection_id in there:
        return "to be removed, as the collection has a schedule"
    return "to be replaced by a schedule"


def _rules(workspace: Workspace) -> "OldRules | None":
    """None if no cluster is set: then nothing of AWS starts harvests."""
    if not (workspace.bucket and workspace.settings.cluster):
        return None
    from harvester.aws.service import Service
    from harvester.compute.fargate.rules_2019 import OldRules

    return OldRules(Service("events", region=workspace.settings.region), workspace.bucket)
