"""A store at one moment: objects that several parts of a page need are read once."""

from typing import TYPE_CHECKING, Any, cast

from harvester.errors import NotFound

if TYPE_CHECKING:
    from harvester.store import Store, Stored


class _OnePass:
    def __init__(self, store: "Store") -> None:
        self._store = store
        self._read: dict[str, Stored | NotFound] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, key: str) -> "Stored":
        if key not in self._read:
            try:
                self._read[key] = self._store.read(key)
            except NotFound as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, NotFound):
            raise found
        return found


def one_pass(store: "Store") -> "Store":
    """For one thread and a short time only: objects that were read do not change."""
    return cast("Store", _OnePass(store))
