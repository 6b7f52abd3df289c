"""`collection-config shards`: divides the rules of a stream among several apps, and shows how they are."""

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import click

from harvester.collection.kinds import STREAMS
from harvester.collection.shards import SHARD_OF, SHARDS, App, Shards, shard_id, shard_problems, shard_tree
from harvester.commands.cli import collection_file, network_client
from harvester.commands.cli.output import (
    advise,
    announce_dry_run,
    change_options,
    confirm,
    print_json,
    table,
)
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.collection.ready import require_collection, require_idle
from harvester.commands.config.stored_shards import lacks_changes, store_shard, stored_shard
from harvester.documents import Collection, Tree, text_in
from harvester.errors import Exit, HarvesterError
from harvester.networks.registry import network_of
from harvester.text import counted, listed

_COLUMNS = ("shard", "profile", "rules", "live_rules", "of", "moved_in")
_TERMS = (
    "X counts limits by app, and its terms allow several apps for one purpose only with its consent; it may "
    "suspend apps and accounts that get around a limit. Continue only if X has agreed."
)


@dataclass(frozen=True)
class Plan:
    """The rules of each shard; `moved_in` is the number of its rules that were in another one."""

    shards: Shards
    rules: Sequence[Sequence[Tree]]
    live: Sequence[int]
    moved_in: Sequence[int]

    def to_tree(self, collection_id: str) -> Tree:
        return {"id": collection_id, "shards": self.rows(collection_id), "spares": list(self.shards.spares)}

    def rows(self, collection_id: str) -> list[Tree]:
        return [
            {
                "shard": shard_id(collection_id, number),
                "profile": app.profile,
                "rules": len(rules),
                "live_rules": live,
                "of": app.rules,
                "moved_in": moved,
            }
            for number, (app, rules, live, moved) in enumerate(
                zip(self.shards.apps, self.rules, self.live, self.moved_in, strict=True), 1
            )
        ]


