"""A small object that only its owner overwrites, each time conditional on the owner's last version."""

import hashlib
from contextlib import suppress
from typing import Any

from harvester.documents import written
from harvester.errors import Conflict, StoreAway
from harvester.store import Store, stored_at


class Pointer:
    """The object under one key. The first write goes over what is there; Conflict where others wrote since.

    `made_anew` is for what its owner can make again at any time: where it changed, it is written again. What
    is `new` is hardly ever there before, so that no request is spent on looking for it.
    """

    def __init__(self, store: Store, key: str, *, made_anew: bool = False, new: bool = False) -> None:
        self._store, self._key, self._made_anew = store, key, made_anew
        self._version: str | None = None
        self._is_new = new
        self._doubted: set[str] = set()

    def write(self, value: Any) -> None:
        """Write a JSON document, as `put` does."""
        self.put(written(value))

    def create(self, value: Any) -> None:
        """Write a JSON document for the first time; raises Conflict if there is one."""
        self._version = self._store.create(self._key, written(value))

    def put(self, data: bytes) -> None:
        """Write it; a write that failed for want of an answer may be repeated, or followed by another."""
        if self._version is None and self._created(data):
            return
        if self._version is None:
            found = stored_at(self._store, self._key)
            self._version = found.version if found else ""
        try:
            self._version = self._put(data)
        except StoreAway:
            # It may have arrived anyway.
            self._doubted.add(_digest(data))
            raise
        self._doubted.clear()

    def _created(self, data: bytes) -> bool:
        """Whether a document that is assumed to be new was; it is tried once."""
        is_new, self._is_new = self._is_new, False
        with suppress(Conflict):
            if is_new:
                self._version = self._store.create(self._key, data)
        return self._version is not None

    def _put(self, data: bytes) -> str:
        try:
            return self._put_over(self._version, data)
        except Conflict:
            found = stored_at(self._store, self._key)
            ours = found is not None and _digest(found.data) in self._doubted
            if not (ours or self._made_anew):
                raise
            return self._put_over(found.version if found else "", data)

    def _put_over(self, version: str | None, data: bytes) -> str:
        if version:
            return self._store.replace(self._key, data, version=version)
        return self._store.create(self._key, data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
