"""An edit of a collection is heard by the harvest that runs, through a word in `lock.json`.

Who stores an edit adds the word to the lock of a harvest that lives; its owner finds it at its next
renewal, as it finds that a stop was asked for. So a harvest pays for a look at the collection only when it
was changed, and once an hour, as a command may die between the edit and the word.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from harvester.clock import Stop
from harvester.collection import history
from harvester.collection.kinds import is_stream
from harvester.documents import Collection
from harvester.errors import HarvesterError
from harvester.harvest.progress import Progress
from harvester.networks.edits import Edit
from harvester.networks.validation import parsed
from harvester.store import Store
from harvester.store.keys import CollectionKeys


class CollectionEdits:
    """The edits of one harvest's collection, for its source; `collection` is the version in use.

    `take_over` hears of each that comes into use, for what counts besides the source.
    """

    def __init__(
        self,
        store: Store,
        keys: CollectionKeys,
        progress: Progress,
        collection: Collection,
        *,
        take_over: Callable[[Collection], None],
    ) -> None:
        self._store, self._keys, self._progress = store, keys, progress
        self._take_over = take_over
        self._heard = threading.Event()
        # Heard, and not read since, nor tried to be.
        self._untried = False
        # The store's version of what was read last.
        self._read = ""
        self._wait: Stop | None = None
        self.collection = collection
        if is_stream(collection):
            progress.uses_version(_version(collection))

    def hear(self) -> None:
        """The collection was changed."""
        self._untried = True
        self._heard.set()
        if wait := self._wait:
            wait.request("the collection was changed")

    @contextmanager
    def ending(self, wait: Stop) -> Iterator[None]:
        """What is heard while the block runs, or was and is still to be tried, ends `wait`."""
        self._wait = wait
        if self._untried:
            wait.request("the collection was changed")
        try:
            yield
        finally:
            self._wait = None

    @property
    def pending(self) -> bool:
        return self._heard.is_set()

    def look(self) -> None:
        """Hear of a change though no word told of it; a store that is away is looked at the next time."""
        with suppress(HarvesterError):
            if history.read(self._store, self._keys).version != self._read:
                self.hear()

    def catch_up(self) -> None:
        """Take over what was changed, where it is usable, as the source is begun again."""
        self.look()
        if self.pending:
            try:
                self.taken_over(self.read())
            except HarvesterError as error:
                self.not_yet(" ".join([error.message, *error.problems]))

    def read(self) -> Edit:
        # First, so that what is changed while this reads is read again.
        self._untried = False
        self._heard.clear()
        try:
            stored = history.read(self._store, self._keys)
        except BaseException:
            self._heard.set()
            raise
        self._read = stored.version
        where = f"The collection.json of {self._keys.id} in {self._store.name}"
        tree = parsed(stored.data, where, collection_id=self._keys.id)
        return Edit(tree, _version(tree), tree.get("changeset", ""))

    def taken_over(self, edit: Edit) -> None:
        self.collection = edit.collection
        self._take_over(edit.collection)
        self._progress.uses_version(edit.version)

    def not_yet(self, why: str) -> None:
        self._progress.change_waits(why)


def _version(tree: Collection) -> int:
    version = tree.get("version")
    return version if isinstance(version, int) else 0