@click.command("shards")
@collection_id_argument
@click.option("--profiles", help="Profiles of different apps, by commas; those not needed become spares.")
@click.option("--rule-cap", type=click.IntRange(1), help="Rules that each app may have; default: ask X.")
@change_options
@in_workspace
def shards(
    collection_id: str,
    profiles: str | None,
    rule_cap: int | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Divide the rules of COLLECTION_ID among apps, or show how they are divided.

    Each app's part is a collection of its own (COLLECTION_ID.1, ...), with its harvests. As few apps are
    used as the rules need; rules that are placed already stay where they are.
    """
    keys, tree = require_collection(workspace, collection_id, *STREAMS)
    _require_x(tree)
    if profiles is None:
        _show(_stored_plan(workspace, tree), collection_id, as_json=as_json)
        return
    require_idle(workspace, keys)
    plan = _planned(workspace, tree, listed(profiles), rule_cap)
    if dry_run or not as_json:
        _show(plan, collection_id, as_json=as_json)
    advise(_TERMS)
    what = f"divide the rules of {collection_id} among {counted(len(plan.shards.apps), 'app')}"
    if dry_run:
        announce_dry_run(not as_json, what)
        return
    confirm(f"{what.capitalize()}?", yes=yes)
    _store(workspace, tree, plan)
    if as_json:
        print_json(plan.to_tree(collection_id))
    else:
        click.echo(f"Stored. `collection filter-start {collection_id}` starts what does not run.")


def _require_x(tree: Collection) -> None:
    if network_of(tree).name != "x":
        raise HarvesterError(
            f"{network_of(tree).title} has no rules: only streams of X have.",
            hint="Use a stream of X.",
            exit_code=Exit.USAGE,
        )


def _show(plan: Plan, collection_id: str, *, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_tree(collection_id))
    else:
        click.echo(table(plan.rows(collection_id), _COLUMNS))
        click.echo(f"Spare profiles: {', '.join(plan.shards.spares) or 'none'}.")


def replaced(workspace: Workspace, tree: Tree) -> Plan | None:
    """The placement of an edited collection's rules, or why they do not fit; None without shards."""
    found = Shards.of(tree)
    if found is None:
        return None
    hint = f"`collection-config shards {tree['id']} --profiles ...` adds apps."
    return _plan(workspace, tree, found, hint=hint)


def require_no_shard(tree: Tree) -> None:
    """Raise for a shard, whose rules are set by its collection."""
    if parent := tree.get(SHARD_OF):
        raise HarvesterError(
            f"{tree['id']} is a shard of {parent}, and edited with it.",
            hint=f"`collection-config download {parent}`, edit that, and `collection-config update`.",
            exit_code=Exit.USAGE,
        )


def store_edit(workspace: Workspace, tree: Tree, plan: Plan) -> None:
    """Update the shards of an edited collection, and notify the running streams."""
    for made in _made(tree, plan):
        store_shard(workspace, made)


def catch_up(workspace: Workspace, tree: Tree) -> list[str]:
    """Update the shards that an edit has not reached, as after a crash before `store_edit`; their ids."""
    plan = replaced(workspace, tree)
    late = [made for made in (_made(tree, plan) if plan else ()) if lacks_changes(workspace, made)]
    for made in late:
        store_shard(workspace, made)
    return [made["id"] for made in late]


def _made(tree: Tree, plan: Plan) -> list[Tree]:
    return [shard_tree(tree, plan.shards, number, rules) for number, rules in enumerate(plan.rules, 1)]


def _planned(workspace: Workspace, tree: Collection, names: Sequence[str], rule_cap: int | None) -> Plan:
    """Place the rules in the fewest apps that suffice, but at least in all existing shards."""
    if not names or len(set(names)) < len(names):
        raise HarvesterError(
            "--profiles needs names, each once.", hint="Use e.g. --profiles a,b,c.", exit_code=Exit.USAGE
        )
    before = Shards.of(tree)
    apps = _apps(workspace, tree, names, rule_cap)
    used = [app.profile for app in before.apps] if before else []
    if len(used) > len(names):
        raise HarvesterError(
            f"{tree['id']} has {len(used)} shards, and {len(names)} profiles are named.",
            hint="A shard keeps its posts and cannot be removed; name a profile for each.",
            exit_code=Exit.USAGE,
        )
    ordered = _ordered(names, used)
    plan = _fewest(workspace, tree, [apps[name] for name in ordered], least=max(1, len(used)))
    collection_file.require([*shard_problems({**tree, SHARDS: plan.shards.to_tree()})])
    return plan


def _ordered(names: Sequence[str], used: Sequence[str]) -> list[str]:
    """Those of existing shards first, each in its place; another takes the place of one that is not named."""
    kept = [name if name in names else "" for name in used]
    others = iter([name for name in names if name not in kept])
    return [name or next(others) for name in kept] + list(others)


def _fewest(workspace: Workspace, tree: Collection, apps: Sequence[App], *, least: int) -> Plan:
    from harvester.networks.x.rules.placement import DoNotFit

    for most in range(least, len(apps)):
        with suppress(DoNotFit):
            return _plan(workspace, tree, _with_spares(apps, most))
    return _plan(workspace, tree, _with_spares(apps, len(apps)))


def _with_spares(apps: Sequence[App], most: int) -> Shards:
    return Shards(tuple(apps[:most]), tuple(app.profile for app in apps[most:]))


def _apps(
    workspace: Workspace, tree: Collection, names: Sequence[str], rule_cap: int | None
) -> dict[str, App]:
    """The limits of each profile's app; raises if two profiles belong to one app."""
    found: dict[str, App] = {}
    owners: dict[str, str] = {}
    for name in names:
        there: Tree = {**tree, "keys": {"profile": name}}
        app = network_of(tree).keys(there, workspace.settings).app
        if app in owners:
            raise HarvesterError(
                f"{owners[app]} and {name} have keys of the same app, which has one stream.",
                hint="Name profiles of different apps; keys in the environment override profiles.",
                exit_code=Exit.USAGE,
            )
        owners[app] = name
        found[name] = App(name, *_caps(workspace, there, rule_cap))
    return found


def _caps(workspace: Workspace, tree: Tree, rule_cap: int | None) -> tuple[int, int]:
    """The number and length of rules that the app has room for, beside those of others."""
    from harvester.networks.x import XClient
    from harvester.networks.x.rules.live_rules import RuleCaps, collection_of

    if rule_cap:
        return rule_cap, RuleCaps.length
    with closing(network_client.client(workspace.settings, tree)) as client:
        assert isinstance(client, XClient)
        caps = client.rule_caps()
        own = str(tree["id"])
        owners = [collection_of(text_in(rule, "tag")) for rule in client.rules() if caps.in_use]
    foreign = sum(owner is None or owner.rpartition(".")[0] != own for owner in owners)
    return max(1, caps.rules - foreign), caps.length


def _plan(workspace: Workspace, tree: Mapping[str, Any], found: Shards, *, hint: str = "") -> Plan:
    from harvester.networks.x.rules.live_rules import RuleCaps
    from harvester.networks.x.rules.placement import DoNotFit, live_rules, placed, rule_tree
    from harvester.networks.x.rules.wanted import rules_of

    before = placed_now(workspace, tree)
    caps = [RuleCaps(app.rules, app.length) for app in found.apps]
    try:
        parts = placed(rules_of(tree["filter"]), before, caps)
    except DoNotFit as error:
        raise DoNotFit(
            error.message, error.problems, hint or error.hint, exit_code=error.exit_code
        ) from error
    return Plan(
        found,
        [[rule_tree(rule) for rule in part] for part in parts],
        [len(live_rules(part, cap)) for part, cap in zip(parts, caps, strict=True)],
        [sum(before.get(rule.id, at) != at for rule in part) for at, part in enumerate(parts)],
    )


def placed_now(workspace: Workspace, tree: Mapping[str, Any]) -> dict[str, int]:
    """The shard of each rule, as stored."""
    found: dict[str, int] = {}
    stored = Shards.of(tree)
    for number, each in enumerate(stored.ids(str(tree["id"])) if stored else ()):
        section = (stored_shard(workspace, each) or {}).get("filter") or {}
        found |= {str(rule.get("id")): number for rule in section.get("rules") or ()}
    return found


def _stored_plan(workspace: Workspace, tree: Collection) -> Plan:
    found = Shards.of(tree)
    if found is None:
        raise HarvesterError(
            f"{tree['id']} has no shards.",
            hint=f"`collection-config shards {tree['id']} --profiles a,b,c` divides its rules among apps.",
        )
    return _plan(workspace, tree, found)


def _store(workspace: Workspace, tree: Collection, plan: Plan) -> None:
    from harvester.collection import history

    keys = workspace.keys(tree["id"])
    stored = history.edit(
        workspace.store, keys, lambda now: {**now, SHARDS: plan.shards.to_tree()}, note="Shards."
    )
    store_edit(workspace, stored, plan)
