"""`collection-config check` of a collection with shards: each is checked as a stream of its own app."""

from collections.abc import Iterator
from dataclasses import replace

from harvester.checks import collection
from harvester.checks.collection import Check
from harvester.collection.shards import NO_RULE, shard_tree
from harvester.commands.cli import network_client
from harvester.commands.cli.workspace import Workspace
from harvester.commands.config.shards import Plan, placed_now, replaced
from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.networks.validation import as_valid


def of_shards(workspace: Workspace, tree: Tree, *, live: bool, volume: bool) -> Iterator[Check]:
    """The checks of each shard of a valid collection, under its id; one alone if the rules do not fit."""
    try:
        plan = replaced(workspace, tree)
    except HarvesterError as error:
        for problem in error.problems or (error.message,):
            yield Check("shards", False, problem, error.hint)
        return
    assert plan
    stored = placed_now(workspace, tree)
    for number, row in enumerate(plan.rows(str(tree["id"])), 1):
        made = shard_tree(tree, plan.shards, number, plan.rules[number - 1])
        fits = (
            f"{row['live_rules']:,} of {row['of']:,} live rules, with the keys of profile {row['profile']}."
        )
        found = [Check("app", True, fits), *_stored(plan, number, stored), *_faults(workspace, made)]
        if live and all(each.ok for each in found):
            found = _with_network(workspace, made, found, volume=volume)
        yield from (replace(each, check=f"{made['id']} {each.check}") for each in found)


def _faults(workspace: Workspace, made: Tree) -> Iterator[Check]:
    """The checks of a shard's description; that it is valid goes without saying."""
    for each in collection.of_description(made, workspace.settings):
        if each.check != "description" or not each.ok:
            yield each


def _with_network(workspace: Workspace, made: Tree, found: list[Check], *, volume: bool) -> list[Check]:
    return collection.with_network(
        found, as_valid(made), lambda: network_client.client(workspace.settings, made), volume=volume
    )


def _stored(plan: Plan, number: int, stored: dict[str, int]) -> Iterator[Check]:
    """Whether the rules of a shard are stored there."""
    planned = {str(rule["id"]) for rule in plan.rules[number - 1]}
    there = {rule for rule, at in stored.items() if at == number - 1} - {NO_RULE["id"]}
    if planned != there:
        differ = (
            f"not yet its part: {len(planned - there):,} missing, {len(there - planned):,} to be removed."
        )
        yield Check("stored rules", True, differ, "`collection-config update` stores them.")
