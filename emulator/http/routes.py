"""The table of routes: path, permitted callers and handler of each endpoint."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from emulator.api.answers import Answer, Call
from emulator.endpoints import counts, follows, posts, stream, users
from emulator.service import Service


@dataclass(frozen=True)
class Route:
    """`endpoint` names the row in the tables of limits and parameters."""

    method: str
    pattern: re.Pattern[str]
    endpoint: str
    handler: Callable[[Service, Call], Answer]
    app_only: bool = False
    numeric: bool = True


def route(
    method: str,
    path: str,
    endpoint: str,
    handler: Callable[[Service, Call], Answer],
    *,
    app_only: bool = False,
) -> Route:
    pattern = re.compile(f"^{re.sub(r':[a-z]+', '([^/]+)', path)}$")
    return Route(method, pattern, endpoint, handler, app_only, numeric=":id" in path)


ROUTES = (
    route("GET", "/2/users/:id/tweets", "users/:id/tweets", posts.timeline),
    route("GET", "/2/tweets/search/recent", "search/recent", posts.search),
    route("GET", "/2/tweets/search/all", "search/all", posts.search, app_only=True),
    route("GET", "/2/tweets", "tweets", posts.lookup),
    route("GET", "/2/users/:id/mentions", "users/:id/mentions", posts.mentions),
    route("GET", "/2/users", "users", users.by_ids),
    route("GET", "/2/users/by", "users/by", users.by_names),
    route("GET", "/2/users/by/username/:name", "users/by/username", users.by_name),
    route("GET", "/2/users/:id/followers", "followers", follows.followers),
    route("GET", "/2/users/:id/following", "following", follows.following),
    route("GET", "/2/users/:id", "users/:id", users.by_id),
    route("GET", "/2/tweets/counts/recent", "counts/recent", counts.counts, app_only=True),
    route("GET", "/2/tweets/counts/all", "counts/all", counts.counts, app_only=True),
    route("GET", "/2/usage/tweets", "usage", counts.usage, app_only=True),
    route("GET", "/2/tweets/search/stream/rules", "rules:get", stream.rules, app_only=True),
    route("POST", "/2/tweets/search/stream/rules", "rules:post", stream.change_rules, app_only=True),
    route("GET", "/2/tweets/search/stream/rules/counts", "rules/counts", stream.rule_counts, app_only=True),
    route("GET", "/2/tweets/search/stream", "stream", stream.admission, app_only=True),
    route("GET", "/2/connections", "connections", stream.connections, app_only=True),
    route("DELETE", "/2/connections", "connections", stream.delete_connections, app_only=True),
    route("DELETE", "/2/connections/:name", "connections", stream.delete_connections, app_only=True),
)


def found(method: str, path: str) -> tuple[Route, str] | None:
    """The route of a request and the id or name in its path."""
    for candidate in ROUTES:
        if candidate.method == method and (match := candidate.pattern.match(path)):
            return candidate, match[1] if match.groups() else ""
    return None
