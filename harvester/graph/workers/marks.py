"""What the workers of a crawl know of each other, as objects in its folder, each written by one of them.

A claim names the worker that collects a user; it goes once the user is done. A done marker is never written
over, so it is what happened. A ticket lets one worker at a time fill the queue.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from harvester.documents import object_in, text_in
from harvester.errors import Conflict, NotFound
from harvester.harvest import lock_content
from harvester.networks.crawl import FAILED
from harvester.store import Store, Stored
from harvester.store.keys import CollectionKeys
from harvester.store.worker_keys import WorkerKeys

# After this many seconds without its worker, a user is another's: a list that had not ended begins anew
# and is paid again.
ABANDONED = 600.0
# How often a worker takes up a user, without a page of it in between, until the user is given up.
TRIES = 8
# The seconds for which a ticket is the only one.
_SLOT = 10


@dataclass(frozen=True)
class Claim:
    """Who collects a user, how often it took the user up, and how many edges it had when it last did.

    `before` are the workers whose user it was, and which are gone.
    """

    worker: str
    tries: int = 1
    received: int = 0
    before: tuple[str, ...] = ()

    def data(self) -> bytes:
        before = {"before": self.before} if self.before else {}
        return orjson.dumps({"worker": self.worker, "tries": self.tries, "received": self.received, **before})


class Marks:
    """The objects of the workers of one depth; `worker` is the collection of the one that looks."""

    def __init__(self, store: Store, keys: WorkerKeys, worker: str) -> None:
        self._store, self._keys, self.worker = store, keys, worker

    def is_done(self, user: str) -> bool:
        with suppress(NotFound):
            self._store.read(self._keys.done(user))
            return True
        return False

    def done(self) -> Iterator[str]:
        """The users that are done, in order."""
        prefix = self._keys.done("")
        return (entry.key.removeprefix(prefix) for entry in self._store.entries(prefix))

    def missing(self, frontier: Iterable[str]) -> Iterator[str]:
        """Of users in order, those that are not done; nothing is kept in memory, as a depth may be large."""
        done = self.done()
        last = next(done, None)
        for user in frontier:
            while last is not None and last < user:
                last = next(done, None)
            if user != last:
                yield user

    def outcome(self, user: str) -> dict[str, Any]:
        """What the marker of a user that is done says."""
        return dict(object_in(self._store.read(self._keys.done(user)).data))

    def mark_done(self, user: str, outcome: dict[str, Any]) -> None:
        """Once only: the first to say so is right, and what it says is durable before the claim goes."""
        data = orjson.dumps({**outcome, "worker": self.worker})
        if outcome["outcome"] == FAILED:
            with suppress(Conflict):
                self._store.create(self._keys.failed(user), data)
        with suppress(Conflict):
            self._store.create(self._keys.done(user), data)
        self._free(user)

    def _free(self, user: str) -> None:
        self._store.remove(self._keys.claim(user))

    def failed(self) -> dict[str, str]:
        """The users that were given up, and why; not those that were collected after a retry since."""
        prefix = self._keys.failed("")
        found = {}
        for entry in self._store.entries(prefix):
            user = entry.key.removeprefix(prefix)
            with suppress(NotFound):
                told = object_in(self._store.read(entry.key).data)
                if self._outcome(user) in (FAILED, None):
                    found[user] = text_in(told, "why")
        return found

    def _outcome(self, user: str) -> str | None:
        with suppress(NotFound):
            return str(self.outcome(user)["outcome"])
        return None

    def retry(self, users: Iterable[str]) -> None:
        """These users are missing again, and will be collected."""
        for user in users:
            self._store.remove(self._keys.done(user))
            self._store.remove(self._keys.failed(user))

    def claims(self) -> dict[str, Claim]:
        """Who collects whom now."""
        prefix = self._keys.claim("")
        found = {}
        for entry in self._store.entries(prefix):
            with suppress(NotFound):
                found[entry.key.removeprefix(prefix)] = _claim(self._store.read(entry.key))
        return found

    def claim(self, user: str, *, received: int = 0) -> Claim | None:
        """Take a user for this worker; None if another has it, or it is done.

        A user that this worker had when it died is its own still, and one of a worker that is gone for long
        is free. `received` is how many edges of it this worker holds.
        """
        key = self._keys.claim(user)
        try:
            stored = self._store.read(key)
        except NotFound:
            made = Claim(self.worker, received=received)
            with suppress(Conflict):
                self._store.create(key, made.data())
                return self._unless_done(user, made)
            return None
        held = _claim(stored)
        if held.worker != self.worker and not self._is_gone(held.worker, stored.modified):
            return None
        again = held.tries + 1 if held.received >= received else 1
        known = dict.fromkeys((*held.before, held.worker))
        before = tuple(each for each in known if each != self.worker)
        made = replace(held, worker=self.worker, tries=again, received=received, before=before)
        try:
            self._store.replace(key, made.data(), version=stored.version)
        except (Conflict, NotFound):
            return None
        return self._unless_done(user, made)

    def _unless_done(self, user: str, made: Claim) -> Claim | None:
        """Who was done between a look and the claim is not collected again."""
        if not self.is_done(user):
            return made
        self._free(user)
        return None

    def is_at_work(self, claim: Claim, modified: datetime | None = None) -> bool:
        """Whether the worker of a claim will continue with it."""
        return claim.worker == self.worker or not self._is_gone(claim.worker, modified)

    def _is_gone(self, worker: str, claimed: datetime | None) -> bool:
        keys = CollectionKeys(worker)
        if lock_content.holder(self._store, keys.lock):
            return False
        last = [self._last_sign(keys), *([claimed] if claimed else [])]
        return max(last) + timedelta(seconds=ABANDONED) < self._store.now()

    def _last_sign(self, keys: CollectionKeys) -> datetime:
        """When a worker that does not live was last seen."""
        found = [datetime.min.replace(tzinfo=self._store.now().tzinfo)]
        for key in (keys.lock, keys.last_harvest):
            with suppress(NotFound):
                found.append(self._store.read(key).modified)
        return max(found)

    def ticket(self) -> bool:
        """Whether this worker is the one that may fill the queue now."""
        slot = int(self._store.now().timestamp()) // _SLOT
        with suppress(Conflict):
            self._store.create(self._keys.ticket(slot), self.worker.encode())
            return True
        return False


def _claim(stored: Stored) -> Claim:
    found = object_in(stored.data)
    tries, received, before = found.get("tries"), found.get("received"), found.get("before")
    return Claim(
        text_in(found, "worker"),
        tries if isinstance(tries, int) else 1,
        received if isinstance(received, int) else 0,
        tuple(map(str, before)) if isinstance(before, list) else (),
    )
