"""What may be asked for: a collection is valid before anything is spent on it."""

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any

from harvester.capacity import WISHES, wish_problems
from harvester.collection.changeset import patched
from harvester.collection.filter_terms import unreadable
from harvester.collection.secrets import PROFILE, SECTIONS
from harvester.documents import Tree, checked
from harvester.errors import HarvesterError
from harvester.store.keys import id_problem

USER_TIMELINE, SEARCH, FILTER = "user_timeline", "search", "filter"

USER_STATES = ("protected", "suspended", "not_found")

# What a harvest learns and a person does not type; an edit never takes these away.
STATE = {
    USER_TIMELINE: ("screen_name", "since_id", "resume", "sightings", "looked_up", "tweet_count"),
    SEARCH: ("since_id", "resume", "harvested_query"),
    FILTER: (),
}

_KNOWN = {
    "": {
        *("id", "type", *SECTIONS, "timestamp", "version", "changeset"),
        *("title", "description", "notes", "labels", "task", "budget_usd", "check_in"),
    },
    USER_TIMELINE: {"users", "delete_users_for", "delete_users_after", "look_up_days", "sweep"},
    SEARCH: {"search"},
    FILTER: {"filter"},
}
# How text begins that the template left for a person to fill in, which is told once.
_PLACEHOLDER = "<"
# Python reads no number of 5,000 digits, and nobody means one of 30.
_DIGITS = 30
_MOST_MONEY = 1_000_000_000
_KNOWN_USER = set(STATE[USER_TIMELINE])
_KNOWN_SEARCH = {"query", "archive", "max_records", *STATE[SEARCH]}
_KNOWN_FILTER = {"track", "follow", "locations", "rules", "max_records"}
_KNOWN_KEYS = {
    *(PROFILE, "consumer_key", "consumer_secret", "access_token", "access_token_secret", "bearer_token"),
}


def parsed(data: bytes, where: str, *, collection_id: str = "") -> Tree:
    """The collection in `data`, valid and of that id; every problem of it in one HarvesterError otherwise."""
    tree = checked(data, where, hint="Mend the file, or restore it from its changesets.")
    reasons = problems(tree)
    if collection_id and tree.get("id", collection_id) != collection_id:
        reasons.append(f"Its id is {tree['id']!r}.")
    if reasons:
        raise HarvesterError(
            f"{where} is not a valid collection.",
            reasons,
            "Correct these and start again; nothing was collected.",
        )
    return tree


def problems(tree: Any) -> list[str]:
    """All that stands against harvesting this collection; empty when nothing does."""
    if not isinstance(tree, dict):
        return ["The collection is not a JSON object."]
    found = list(_common_problems(tree))
    check = _SECTIONS.get(_kind(tree))
    if check:
        found.extend(check(tree))
    elif "type" in tree:
        found.append(f"Unrecognized collection type {tree['type']!r}; it is one of {', '.join(_SECTIONS)}.")
    return found


def _kind(tree: Tree) -> str:
    kind = tree.get("type")
    return kind if isinstance(kind, str) else ""


def _common_problems(tree: Tree) -> Iterator[str]:
    collection_id = tree.get("id", "")
    reason = id_problem(collection_id) if isinstance(collection_id, str) else "Id is not text."
    if reason:
        yield reason
    if "type" not in tree:
        yield "Missing type."
    known = _KNOWN[""] | _KNOWN.get(_kind(tree) or "?", set().union(*_KNOWN.values()))
    yield from _unknown(tree, known, "")
    for name in SECTIONS:
        if isinstance(keys := tree.get(name, {}), dict):
            yield from _unknown(keys, _KNOWN_KEYS, f"{name}.")
        else:
            yield f"{name.capitalize()} is not properly structured."
    check_in = tree.get("check_in", "")
    if not isinstance(check_in, str) or not re.fullmatch(r"[\w-]*", check_in, re.ASCII):
        yield "check_in is the id of a check-in at Honeybadger: letters, digits, '_' and '-'."
    task = tree.get("task", {})
    if not isinstance(task, dict):
        yield "Task is not properly structured."
    else:
        yield from _unknown(task, set(WISHES), "task.")
        yield from wish_problems(task)
    if "budget_usd" in tree and not _is_money(tree["budget_usd"]):
        yield f"budget_usd is {tree['budget_usd']!r}; it is a number of dollars above 0, e.g. 2.50."
    yield from _placeholders(tree, "")


