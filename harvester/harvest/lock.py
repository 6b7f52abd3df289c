"""At most one harvest per collection holds its lock."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import orjson

from harvester import __version__
from harvester.clock import Clock, Stop, timestamp
from harvester.documents import LockContent
from harvester.errors import Conflict, LockLost, StoreAway
from harvester.harvest import owners
from harvester.harvest.lock_content import (
    STOP_REASON,
    TTL,
    content,
    expiry,
    is_released,
    locked,
    lost,
    owner_of,
    ttl_of,
    written_at,
)
from harvester.store import Store, Stored, stored_at

log = logging.getLogger("twarc-cloud")

# Parts of the `ttl`: when it is renewed, as renewals cost; and when again without an answer.
RENEWED_AFTER, _TRIED_AGAIN_AFTER = 3 / 4, 1 / 20

# The store tells its time in whole seconds, twice per comparison.
_GRAIN = timedelta(seconds=2)
_TRIES = 10


class Lock:
    """`lock.json` of one collection.

    The owner renews it after three quarters of `ttl` seconds. Others judge its age by the store's clock
    alone; the owner judges by a clock that only counts seconds, and from before each request was sent, so
    that it gives up earlier than anybody may take over.

    Who asks for a stop writes that into the lock (`control.ask`), as does who changes the collection: the
    owner finds it at its next renewal, which fails for it, and passes it on, to `stop` or `on_change`.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        *,
        owner: str,
        clock: Clock,
        ttl: float = TTL,
        stop: Stop | None = None,
    ) -> None:
        self.owner = owner
        self._store, self._key, self._clock, self._ttl = store, key, clock, ttl
        self._stop = stop or Stop()
        self._guard = threading.Lock()
        self._version = ""
        self._content: LockContent = {}
        self._deadline = float("-inf")
        # The store's time at zero of our clock; and by ours, when the lock was last written or may have been.
        self._began = datetime.min.replace(tzinfo=UTC)
        self._written = 0.0
        self._lost = False
        # The word that each renewal writes, of a stream.
        self.heartbeat: Callable[[], str] | None = None
        # Called once the collection was changed, by the thread that renewed the lock.
        self.on_change: Callable[[], None] | None = None
        self._changed = False
        # Whether it was renewed so late that others may have taken it for a dead one's meanwhile.
        self._lapsed = False
        # Called then, by the thread that renewed it, until it returns.
        self.on_lapse: Callable[[], None] = lambda: None
        self._ended = threading.Event()
        # Where a lock was taken over: what its owner created after this, by the store's clock, came too late.
        self.late_after: datetime | None = None

    def acquire(self) -> LockContent | None:
        """Take the lock; what stood in it where an expired one was taken over. Raises if it is held."""
        self._content = {"owner": self.owner, "acquired": timestamp(self._store.now()), "ttl": self._ttl}
        self._content.update(owners.this_process())
        self._content["software"] = f"twarc-cloud {__version__}"
        # Usually there is none, and looking first costs a request.
        before, self.late_after = None, None
        for _ in range(_TRIES):
            sent = self._clock.elapsed()
            try:
                if before is None:
                    self._version = self._store.create(self._key, self._bytes())
                else:
                    self._version = self._store.replace(self._key, self._bytes(), version=before.version)
            except Conflict:
                # It is there; or another harvest came or went at this very moment.
                before = self._free()
                continue
            self._proved(sent)
            self._pass_on()
            if before is None or is_released(held := content(before)) or held.get("owner") == self.owner:
                return None
            log.warning("Took over the expired lock of %s.", owner_of(held))
            return held
        raise locked(self._key, {}, None)

    def _free(self) -> Stored | None:
        """The lock that may be taken over; None if there is none. Raises if it is held."""
        self.late_after = None
        current = stored_at(self._store, self._key)
        if current is None or content(current).get("owner") == self.owner:
            # Ours is one that was created although the answer was lost.
            if current:
                self._hear(current)
            return current
        if is_released(content(current)):
            return current
        if owners.is_dead(content(current)):
            # What it had sent before may still arrive.
            self._clock.wait(self._stop, _GRAIN.total_seconds())
            return current
        now, expires, written = self._store.now(), expiry(current), written_at(current)
        if written > now + _GRAIN:
            return self._unrenewed(current, ahead=written - now)
        if now <= expires + _GRAIN:
            raise locked(self._key, content(current), expires)
        self.late_after = expires + _GRAIN / 2
        return current

    def _unrenewed(self, current: Stored, *, ahead: timedelta) -> Stored:
        """A lock dated in the future, whose age is unknown; raises if it is renewed."""
        log.warning(
            "%s is dated %.0f s ahead of the store's clock, which was set back. "
            "Waiting %.0f s for its owner to renew it.",
            self._key,
            ahead.total_seconds(),
            ttl_of(current),
        )
        self._clock.wait(self._stop, ttl_of(current) + _GRAIN.total_seconds())
        found = stored_at(self._store, self._key)
        if self._stop.requested or found is None or found.version != current.version:
            raise locked(self._key, content(current), None)
        return current

    def keep(self) -> threading.Thread:
        """Renew in the background until `release` or `abandon`, in the thread that is returned."""
        thread = threading.Thread(target=self._keep, name="lock", daemon=True)
        thread.start()
        return thread

    def _keep(self) -> None:
        part = RENEWED_AFTER
        while not self._ended.wait(self._ttl * part):
            try:
                self.renew()
                part = RENEWED_AFTER
            except LockLost:
                return
            except Exception as error:  # noqa: BLE001 - whatever a store answers, the next try may succeed
                log.warning("The lock could not be renewed yet: %s", error)
                part = _TRIED_AGAIN_AFTER

    def renew(self) -> None:
        """Prove that the lock is ours. Raises LockLost when it is not, StoreAway when that is unknown."""
        try:
            self._prove()
        finally:
            self._pass_on()
        # Only now that the word is out of the lock: a change that is announced after this look is a new word.
        if self._changed and self.on_change:
            self._changed = False
            self.on_change()
        if self._lapsed:
            self.on_lapse()
            self._lapsed = False

    def _prove(self) -> None:
        with self._guard:
            if self._lost:
                raise lost(self._key)
            self._content["renewed"] = self._content.get("renewed", 0) + 1
            if self.heartbeat:
                self._content["heartbeat"] = self.heartbeat()
            sent = self._clock.elapsed()
            in_time = self.in_time
            try:
                self._renew()
            except Conflict as error:
                self._lost = True
                raise lost(self._key) from error
            except StoreAway:
                # It may have arrived anyway, as late as now.
                self._written = self._clock.elapsed()
                raise
            self._proved(sent)
            self._lapsed = self._lapsed or not in_time

    def _proved(self, sent: float) -> None:
        self._deadline = sent + self._ttl
        self._written = self._clock.elapsed()
        with suppress(StoreAway):
            self._began = self._store.now() - timedelta(seconds=self._written)

    def _renew(self) -> None:
        try:
            self._version = self._store.replace(self._key, self._bytes(), version=self._version)
        except Conflict:
            # An earlier renewal may have arrived although its answer did not; or a stop was asked for.
            current = self._ours()
            if current is None:
                raise
            self._hear(current)
            self._version = self._store.replace(self._key, self._bytes(), version=current.version)

    def _ours(self) -> Stored | None:
        current = stored_at(self._store, self._key)
        return current if current and content(current).get("owner") == self.owner else None

    def _hear(self, current: Stored) -> None:
        """Keep the word of who asks for a stop, so that the lock says that it was asked for until its end.

        That of who changed the collection is taken out, so that the next change can be told.
        """
        if asked := content(current).get("stop_asked"):
            self._content["stop_asked"] = asked
        self._changed = self._changed or bool(content(current).get("collection_changed"))

    def _pass_on(self) -> None:
        # Not under the guard, as a listener of the stop may come back here.
        if self._content.get("stop_asked"):
            self._stop.request(STOP_REASON)

    def note_heard(self, heard: str, last_id: str) -> None:
        """What the next renewals say, too: until when nothing is missing that came to the owner."""
        self._content["heard"] = {"until": heard, "last_id": last_id}

    @property
    def lost(self) -> bool:
        return self._lost

    @property
    def in_time(self) -> bool:
        """Whether no other harvest can have taken the lock over yet."""
        return not self._lost and self._clock.elapsed() < self._deadline

    def is_late(self, created: datetime) -> bool:
        """Whether a successor may have looked before this was created (by the store's clock).

        What is not late it has seen, so that it may count on it.
        """
        return created > self._began + timedelta(seconds=self._written + self._ttl) + _GRAIN

    def require(self) -> None:
        """Raise LockLost unless the lock is ours at this moment; asks the store only when the time is up."""
        if not self.in_time:
            self.renew()

    def release(self) -> None:
        """Release the lock, unless another harvest has it."""
        self._ended.set()
        with self._guard:
            if self._lost:
                return
            self._lost = True
            try:
                self._end(self._version)
            except Conflict:
                current = self._ours()
                if current is None:
                    log.warning("The lock had been taken over before it was released.")
                else:
                    self._end(current.version)

    def _end(self, version: str) -> None:
        if not (self._store.removes_conditionally and self._remove(version)):
            # A late removal would remove the next owner's lock; a late replacement is refused.
            released = orjson.dumps({"released": timestamp(self._store.now()), "owner": self.owner})
            self._store.replace(self._key, released, version=version)

    def _remove(self, version: str) -> bool:
        """False where the store refuses removals for good, as to a role that may only write."""
        try:
            self._store.remove(self._key, version=version)
        except StoreAway as error:
            if not error.lasting:
                raise
            return False
        return True

    def abandon(self) -> None:
        """Stop renewing and leave the lock to expire."""
        self._ended.set()

    def _bytes(self) -> bytes:
        return orjson.dumps(self._content, option=orjson.OPT_INDENT_2)
