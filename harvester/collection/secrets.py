"""The secrets of a collection, its API keys, are never shown, copied or stored with data.

Whatever stands beside the profile's name counts as a key, so that one of a new name is no leak.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from harvester.documents import Tree, written
from harvester.documents.repeated_keys import given_twice

# Where keys stand in a collection; files of the first version of all had them under the second name.
SECTIONS = ("keys", "credentials")
PROFILE = "profile"


def sections(tree: Mapping[str, Any]) -> Iterator[Tree]:
    """The parts of a collection that may hold keys."""
    return (held for name in SECTIONS if isinstance(held := tree.get(name), dict))


def key_names(tree: Any) -> list[str]:
    """The names of the keys that a collection, or the update of a changeset, holds itself."""
    if not isinstance(tree, dict):
        return []
    held = [pair for section in sections(tree) for pair in section.items()]
    return sorted({name for name, value in held if value and name != PROFILE})


def is_secret(path: Sequence[str]) -> bool:
    """Whether a value at this place in a collection may not be shown."""
    return path[0] in SECTIONS and path[-1] != PROFILE


def without_secrets(tree: Mapping[str, Any]) -> Tree:
    """The collection as it may be shown or stored beside the data: of the keys, only the profile's name."""
    shown = {name: value for name, value in tree.items() if name not in SECTIONS}
    if isinstance(keys := tree.get(SECTIONS[0]), dict):
        shown[SECTIONS[0]] = {name: value for name, value in keys.items() if name == PROFILE}
    return shown


def with_profile(tree: Tree, name: str) -> Tree:
    """The collection with the name of a profile in the place of keys of its own."""
    kept = {key: value for key, value in tree.items() if key not in SECTIONS[1:]}
    return {**kept, SECTIONS[0]: {PROFILE: name}}


def without_keys(data: bytes) -> bytes:
    """A collection.json or a changeset without API keys, byte for byte the same where it has none."""
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data
    if not isinstance(tree, dict):
        return data
    kept = without_secrets(tree)
    if isinstance(kept.get("update"), dict):
        kept["update"] = without_secrets(kept["update"])
    # Of a key that is given twice, what is read holds one, and the other may be a secret.
    if kept == tree and not given_twice(data, tree):
        return data
    return written(kept)