def _is_money(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST_MONEY


def budget(tree: Tree, *, setting: float) -> float | None:
    """The dollars one harvest may cost: the least of what the collection and the setting (0: none) say."""
    return min(filter(None, (tree.get("budget_usd"), setting)), default=None)


def _unknown(tree: Tree, known: set[str], where: str) -> Iterator[str]:
    for key in tree:
        if key not in known and not key.startswith("x_"):
            near = difflib.get_close_matches(key, known, n=1)
            yield f"Unknown key {where}{key}." + (f" Is {where}{near[0]} meant?" if near else "")


def _placeholders(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) and value.startswith(_PLACEHOLDER):
        yield f"{where} still holds the template's text {value!r}."
    elif isinstance(value, dict):
        for key, inner in value.items():
            # Only what may hold any is looked into: 100,000 users have 300,000 texts.
            if not isinstance(inner, str) or inner.startswith(_PLACEHOLDER):
                yield from _placeholders(inner, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _placeholders(inner, where)


def _timeline_problems(tree: Tree) -> Iterator[str]:
    users = tree.get("users")
    if users is None:
        yield "A user_timeline collection, but missing users."
    elif not isinstance(users, dict):
        yield "Users is not properly structured."
    else:
        yield from _users_problems(users)
    states = tree.get("delete_users_for", [])
    if not isinstance(states, list):
        yield "delete_users_for is not a list."
    else:
        for state in states:
            if state not in USER_STATES:
                yield f"delete_users_for holds {state!r}; it may hold {', '.join(USER_STATES)}."
    yield from _count_problems(tree, "delete_users_after", "", least=1)
    yield from _count_problems(tree, "look_up_days", "", least=0)


def _users_problems(users: Tree) -> Iterator[str]:
    for user_id, user in users.items():
        if not is_id(user_id):
            yield f"{user_id} is not a user_id."
        if not isinstance(user, dict):
            yield f"User {user_id} is not properly structured."
            continue
        # Asked of all keys at once, as there may be 100,000 users.
        if not user.keys() <= _KNOWN_USER:
            yield from _unknown(user, _KNOWN_USER, f"users.{user_id}.")
        if "since_id" in user and not is_id(user["since_id"]):
            yield f"The since_id of user {user_id} is not a post id."


def _search_problems(tree: Tree) -> Iterator[str]:
    search = tree.get("search")
    if search is None:
        yield "A search collection, but missing search."
        return
    if not isinstance(search, dict):
        yield "Search is not properly structured."
        return
    yield from _unknown(search, _KNOWN_SEARCH, "search.")
    if not isinstance(search.get("query"), str) or not search["query"].strip():
        yield "Query must be provided."
    if not isinstance(search.get("archive", False), bool):
        yield "search.archive is not true or false."
    if "since_id" in search and not is_id(search["since_id"]):
        yield "search.since_id is not a post id."
    yield from _count_problems(search, "max_records", "search.", least=0)


def _filter_problems(tree: Tree) -> Iterator[str]:
    section = tree.get("filter")
    if section is None:
        yield "A filter collection, but missing filter."
        return
    if not isinstance(section, dict):
        yield "Filter is not properly structured."
        return
    yield from _unknown(section, _KNOWN_FILTER, "filter.")
    if not any(section.get(key) for key in ("track", "follow", "locations", "rules")):
        yield "Must provide track, follow, locations, or rules for a filter."
    filled = {key: value for key, value in section.items() if not str(value).startswith(_PLACEHOLDER)}
    yield from unreadable(filled)
    yield from _count_problems(section, "max_records", "filter.", least=0)


_SECTIONS: dict[str, Callable[[Tree], Iterator[str]]] = {
    USER_TIMELINE: _timeline_problems,
    FILTER: _filter_problems,
    SEARCH: _search_problems,
}


def _count_problems(section: Tree, key: str, where: str, *, least: int) -> Iterator[str]:
    # The 2019 files hold numbers as text too, and an empty text for "no limit".
    value = section.get(key)
    if value in (None, "") or (isinstance(value, str) and value.startswith(_PLACEHOLDER)):
        return
    text = str(value)
    digits = not isinstance(value, bool) and text.isascii() and text.isdigit() and len(text) <= _DIGITS
    if not digits or not least <= int(text) <= 10**12:
        shown = repr(value)[:_DIGITS]
        yield f"{where}{key} is {shown}; it may be a whole number from {least} to 1,000,000,000,000."


def count(section: Tree, key: str, *, default: int = 0) -> int:
    """A number that passed `problems`, be it written as a number or as text."""
    value = section.get(key)
    return default if value in (None, "") else int(value)


def is_id(value: Any) -> bool:
    """Ids of users and posts are digits in text; 2^64 has 20 of them."""
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20


def with_state(tree: Tree, known: Tree) -> Tree:
    """`tree`, as a person wrote it anew, with what harvests had learnt of the same users or query."""
    for kind, section in ((USER_TIMELINE, "users"), (SEARCH, "search")):
        new, old = tree.get(section), known.get(section)
        if tree.get("type") != kind or not isinstance(new, dict) or not isinstance(old, dict):
            continue
        if kind == SEARCH and new.get("query") == old.get("query"):
            return {**tree, section: _with_state(new, old, STATE[kind])}
        if kind == USER_TIMELINE:
            users = {user: _with_state(value, old.get(user), STATE[kind]) for user, value in new.items()}
            return {**tree, section: users}
    return tree


def _with_state(new: Any, old: Any, state: tuple[str, ...]) -> Any:
    if not isinstance(new, dict) or not isinstance(old, dict):
        return new
    return {**{name: value for name, value in old.items() if name in state}, **new}


def with_harvest(current: Tree, used: Tree, learnt: Tree) -> Tree:
    """`current`, which a person may have edited since the harvest read `used`, with what the harvest learnt.

    What a person removed stays removed; of a search whose query was changed nothing is kept.
    """
    patch = dict(learnt)
    if "users" in patch:
        users = current.get("users")
        kept = {user: change for user, change in patch.pop("users").items() if _has(users, user)}
        if kept:
            patch["users"] = kept
    if "search" in patch and _query(current) != _query(used):
        del patch["search"]
    return patched(current, patch)


def _has(users: Any, user: str) -> bool:
    return isinstance(users, dict) and isinstance(users.get(user), dict)


def _query(tree: Tree) -> Any:
    search = tree.get("search")
    return search.get("query") if isinstance(search, dict) else None
