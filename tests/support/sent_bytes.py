"""Counts the bytes of the bodies that are sent to a bucket."""

import os
from collections.abc import Mapping
from typing import Any

from harvester.store.client import Client


class SentBytes:
    """A client of S3; `sent` counts the bodies of its requests."""

    def __init__(self, client: Client) -> None:
        self._client, self.sent = client, 0
        self.endpoint, self.region, self.keys = client.endpoint, client.region, client.keys

    def __call__(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        body = parameters.get("Body", b"")
        self.sent += len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size
        return self._client(operation, **parameters)
