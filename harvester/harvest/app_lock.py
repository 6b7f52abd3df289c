"""At most one stream per app: the store names the harvest that holds an app, on whatever machine it runs.

The name is written once. It counts for as long as the `lock.json` of that collection is live and that
harvest's, so that nothing is renewed, and a harvest that died holds no app for longer than its lock.
"""

import logging
import platform
from contextlib import suppress
from typing import cast

import orjson

from harvester.clock import timestamp
from harvester.documents import AppHolder, object_in, text_in
from harvester.errors import Conflict, Exit, HarvesterError
from harvester.harvest import lock_content
from harvester.harvest.store_patience import Patience
from harvester.store import Store, Stored, stored_at
from harvester.store.keys import CollectionKeys, app_key, id_problem

log = logging.getLogger("twarc-cloud")

_TRIES = 10


class AppLock:
    """The app of one harvest; `store` writes only while that harvest holds its collection."""

    def __init__(self, store: Store, collection_id: str, *, owner: str, patience: Patience) -> None:
        self._store, self._collection_id, self._owner = store, collection_id, owner
        self._patience = patience
        self._app = self._version = ""
        # Why another harvest has the app now.
        self.lost: HarvesterError | None = None

    def hold(self, app: str) -> None:
        """Hold this app, in place of any other. Raises if the stream of another harvest holds it."""
        if app == self._app:
            return
        self.release()
        if app:
            self._version = self._patience.until(lambda: self._taken(app))
            self._app = app

    def _taken(self, app: str) -> str:
        """The version of the name, which is this harvest's."""
        key, before = app_key(app), None
        for _ in range(_TRIES):
            try:
                if before is None:
                    return self._store.create(key, self._name())
                return self._store.replace(key, self._name(), version=before.version)
            except Conflict:
                # It is there; or another came or went at this very moment.
                before = self._free(app)
        raise _held({})

    def _free(self, app: str) -> Stored | None:
        """The name that may be replaced; None if there is none. Raises if it counts."""
        current = stored_at(self._store, app_key(app))
        if current is None:
            return None
        held = _content(current)
        if held.get("owner") != self._owner and _counts(self._store, held):
            raise _held(held)
        return current

    def _name(self) -> bytes:
        holder: AppHolder = {
            "collection": self._collection_id,
            "owner": self._owner,
            "host": platform.node(),
            "since": timestamp(self._store.now()),
        }
        return orjson.dumps(holder, option=orjson.OPT_INDENT_2)

    def require(self) -> None:
        """Look whether the app is this harvest's still, after its collection's lock had expired for a while.

        Another stream may have found it free then. Raises what `lost` keeps.
        """
        if self._app and not self.lost:
            held = holder(self._store, self._app)
            if held and held.get("owner") != self._owner:
                self.lost = _held(held)
        if self.lost:
            raise self.lost

    def release(self) -> None:
        """Release the app; if the store is unavailable, it ends with the collection's lock."""
        app, self._app = self._app, ""
        if not app:
            return
        try:
            with suppress(Conflict):
                self._end(app_key(app))
        except HarvesterError as error:
            log.debug("Cannot give the app back: %s", error)

    def _end(self, key: str) -> None:
        if self._store.removes_conditionally:
            self._store.remove(key, version=self._version)
        else:
            # A late removal would remove the next holder's name; a late replacement is refused.
            self._store.replace(key, b"{}", version=self._version)


def holder(store: Store, app: str) -> AppHolder | None:
    """Which harvest's stream holds the app; None if none does."""
    stored = stored_at(store, app_key(app))
    if stored is None:
        return None
    held = _content(stored)
    return held if _counts(store, held) else None


def require_free(store: Store, app: str) -> None:
    """Raise if a stream holds the app."""
    if held := holder(store, app):
        raise _held(held)


def _content(stored: Stored) -> AppHolder:
    return cast(AppHolder, object_in(stored.data))


def _counts(store: Store, held: AppHolder) -> bool:
    """Whether that harvest lives, by the lock of its collection."""
    collection_id = text_in(held, "collection")
    if id_problem(collection_id):
        return False
    lock = lock_content.holder(store, CollectionKeys(collection_id).lock)
    return lock is not None and lock.get("owner") == held.get("owner")


def _held(held: AppHolder) -> HarvesterError:
    collection_id = held.get("collection", "another collection")
    owner = f"{held.get('owner', 'an unknown owner')} on {held.get('host', 'an unknown host')}"
    return HarvesterError(
        f"The stream of {collection_id} already uses the app of these keys: {owner} holds it since "
        f"{held.get('since', 'an unknown time')}, and an app may have one stream.",
        hint=f"Stop it with `collection filter-stop {collection_id}`, or use keys of another app. "
        "If it crashed, try again in a minute, when its lock has expired.",
        exit_code=Exit.LOCKED,
    )
