"""Notices sent recently are remembered in the store, so that a restarted service does not repeat them."""

import re
from datetime import datetime, timedelta

from harvester.clock import timestamp
from harvester.documents import Tree, object_in
from harvester.errors import NotFound
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from harvester.store.pointer import Pointer

# A service that cannot run fails every minute; a daily harvest that fails each day is reported each day.
_SAME_FOR = timedelta(hours=20)
_MOST = 20
_FOR_GOOD = "for good: "


def gist(text: str) -> str:
    """The words that stay the same when the same goes wrong again: no numbers, keys, files or hosts."""
    words = [word for word in text.split() if not re.search(r"[\d/@]", word)]
    return " ".join(words)[:100]


class Notices:
    """Of one collection; each call asks the store."""

    def __init__(self, store: Store, keys: CollectionKeys) -> None:
        self._store, self._key = store, keys.notices

    def lately(self, fingerprint: str) -> bool:
        """Whether this was sent within the last twenty hours, and no harvest succeeded since."""
        when = self._kept().get(fingerprint)
        return isinstance(when, str) and self._store.now() - datetime.fromisoformat(when) < _SAME_FOR

    def add(self, fingerprint: str) -> None:
        kept = {**self._kept(), fingerprint: timestamp(self._store.now())}
        newest = sorted(kept.items(), key=lambda item: str(item[1]))[-_MOST:]
        Pointer(self._store, self._key).write(dict(newest))

    def ever(self, fingerprint: str) -> bool:
        """Whether this was sent with `add_for_good`."""
        return _FOR_GOOD + fingerprint in self._kept()

    def add_for_good(self, fingerprint: str) -> None:
        """Remember it even after harvests succeed."""
        self.add(_FOR_GOOD + fingerprint)

    def clear(self) -> None:
        """A harvest succeeded: later failures are news."""
        if not any(True for _ in self._store.entries(self._key)):
            return
        if stays := {name: when for name, when in self._kept().items() if name.startswith(_FOR_GOOD)}:
            Pointer(self._store, self._key).write(stays)
        else:
            self._store.remove(self._key)

    def _kept(self) -> Tree:
        try:
            return object_in(self._store.read(self._key).data)
        except NotFound:
            return {}
