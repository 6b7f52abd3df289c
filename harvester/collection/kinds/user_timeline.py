"""A collection of accounts: what each has published since the harvest before."""

from collections.abc import Iterator, Mapping, Set
from datetime import datetime
from typing import Any

from harvester.collection.kinds.kind import (
    COUNT,
    OBJECT,
    TEXT,
    TIME,
    Kind,
    Rules,
    Shape,
    count_problems,
    misshapen,
    resume_shape,
    shape_problems,
    unknown,
)
from harvester.collection.kinds.names import USER_TIMELINE
from harvester.documents import CompactUsers, Tree
from harvester.text import counted

LEARNED_OF_USERS = (
    "screen_name",
    "since_id",
    "resume",
    "read_until",
    "sightings",
    "looked_up",
    "tweet_count",
)


def _are_sightings(value: Any) -> bool:
    return isinstance(value, dict) and all(times is None or COUNT[1](times) for times in value.values())


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


_OF_A_USER: Mapping[str, Shape] = {
    "screen_name": TEXT,
    "sightings": ("an object of whole numbers", _are_sightings),
    "looked_up": ("a date, e.g. '2026-11-23'", _is_date),
    "read_until": TIME,
    "tweet_count": COUNT,
}
_ABOVE: Mapping[str, Shape] = {"sweep": OBJECT}


def _problems(tree: Tree, rules: Rules) -> Iterator[str]:
    users = tree.get("users")
    if users is None:
        yield "A user_timeline collection, but missing users."
    elif not isinstance(users, dict | CompactUsers):
        yield misshapen("Users", '{"12": {}, "13": {}}')
    else:
        yield from user_problems(users, rules, {*LEARNED_OF_USERS, *rules.keys_of(USER_TIMELINE)})
    states = tree.get("delete_users_for", [])
    if not isinstance(states, list):
        yield "delete_users_for is not a list."
    else:
        for state in states:
            if state not in rules.user_states:
                yield f"delete_users_for holds {state!r}; it may hold {', '.join(rules.user_states)}."
    yield from shape_problems(tree, _ABOVE, "")
    yield from count_problems(tree, "delete_users_after", "", least=1)
    yield from count_problems(tree, "look_up_days", "", least=0)


def user_problems(users: Mapping[str, Any], rules: Rules, known: Set[str]) -> Iterator[str]:
    """What stands against the users of a collection, of each of which this may be `known`."""
    shapes = {**_OF_A_USER, "resume": resume_shape(rules)}
    for user_id, user in users.items():
        if not rules.is_user(user_id):
            yield f"{user_id} is not a user_id. {rules.ids}".rstrip()
        if not isinstance(user, dict):
            yield misshapen(f"User {user_id}", '{"screen_name": "jack"}')
            continue
        # Asked of all keys at once, as there may be 100,000 users.
        if not user.keys() <= known:
            yield from unknown(user, known, f"users.{user_id}.")
        if "since_id" in user and not rules.is_post(user["since_id"]):
            yield f"The since_id of user {user_id} is not a post id. {rules.ids}".rstrip()
        yield from shape_problems(user, shapes, f"users.{user_id}.")


def _in_words(tree: Tree) -> str:
    return counted(len(tree.get("users") or {}), "user")


KIND = Kind(
    USER_TIMELINE,
    "users",
    _problems,
    _in_words,
    {"users": {}, "delete_users_for": ["protected", "suspended", "not_found"], "look_up_days": 30},
    keys=frozenset(("delete_users_for", "delete_users_after", "look_up_days")),
    learned=LEARNED_OF_USERS,
    learned_above=("sweep",),
    has_users=True,
)
