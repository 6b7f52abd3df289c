"""The metadata of collections and harvests, for descriptions in other standards."""

from collections.abc import Iterator

from harvester.documents import Tree, object_in
from harvester.errors import NotFound
from harvester.reading.files import harvest_folders, summary_of
from harvester.store.keys import CollectionKeys
from harvester.store.reading import Reader


def collection(reader: Reader, keys: CollectionKeys) -> Tree:
    """The description; empty if there is none."""
    try:
        return object_in(reader.read(keys.collection).data)
    except NotFound:
        return {}


def title(tree: Tree, keys: CollectionKeys) -> str:
    """The title of the collection, else its id."""
    found = tree.get("title")
    return found if isinstance(found, str) and found else keys.id


def description(tree: Tree, keys: CollectionKeys) -> str:
    """The description of the collection, else a generic one."""
    found = tree.get("description")
    kind = str(tree.get("type") or "collection").replace("_", " ")
    return found if isinstance(found, str) and found else f"Social media posts ({kind}): {title(tree, keys)}."


def harvests(reader: Reader, keys: CollectionKeys) -> Iterator[tuple[str, Tree]]:
    """The folder of each harvest with its summary."""
    for harvest in harvest_folders(reader, keys):
        summary = summary_of(reader, harvest)
        unknown = {"harvest_timestamp": harvest.started.isoformat()}
        yield harvest.folder, unknown if summary is None else summary
