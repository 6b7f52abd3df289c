"""A stop that is asked for in the store is heard: by a word in `lock.json`, or by `stop.json`.

The owner of the lock finds the word when it renews the lock, which costs nothing more. `stop.json`, which
people and other programs write, is looked for: often where that is free, rarely where it is billed. It is
removed when the harvest ends."""

import logging
import threading
from contextlib import suppress

from harvester.clock import Stop
from harvester.errors import Conflict, NotFound
from harvester.harvest.lock import RENEWED_AFTER
from harvester.harvest.lock_content import STOP_REASON, ask_to_stop
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys

log = logging.getLogger("twarc-cloud")

_EVERY_WHERE_FREE = 1.0


def ask(store: Store, keys: CollectionKeys) -> str:
    """Ask the running harvest to stop; the version of stop.json, empty if it was there already."""
    version = ""
    with suppress(Conflict):
        version = store.create(keys.stop, b"{}\n")
    ask_to_stop(store, keys.lock)
    return version


def heard_within(store: Store, settings: Settings) -> float:
    """The seconds within which a harvest that runs hears what is asked of it in this store."""
    return min(_pause(store, settings.stop_poll_seconds), settings.lock_seconds * RENEWED_AFTER)


def _pause(store: Store, every: float) -> float:
    return every if store.is_billed else min(every, _EVERY_WHERE_FREE)


def take_back(store: Store, keys: CollectionKeys, version: str) -> None:
    """Remove what `ask` wrote too late for the harvest to find it; not what was written since."""
    if version:
        with suppress(Conflict):
            store.remove(keys.stop, version=version)


class StopFile:
    """The `stop.json` of a harvest that runs and looks for it at least every `every` seconds.

    `store` is read, and `fenced` is where it is removed.
    """

    def __init__(self, store: Store, fenced: Store, key: str, *, stop: Stop, every: float) -> None:
        self._store, self._fenced, self._key = store, fenced, key
        self._stop, self._every = stop, _pause(store, every)
        self._over = threading.Event()

    def watch(self) -> threading.Thread:
        """Discard requests to an earlier harvest, and listen from now on, in the returned thread."""
        self._fenced.remove(self._key)
        thread = threading.Thread(target=self._watch, name="stop", daemon=True)
        thread.start()
        return thread

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            try:
                # A read of an object that is usually missing costs a twelfth of a listing.
                self._store.read(self._key)
            except NotFound:
                continue
            except Exception as error:  # noqa: BLE001 - whatever a store answers once, the next look counts
                log.debug("Cannot check for stop.json: %s", error)
                continue
            self._stop.request(STOP_REASON)
            return

    def close(self) -> None:
        """Stop listening, and remove the file, however the harvest ended."""
        self._over.set()
        try:
            self._fenced.remove(self._key)
        except Exception as error:  # noqa: BLE001 - the lock is still to be released
            # The next harvest removes it.
            log.debug("Cannot remove stop.json: %s", error)
