"""JSON objects of a store are checked when read, as they may be damaged."""

from harvester.documents import Tree, checked
from harvester.errors import HarvesterError
from harvester.store import Store


def document(store: Store, key: str, *members: str) -> Tree:
    """The object under this key, which has these members; NotFound if there is none."""
    data = store.read(key).data
    try:
        return checked(data, key, *members)
    except HarvesterError as error:
        raise HarvesterError(
            f"{key} in {store.name} is damaged, so a dead harvest cannot be finished.",
            [error.message],
            "Restore an earlier version of it; `collection verify` lists what else is damaged.",
        ) from error
