"""Requests a running harvest's status over HTTP with its token, with a short timeout."""

import urllib.request
from http.client import HTTPException

from harvester.documents import Tree
from harvester.documents.foreign import loaded

_WITHIN = 2.0


def asked(address: str, token: str, method: str, path: str) -> Tree | None:
    """Its answer to a GET, an empty one to a POST it accepts; None when it does not answer."""
    if not address.startswith("http://"):
        return None
    request = urllib.request.Request(  # noqa: S310 - http, as required above
        address + path, method=method, headers={"Authorization": f"Bearer {token}"}
    )
    # The token must not pass through a proxy of the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_WITHIN) as answer:
            found = loaded(answer.read()) if method == "GET" else {}
    except (OSError, ValueError, HTTPException):
        # It died in the middle, or another program has its port now.
        return None
    return found if isinstance(found, dict) else None
