"""What `collection-config check` says of a description without a request."""

from typing import Any

import pytest

from harvester.checks.collection import of_description
from harvester.settings import Settings

_TREE: dict[str, Any] = {"id": "storms", "type": "search", "search": {"query": "storm"}}


def test_a_secret_of_a_sink_that_is_not_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "secret")
    hook = {"type": "webhook", "url": "https://example.org/hook"}
    sinks = [{**hook, "secret": "env:UNSET_HOOK"}, {**hook, "name": "other", "secret": "env:SET"}]
    told = [each for each in of_description({**_TREE, "sinks": sinks}, Settings()) if each.check == "sink"]
    assert [(each.ok, each.detail) for each in told] == [
        (True, "webhook: UNSET_HOOK, which holds its secret, is not set here.")
    ]
