"""A collection of accounts: what each has published since the harvest before."""

from collections.abc import Iterator

from harvester.collection.kinds.kind import Kind, Rules, count_problems, unknown
from harvester.collection.kinds.names import USER_TIMELINE
from harvester.documents import Tree
from harvester.text import counted

_LEARNED = ("screen_name", "since_id", "resume", "sightings", "looked_up", "tweet_count")


def _problems(tree: Tree, rules: Rules) -> Iterator[str]:
    users = tree.get("users")
    if users is None:
        yield "A user_timeline collection, but missing users."
    elif not isinstance(users, dict):
        yield "Users is not properly structured."
    else:
        yield from _users_problems(users, rules)
    states = tree.get("delete_users_for", [])
    if not isinstance(states, list):
        yield "delete_users_for is not a list."
    else:
        for state in states:
            if state not in rules.user_states:
                yield f"delete_users_for holds {state!r}; it may hold {', '.join(rules.user_states)}."
    yield from count_problems(tree, "delete_users_after", "", least=1)
    yield from count_problems(tree, "look_up_days", "", least=0)


def _users_problems(users: Tree, rules: Rules) -> Iterator[str]:
    known = {*_LEARNED, *rules.keys_of(USER_TIMELINE)}
    for user_id, user in users.items():
        if not rules.is_user(user_id):
            yield f"{user_id} is not a user_id."
        if not isinstance(user, dict):
            yield f"User {user_id} is not properly structured."
            continue
        # Asked of all keys at once, as there may be 100,000 users.
        if not user.keys() <= known:
            yield from unknown(user, known, f"users.{user_id}.")
        if "since_id" in user and not rules.is_post(user["since_id"]):
            yield f"The since_id of user {user_id} is not a post id."


def _in_words(tree: Tree) -> str:
    return counted(len(tree.get("users") or {}), "user")


KIND = Kind(
    USER_TIMELINE,
    "users",
    _problems,
    _in_words,
    {"users": {}, "delete_users_for": ["protected", "suspended", "not_found"], "look_up_days": 30},
    keys=frozenset(("delete_users_for", "delete_users_after", "look_up_days")),
    learned=_LEARNED,
    learned_above=("sweep",),
    has_users=True,
)
