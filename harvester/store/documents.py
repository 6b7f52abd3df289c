"""JSON objects of a store, which somebody or something may have damaged: checked, or told in words."""

import orjson

from harvester.documents import Tree
from harvester.errors import HarvesterError
from harvester.store import Store


def document(store: Store, key: str, *members: str) -> Tree:
    """The object under this key, which has these members; NotFound where there is none."""
    data = store.read(key).data
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not all(member in found for member in members):
        raise HarvesterError(
            f"{key} in {store.name} is damaged, so a dead harvest cannot be finished.",
            hint="Restore an earlier version of it; `collection verify` lists what else is damaged.",
        )
    return found
