"""At most one harvest per collection: whoever cannot prove to hold the lock writes nothing."""

import logging
import os
import platform
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from harvester import __version__
from harvester.clock import Clock
from harvester.errors import Conflict, Exit, HarvesterError, LockLost, NotFound, StoreAway
from harvester.layout import timestamp
from harvester.store import Entry, Store, Stored

log = logging.getLogger("twarc-cloud")

TTL = 60.0

# The store tells its time in whole seconds, twice per comparison.
_GRAIN = timedelta(seconds=2)


class Lock:
    """`lock.json` of one collection.

    The owner renews it every third of `ttl` seconds. Others judge its age by the store's clock alone; the
    owner judges by a clock that only counts seconds, and from before each request was sent, so that it
    gives up earlier than anybody may take over.
    """

    def __init__(self, store: Store, key: str, *, owner: str, clock: Clock, ttl: float = TTL) -> None:
        self.owner = owner
        self._store, self._key, self._clock, self._ttl = store, key, clock, ttl
        self._guard = threading.Lock()
        self._version = ""
        self._content: dict[str, Any] = {}
        self._deadline = float("-inf")
        self._lost = False
        self._ended = threading.Event()

    def acquire(self) -> dict[str, Any] | None:
        """Take the lock; what stood in it where an expired one was taken over. Raises if it is held."""
        self._content = {
            "owner": self.owner,
            "acquired": timestamp(self._store.now()),
            "ttl": self._ttl,
            "host": platform.node(),
            "process": os.getpid(),
            "software": f"twarc-cloud {__version__}",
        }
        sent = self._clock.elapsed()
        try:
            self._version = self._store.create(self._key, self._bytes())
            before = None
        except Conflict:
            before, sent = self._take_over()
        self._deadline = sent + self._ttl
        return before

    def _take_over(self) -> tuple[dict[str, Any], float]:
        try:
            current = self._store.read(self._key)
        except NotFound:
            raise _locked(self._key, {}, None) from None
        held = content(current)
        expires = expiry(current)
        if self._store.now() <= expires + _GRAIN:
            raise _locked(self._key, held, expires)
        sent = self._clock.elapsed()
        try:
            self._version = self._store.replace(self._key, self._bytes(), version=current.version)
        except Conflict:
            raise _locked(self._key, {}, None) from None
        log.warning("Took over the expired lock of %s.", held.get("owner", "an unknown owner"))
        return held, sent

    def keep(self) -> None:
        """Renew in the background until `release`."""
        threading.Thread(target=self._keep, name="lock", daemon=True).start()

    def _keep(self) -> None:
        while not self._ended.wait(self._ttl / 3):
            try:
                self.renew()
            except LockLost:
                return
            except StoreAway as error:
                log.warning("The lock could not be renewed yet: %s", error)

    def renew(self) -> None:
        """Prove that the lock is still ours. Raises LockLost when it is not, StoreAway when that is unknown."""
        with self._guard:
            if self._lost:
                raise _lost(self._key)
            self._content["renewed"] = self._content.get("renewed", 0) + 1
            sent = self._clock.elapsed()
            try:
                self._version = self._store.replace(self._key, self._bytes(), version=self._version)
            except Conflict as error:
                self._lost = True
                raise _lost(self._key) from error
            self._deadline = sent + self._ttl

    @property
    def lost(self) -> bool:
        return self._lost

    @property
    def in_time(self) -> bool:
        """Whether nobody can have taken the lock over yet."""
        return not self._lost and self._clock.elapsed() < self._deadline

    def require(self) -> None:
        """Raise LockLost unless the lock is ours at this moment; asks the store only when the time is up."""
        if not self.in_time:
            self.renew()

    def release(self) -> None:
        self._ended.set()
        with self._guard:
            if self._lost:
                return
            self._lost = True
            try:
                self._store.remove(self._key, version=self._version)
            except Conflict:
                log.warning("The lock had been taken over before it was released.")

    def abandon(self) -> None:
        """Stop renewing and leave the lock to expire."""
        self._ended.set()

    def _bytes(self) -> bytes:
        return orjson.dumps(self._content, option=orjson.OPT_INDENT_2)


def content(lock: Stored) -> dict[str, Any]:
    """What the lock says; a lock that is not JSON says nothing, and counts as one all the same."""
    try:
        found = orjson.loads(lock.data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def expiry(lock: Stored) -> datetime:
    """When the lock may be taken over, by the store's clock."""
    ttl = content(lock).get("ttl")
    if not isinstance(ttl, int | float) or isinstance(ttl, bool) or not 0 < ttl <= 3600:
        ttl = TTL
    return lock.modified + timedelta(seconds=ttl)


def _locked(key: str, held: dict[str, Any], expires: datetime | None) -> HarvesterError:
    owner = f" by {held['owner']} on {held.get('host', 'an unknown host')}" if "owner" in held else ""
    until = f" It expires at {timestamp(expires)} unless it is renewed." if expires else ""
    return HarvesterError(
        f"The collection is locked: {key} is held{owner}.{until}",
        hint="Wait for that harvest to end; if nothing runs any more, the lock expires by itself, or `unlock` removes it.",
        exit_code=Exit.LOCKED,
    )


def _lost(key: str) -> LockLost:
    return LockLost(
        f"Another harvest has taken over {key}.",
        hint="This one stopped writing. The other one goes on from what is stored.",
        exit_code=Exit.LOCKED,
    )


class FencedStore:
    """A store that writes only while the lock is held, and takes back what was created a moment too late."""

    def __init__(self, store: Store, lock: Lock) -> None:
        self._store, self._lock = store, lock

    @property
    def name(self) -> str:
        return self._store.name

    def read(self, key: str) -> Stored:
        return self._store.read(key)

    def create(self, key: str, data: bytes) -> str:
        self._lock.require()
        version = self._store.create(key, data)
        self._take_back_if_late(key, version)
        return version

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        self._lock.require()
        return self._store.replace(key, data, version=version)

    def upload(self, key: str, path: Path, *, sha256: str) -> None:
        self._lock.require()
        self._store.upload(key, path, sha256=sha256)
        self._take_back_if_late(key, None)

    def download(self, key: str, path: Path) -> None:
        self._store.download(key, path)

    def remove(self, key: str, *, version: str | None = None) -> None:
        self._lock.require()
        self._store.remove(key, version=version)

    def entries(self, prefix: str) -> Iterator[Entry]:
        return self._store.entries(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        return self._store.folders(prefix)

    def now(self) -> datetime:
        return self._store.now()

    def _take_back_if_late(self, key: str, version: str | None) -> None:
        if self._lock.in_time:
            return
        try:
            self._lock.renew()
        except LockLost:
            # It is ours alone: nothing names it yet, and its successor cannot have created the same key.
            self._store.remove(key, version=version)
            raise
