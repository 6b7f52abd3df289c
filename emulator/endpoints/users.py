"""Accounts by id and by name, singly and in batches, and their followers."""

from collections.abc import Callable
from typing import Any

import orjson

from emulator.api.answers import Answer, Call, json_answer
from emulator.api.errors import bad_parameter, missing, suspended
from emulator.api.page_tokens import Place, fingerprint, place_of, token
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
    shown: list[bytes] = []
    errors: list[dict[str, Any]] = []
    for text in dict.fromkeys(call.params[parameter].split(",")):
        user_id = named(service, text) if parameter == "usernames" else find(text)
        profile, error = seen(service, call, user_id, parameter=parameter, value=text)
        if profile is not None:
            shown.append(profile)
        else:
            errors.append(error)
    parts = [b'"data":[' + b",".join(shown) + b"]"] if shown else []
    if errors:
        parts.append(b'"errors":' + orjson.dumps(errors))
    return Answer(body=b"{" + b",".join(parts) + b"}", users=len(shown))


def one(service: Service, call: Call, parameter: str, user_id: int | None) -> Answer:
    profile, error = seen(service, call, user_id, parameter=parameter, value=call.subject)
    if profile is None:
        outcome = "suspended" if "suspended" in error["detail"] else "not-found"
        return json_answer({"errors": [error]}, outcome=outcome)
    return Answer(body=b'{"data":' + profile + b"}", users=1)


def seen(
    service: Service, call: Call, user_id: int | None, *, parameter: str, value: str
) -> tuple[bytes | None, dict[str, Any]]:
    """The profile as JSON, or the entry of `errors` that takes its place."""
    if user_id is not None and service.world.states.get(user_id) == "suspended":
        return None, suspended(service.problems, parameter=parameter, value=value)
    profile = service.pages.user(user_id, call.view) if user_id is not None else None
    return profile, missing(service.problems, kind="user", parameter=parameter, value=value)


def followers(service: Service, call: Call) -> Answer:
    return neighbours(service, call, step=1)


def following(service: Service, call: Call) -> Answer:
    return neighbours(service, call, step=-1)


def neighbours(service: Service, call: Call, *, step: int) -> Answer:
    """Account n is followed by the accounts n+1, n+4, n+9 ...: a graph without end that needs no memory."""
    accounts = service.world.grids[0].accounts
    number = accounts.number(int(call.subject))
    if number is None or service.world.state(int(call.subject)) != "ok":
        profile, error = seen(service, call, int(call.subject), parameter="id", value=call.subject)
        if profile is None:
            return json_answer({"errors": [error]}, outcome="not-found")
    count = int(accounts.count**0.5) if number is not None else 0
    ids = [accounts.id(((number or 0) + step * k * k) % accounts.count) for k in range(1, count)]
    ids = [user_id for user_id in dict.fromkeys(ids) if str(user_id) != call.subject]
    bound = fingerprint(call.endpoint, call.subject, call.params)
    at = start_of_page(service, call, bound)
    size = int(call.params.get("max_results", 100))
    shown = [user for user_id in ids[at : at + size] if (user := service.pages.user(user_id, call.view))]
    meta: dict[str, Any] = {"result_count": len(shown)}
    if at + size < len(ids):
        meta["next_token"] = token(Place(0, 0, at + size), bound)
    if at:
        meta["previous_token"] = token(Place(0, 0, max(0, at - size)), bound)
    data = b'"data":[' + b",".join(shown) + b"]," if shown else b""
    return Answer(body=b"{" + data + b'"meta":' + orjson.dumps(meta) + b"}", users=len(shown))


def start_of_page(service: Service, call: Call, bound: bytes) -> int:
    given = call.params.get("pagination_token")
    if given is None:
        return 0
    place = place_of(given, bound)
    if place is None:
        message = f"The `pagination_token` query parameter value [{given}] is not valid"
        raise bad_parameter(service.problems, "pagination_token", given, message)
    return place.last
