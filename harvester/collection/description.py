"""Validation of a collection, before anything is spent on it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harvester.capacity import WISHES, wish_problems
from harvester.collection.changeset import patched
from harvester.collection.kinds import ALL, KINDS, Rules, kind_of
from harvester.collection.kinds.kind import PLACEHOLDER, Kind, misshapen, unknown
from harvester.collection.secrets import PROFILE, SECTIONS
from harvester.collection.shards import SHARD_OF, SHARDS, shard_problems
from harvester.collection.workers import WORKER_OF, WORKERS, worker_problems
from harvester.documents import CompactUsers, Tree
from harvester.store.keys import id_problem

_KNOWN = {
    *("id", "type", "network", *SECTIONS, "timestamp", "version", "changeset"),
    *("title", "description", "notes", "labels", "task", "budget_usd", "check_in", "sinks"),
    *(SHARDS, SHARD_OF, WORKERS, WORKER_OF),
}
_MOST_MONEY = 1_000_000_000
_KNOWN_KEYS = {
    *(PROFILE, "consumer_key", "consumer_secret", "access_token", "access_token_secret", "bearer_token"),
}


def problems(tree: Any, rules: Rules, *, of_repairs: bool = False) -> list[str]:
    """All that stands against harvesting this collection, by the rules of its network.

    What is `of_repairs` is made by a command, and what a person wrote is not.
    """
    if not isinstance(tree, dict):
        return ["The collection is not a JSON object."]
    found = list(_common_problems(tree))
    kind = kind_of(tree)
    if kind and kind.is_repair == of_repairs:
        found.extend(kind.problems(tree, rules))
    elif "type" in tree:
        found.append(f"Unrecognized collection type {tree['type']!r}; use one of {', '.join(KINDS)}.")
    return found


def _common_problems(tree: Tree) -> Iterator[str]:
    yield from _id_problems(tree)
    if "type" not in tree:
        yield "Missing type."
    kind = kind_of(tree)
    kinds = [kind] if kind else KINDS.values()
    yield from unknown(tree, _KNOWN.union(*(each.known for each in kinds)), "")
    yield from _key_problems(tree)
    yield from _check_in_problems(tree)
    yield from _task_problems(tree)
    if "budget_usd" in tree and not _is_money(tree["budget_usd"]):
        yield f"budget_usd is {tree['budget_usd']!r}; it must be a number of dollars above 0, e.g. 2.50."
    if "sinks" in tree:
        yield from _sink_problems(tree, kind)
    yield from shard_problems(tree)
    yield from worker_problems(tree)
    yield from _placeholders(tree, "")


def _id_problems(tree: Tree) -> Iterator[str]:
    collection_id = tree.get("id", "")
    reason = id_problem(collection_id) if isinstance(collection_id, str) else "Id is not text."
    if reason:
        yield reason


def _check_in_problems(tree: Tree) -> Iterator[str]:
    check_in = tree.get("check_in", "")
    if not isinstance(check_in, str) or not re.fullmatch(r"[\w-]*", check_in, re.ASCII):
        yield "check_in must be the id of a Honeybadger check-in: letters, digits, '_' and '-'."


def _sink_problems(tree: Tree, kind: Kind | None) -> Iterator[str]:
    # Most collections have none.
    from harvester.collection.sinks import sink_problems

    if kind and kind.is_crawl:
        yield "A graph collection has lists of accounts, and sinks deliver posts: remove sinks."
    else:
        yield from sink_problems(tree["sinks"])


def _key_problems(tree: Tree) -> Iterator[str]:
    for name in SECTIONS:
        if isinstance(keys := tree.get(name, {}), dict):
            yield from unknown(keys, _KNOWN_KEYS, f"{name}.")
            yield from (f"{name}.{key} is not text." for key in _not_text(keys))
        else:
            yield misshapen(name.capitalize(), '{"profile": "museum"}')


def _task_problems(tree: Tree) -> Iterator[str]:
    if isinstance(task := tree.get("task", {}), dict):
        yield from unknown(task, set(WISHES), "task.")
        yield from wish_problems(task)
    else:
        yield misshapen("Task", '{"cpu": 512}')


def _not_text(keys: Tree) -> Iterator[str]:
    """Names alone: a value may be secret."""
    return (key for key, value in keys.items() if value is not None and not isinstance(value, str))


def _is_money(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST_MONEY


def budget(tree: Mapping[str, Any], *, setting: float) -> float | None:
    """The dollars one harvest may cost: the least of what the collection and the setting (0: none) say."""
    return min(filter(None, (tree.get("budget_usd"), setting)), default=None)


def _placeholders(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) and value.startswith(PLACEHOLDER):
        yield f"{where} still holds the template's text {value!r}."
    elif isinstance(value, dict | CompactUsers):
        for key, inner in value.items() if isinstance(value, dict) else value.holding(b'"<'):
            # Only what may hold any is looked into: 100,000 users have 300,000 texts.
            if not isinstance(inner, str) or inner.startswith(PLACEHOLDER):
                yield from _placeholders(inner, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _placeholders(inner, where)


def with_state(tree: Tree, known: Tree) -> Tree:
    """`tree`, as a person wrote it anew, with what harvests had learnt of the same users or query."""
    kind = kind_of(tree)
    if kind is None:
        return tree
    for section, learned in kind.learned_in.items():
        if section in tree:
            tree = {**tree, section: _with_state(tree[section], known.get(section), learned)}
    new, old = tree.get(kind.section), known.get(kind.section)
    if not isinstance(new, dict) or not isinstance(old, dict) or not kind.is_same(new, old):
        return tree
    if kind.has_users:
        users = {user: _with_state(value, old.get(user), kind.learned) for user, value in new.items()}
        return {**tree, kind.section: users}
    return {**tree, kind.section: _with_state(new, old, kind.learned)}


def _with_state(new: Any, old: Any, state: tuple[str, ...]) -> Any:
    if not isinstance(new, dict) or not isinstance(old, dict):
        return new
    return {**{name: value for name, value in old.items() if name in state}, **new}


def with_harvest(current: Tree, used: Mapping[str, Any], learnt: Tree) -> Tree:
    """`current`, which a person may have edited since the harvest read `used`, with what the harvest learnt.

    What a person removed stays removed; of a search whose query was changed nothing is kept.
    """
    patch = dict(learnt)
    for kind in ALL.values():
        section = patch.get(kind.section)
        if section is None:
            continue
        now = current.get(kind.section)
        if kind.has_users:
            section = CompactUsers.of((user, change) for user, change in section.items() if _has(now, user))
        if not section or not kind.is_same(now, used.get(kind.section)):
            del patch[kind.section]
        else:
            patch[kind.section] = section
    return patched(current, patch)


def _has(users: Any, user: str) -> bool:
    return isinstance(users, dict | CompactUsers) and isinstance(users.get(user), dict)
