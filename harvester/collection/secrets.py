"""What is copied or kept holds no API keys, which collections of 2019 had in their files."""

import re
from typing import Any

import orjson

from harvester.collection.description import without_secrets

# Where harvests and people of 2019 kept API keys.
MAY_HOLD_KEYS = re.compile(r"collection\.json|changesets/[^/]+\.json|harvests/(?:\d+/){6}collection\.json")


def without_keys(data: bytes) -> bytes:
    """A collection.json or a changeset without API keys, byte for byte the same where it has none."""
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data
    kept = _keyless(tree)
    if isinstance(kept, dict) and isinstance(kept.get("update"), dict):
        kept = {**kept, "update": _keyless(kept["update"])}
    if kept == tree:
        return data
    return orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _keyless(tree: Any) -> Any:
    """Of 2019, too, when some called the keys credentials."""
    if not isinstance(tree, dict):
        return tree
    return without_secrets({name: value for name, value in tree.items() if name != "credentials"})
