"""What collections and harvests say of themselves, for descriptions of other standards."""

from collections.abc import Iterator
from typing import Any

from harvester.documents import Tree, object_in
from harvester.errors import NotFound
from harvester.reading.files import harvest_folders
from harvester.store.keys import HARVEST, HARVEST_2019, CollectionKeys
from harvester.store.reading import Reader


def collection(reader: Reader, keys: CollectionKeys) -> Tree:
    """The description; empty where there is none."""
    try:
        return object_in(reader.read(keys.collection).data)
    except NotFound:
        return {}


def title(tree: Tree, keys: CollectionKeys) -> str:
    """What a person called it, else its id."""
    found = tree.get("title")
    return found if isinstance(found, str) and found else keys.id


def description(tree: Tree, keys: CollectionKeys) -> str:
    """What a person said of it, else what it is."""
    found = tree.get("description")
    kind = str(tree.get("type") or "collection").replace("_", " ")
    return found if isinstance(found, str) and found else f"Social media posts ({kind}): {title(tree, keys)}."


def harvests(reader: Reader, keys: CollectionKeys) -> Iterator[tuple[str, Tree]]:
    """The folder of each harvest with its summary."""
    for harvest in harvest_folders(reader, keys):
        listed = {entry.key for entry in harvest.entries}
        for name in (HARVEST, HARVEST_2019):
            if harvest.folder + name in listed:
                yield harvest.folder, _read(reader, harvest.folder + name)
                break
        else:
            yield harvest.folder, {"harvest_timestamp": harvest.started.isoformat()}


def _read(reader: Reader, key: str) -> dict[str, Any]:
    try:
        return object_in(reader.read(key).data)
    except NotFound:
        return {}
