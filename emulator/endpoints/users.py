"""Accounts by id and by name, singly and in batches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from emulator.api.answers import Answer, Call, json_answer
from emulator.api.errors import missing, suspended
from emulator.service import Service


def by_ids(service: Service, call: Call) -> Answer:
    return many(service, call, "ids", int)


def by_names(service: Service, call: Call) -> Answer:
    return many(service, call, "usernames", service.world.named)


def by_id(service: Service, call: Call) -> Answer:
    return one(service, call, "id", int(call.subject))


def by_name(service: Service, call: Call) -> Answer:
    return one(service, call, "username", named(service, call.subject))


def named(service: Service, name: str) -> int | None:
    """Only a name finds an account here; an id in its place does not."""
    user_id = service.world.named(name)
    profile = service.world.user(user_id) if user_id is not None else None
    return user_id if profile and profile["username"].lower() == name.lower() else None


def many(service: Service, call: Call, parameter: str, find: Callable[[str], int | None]) -> Answer:
    shown: list[int] = []
    errors: list[dict[str, Any]] = []
    for text in dict.fromkeys(call.params[parameter].split(",")):
        user_id = named(service, text) if parameter == "usernames" else find(text)
        error = unseen(service, call, user_id, parameter=parameter, value=text)
        if user_id is None or error:
            errors.append(error)
        else:
            shown.append(user_id)
    return Answer(body=profiles_body(service, call, shown, errors=errors), users=shown)


def one(service: Service, call: Call, parameter: str, user_id: int | None) -> Answer:
    error = unseen(service, call, user_id, parameter=parameter, value=call.subject)
    if user_id is None or error:
        outcome = "suspended" if "suspended" in error["detail"] else "not-found"
        return json_answer({"errors": [error]}, outcome=outcome)
    parts = [
        b'"data":' + (service.pages.user(user_id, call.view) or b"{}"),
        *newest_posts(service, call, [user_id]),
    ]
    return Answer(body=b"{" + b",".join(parts) + b"}", users=[user_id])


def unseen(
    service: Service, call: Call, user_id: int | None, *, parameter: str, value: str
) -> dict[str, Any]:
    """The entry of `errors` for an account that cannot be seen; empty for one that can."""
    if user_id is not None and service.world.states.get(user_id) == "suspended":
        return suspended(service.problems, parameter=parameter, value=value)
    if user_id is not None and service.pages.user(user_id, call.view) is not None:
        return {}
    return missing(service.problems, kind="user", parameter=parameter, value=value)


def profiles_body(
    service: Service,
    call: Call,
    user_ids: Sequence[int],
    *,
    meta: Mapping[str, Any] | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """Profiles, with their newest posts if expanded; no `data` without profiles."""
    shown = [profile for user_id in user_ids if (profile := service.pages.user(user_id, call.view))]
    parts = [b'"data":[' + b",".join(shown) + b"]"] if shown else []
    parts += newest_posts(service, call, user_ids)
    parts += [b'"errors":' + orjson.dumps(errors)] if errors else []
    parts += [b'"meta":' + orjson.dumps(meta)] if meta is not None else []
    return b"{" + b",".join(parts) + b"}"


def newest_posts(service: Service, call: Call, user_ids: Sequence[int]) -> list[bytes]:
    """The member `includes` of an answer with profiles; none unless it was requested."""
    if "most_recent_tweet_id" not in call.view.expansions:
        return []
    found = (next(service.world.timeline(user_id), None) for user_id in user_ids)
    shown = [post.json(call.view) for post in found if post and not service.world.is_hidden(post)]
    name = call.view.name("tweets").encode()
    return [b'"includes":{"' + name + b'":[' + b",".join(shown) + b"]}"] if shown else []
