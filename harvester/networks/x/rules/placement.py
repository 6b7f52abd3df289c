"""The rules of a collection over the apps of its shards: each stays where it is, as far as it fits there."""

import math
from collections.abc import Mapping, Sequence

from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.networks.x.rules.arrangement import arranged
from harvester.networks.x.rules.collection_rules import ACTIVE, CollectionRule
from harvester.networks.x.rules.live_rules import Rule, RuleCaps
from harvester.networks.x.rules.packing import size
from harvester.networks.x.rules.translation import terms
from harvester.networks.x.rules.values import NATIVE
from harvester.networks.x.rules.wanted import translated
from harvester.text import counted


class DoNotFit(HarvesterError):
    """The rules need more apps than there are."""


def placed(
    rules: Sequence[CollectionRule], before: Mapping[str, int], apps: Sequence[RuleCaps]
) -> list[list[CollectionRule]]:
    """The rules of each shard; `before` says in which one, from 0 on, a rule is.

    Raises if they do not fit. Only what does not fit any more leaves its shard: its last rules, as few as
    possible.
    """
    for caps in apps:
        # An invalid rule is reported at once, and not treated as a lack of room.
        translated([rule for rule in rules if rule.active], caps)
    *shards, free = _by_shard(rules, before, len(apps))
    for shard, caps in zip(shards, apps, strict=True):
        free += _cut(shard, caps)
    left: list[CollectionRule] = []
    for shard, added, caps in zip(shards, _spread(free, shards, apps), apps, strict=True):
        there = len(shard)
        shard += added
        left += _cut(shard, caps, after=there)
    for rule in left:
        if not any(_take(shard, rule, caps) for shard, caps in zip(shards, apps, strict=True)):
            raise _too_few(rules, apps)
    order = {rule.id: number for number, rule in enumerate(rules)}
    return [sorted(shard, key=lambda rule: order[rule.id]) for shard in shards]


def _by_shard(
    rules: Sequence[CollectionRule], before: Mapping[str, int], shards: int
) -> list[list[CollectionRule]]:
    """The rules of each shard, and last those of none."""
    found: list[list[CollectionRule]] = [[] for _ in range(shards + 1)]
    for rule in rules:
        found[min(before.get(rule.id, shards), shards)].append(rule)
    return found


def _spread(
    free: Sequence[CollectionRule], shards: Sequence[list[CollectionRule]], apps: Sequence[RuleCaps]
) -> list[list[CollectionRule]]:
    """The rules for each shard, so that all are equally full; the largest first."""
    loads = [_load(shard, caps) for shard, caps in zip(shards, apps, strict=True)]
    added: list[list[CollectionRule]] = [[] for _ in apps]
    for rule in sorted(free, key=lambda rule: -_size(rule)):
        at = min(range(len(apps)), key=lambda number: (loads[number], number))
        added[at].append(rule)
        loads[at] += _size(rule) / _room(apps[at])
    return added


def live_rules(rules: Sequence[CollectionRule], caps: RuleCaps) -> list[Rule]:
    """The live rules that these need in an app of their own; raises if they do not fit."""
    return arranged([rule for rule in rules if rule.active], prefix="", caps=caps)


def rule_tree(rule: CollectionRule) -> Tree:
    """A rule as the `rules` of a filter have it, with its id, which it then has for good."""
    more = {
        "tag": rule.tag,
        "status": "" if rule.status == ACTIVE else rule.status,
        "metadata": rule.metadata,
    }
    return {
        "id": rule.id,
        "type": rule.type,
        "value": rule.value,
        **{name: value for name, value in more.items() if value},
    }


def _cut(shard: list[CollectionRule], caps: RuleCaps, *, after: int = 0) -> list[CollectionRule]:
    """Remove the last rules that do not fit, of those `after` the first ones."""
    low, high = after, len(shard)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits(shard[:middle], caps) else (low, middle - 1)
    cut = shard[low:]
    del shard[low:]
    return cut


def _take(shard: list[CollectionRule], rule: CollectionRule, caps: RuleCaps) -> bool:
    if not _fits([*shard, rule], caps):
        return False
    shard.append(rule)
    return True


def _fits(rules: Sequence[CollectionRule], caps: RuleCaps) -> bool:
    try:
        live_rules(rules, caps)
    except HarvesterError:
        return False
    return True


def _size(rule: CollectionRule) -> int:
    return size(terms(rule)) if rule.active else 0


def _room(caps: RuleCaps) -> int:
    return max(1, caps.rules * caps.length)


def _load(shard: Sequence[CollectionRule], caps: RuleCaps) -> float:
    return sum(map(_size, shard)) / _room(caps)


def _too_few(rules: Sequence[CollectionRule], apps: Sequence[RuleCaps]) -> HarvesterError:
    """Estimate the number of apps from the characters and from the rules that are not packed."""
    caps = max(apps, key=_room)
    native = sum(1 for rule in rules if rule.active and rule.type == NATIVE)
    by_size = [math.ceil(sum(map(_size, rules)) / _room(caps)), math.ceil(native / caps.rules)]
    needed = max(len(apps) + 1, *by_size)
    return DoNotFit(
        f"The rules do not fit into {counted(len(apps), 'app')}: they need about {needed} apps with "
        f"{caps.rules:,} rules each.",
        hint="Give profiles of more apps, or remove rules.",
        exit_code=Exit.USAGE,
    )
