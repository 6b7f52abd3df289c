"""The accounts in the `includes` of a stored page, by name."""

from collections.abc import Iterator
from typing import Any

import msgspec

from harvester.networks.x.decoding import member, objects, value_of
from harvester.networks.x.page import name_in


class _Account(msgspec.Struct):
    id: str
    username: str


class _Includes(msgspec.Struct):
    users: list[_Account] = []


class _Including(msgspec.Struct):
    includes: _Includes = msgspec.field(default_factory=_Includes)


_including = msgspec.json.Decoder(_Including)


def included_name(line: bytes, user_id: str) -> str | None:
    """The screen name of an account in the `includes` of a stored page, if it stands there."""
    for account_id, name in _included(line):
        if account_id == user_id and (found := name_in({"username": name})):
            return found
    return None


def _included(line: bytes) -> Iterator[tuple[str, Any]]:
    try:
        for account in _including.decode(line).includes.users:
            yield account.id, account.username
    except ValueError:
        # One account without a name, or with a number as its id, must not hide the others.
        for user in _users_in(line):
            yield str(user.get("id")), user.get("username")


def _users_in(line: bytes) -> list[dict[str, Any]]:
    try:
        return objects(member(value_of(line), "includes", "users"))
    except ValueError:
        # Nested more deeply than Python reads.
        return []
