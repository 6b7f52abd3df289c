"""Recognizes answers of a proxy, portal or CDN, which say nothing about the request or the keys."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from harvester.networks.x.errors import ApiCode, Problem

# X answers in JSON, but for these, whose status alone says enough: docs.x.com, "Response codes & errors".
_SAID_BY_STATUS = {401, 402, 429}
_TITLE = re.compile(rb"<title[^>]*>(.{1,200}?)</title", re.IGNORECASE | re.DOTALL)
_SHOWN = 80


def problem_by(status: int, headers: Mapping[str, str], body: bytes) -> Problem | None:
    """The problem that an answer without JSON stands for; None if its status is X's own word."""
    if status in _SAID_BY_STATUS:
        return None
    if status == 407:
        return refused_by_proxy(status)
    if 300 <= status < 400:
        detail = f"HTTP status {status}: it redirects to {_host(headers.get('location', ''))}"
        detail += ", and keys are not sent there. If the API has moved, set x_api_url"
    else:
        held = f"a page that is not the API's{_titled(body)}" if body.strip() else "an empty body"
        detail = f"HTTP status {status} with {held}"
    return Problem(ApiCode.UNAVAILABLE, "Not an answer of the API", detail, status)


def refused_by_proxy(status: int) -> Problem:
    """A proxy wants credentials, or others; asking again with the same ones brings nothing."""
    detail = f"the proxy answers with HTTP status {status}: check HTTPS_PROXY and HTTP_PROXY"
    return Problem(ApiCode.UNAVAILABLE, "Refused by the proxy", detail, status)


def _host(location: str) -> str:
    """Scheme and host only: a query may hold what is not for others."""
    try:
        parts = urlsplit(location)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable address"
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "another path of the same host"


def _titled(body: bytes) -> str:
    found = _TITLE.search(body[:10_000])
    if not found:
        return ""
    title = " ".join(found[1].decode(errors="replace").split())
    return f" ({title[:_SHOWN]})"
