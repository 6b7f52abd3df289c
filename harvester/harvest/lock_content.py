"""What `lock.json` says to those who do not hold it, and the one word that they may add to it."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal, cast

import orjson

from harvester.clock import moment, timestamp
from harvester.documents import LockContent, object_in
from harvester.errors import Conflict, Exit, HarvesterError, LockLost
from harvester.harvest import owners
from harvester.store import Store, Stored, stored_at

TTL = 60.0
STOP_REASON = "a stop was requested"
# How often a stop request may find the lock renewed between its read and its write.
_TRIES = 10


def content(lock: Stored) -> LockContent:
    """The content of the lock; one that is not JSON is empty, and still counts as a lock."""
    return cast(LockContent, object_in(lock.data))


def written_at(lock: Stored) -> datetime:
    """When its owner last wrote it, by the store's clock: a stop request does not renew it."""
    with suppress(TypeError, ValueError):
        return min(lock.modified, moment(content(lock).get("last_renewed", "")))
    return lock.modified


def expiry(lock: Stored) -> datetime:
    """When the lock may be taken over, by the store's clock."""
    return written_at(lock) + timedelta(seconds=ttl_of(lock))


def ttl_of(lock: Stored) -> float:
    ttl = content(lock).get("ttl")
    if not isinstance(ttl, int | float) or isinstance(ttl, bool) or not 0 < ttl <= 3600:
        return TTL
    return float(ttl)


def holder(store: Store, key: str) -> LockContent | None:
    """What the lock of a harvest that lives says; None if there is none, or its owner is dead."""
    lock = _live(store, key)
    return (content(lock) or {"owner": "unknown"}) if lock else None


def ask_to_stop(store: Store, key: str) -> None:
    """Write into the lock of a harvest that lives that it is to stop; its owner hears it when it renews."""
    _add(store, key, "stop_asked")


def note_change(store: Store, key: str) -> float:
    """Write into the lock of a harvest that lives that its collection was changed, after it was.

    The owner hears it when it renews the lock, and reads the collection after that. The seconds for which
    the lock lives, within which it is renewed; 0 if no such harvest runs.
    """
    return _add(store, key, "collection_changed")


def _add(store: Store, key: str, word: Literal["stop_asked", "collection_changed"]) -> float:
    """The lifetime of the lock of a harvest that will find this request in it; 0 if none will.

    The lock is replaced in the version that was read, so that neither a renewal nor a takeover is undone.
    """
    for _ in range(_TRIES):
        lock = _live(store, key)
        if lock is None or not (held := content(lock)):
            return 0.0
        if held.get(word):
            # Not heard yet: the owner takes it out in the moment of hearing it.
            return ttl_of(lock)
        held[word] = timestamp(store.now())
        held["last_renewed"] = timestamp(written_at(lock))
        with suppress(Conflict):
            store.replace(key, orjson.dumps(held, option=orjson.OPT_INDENT_2), version=lock.version)
            return ttl_of(lock)
    return 0.0


def _live(store: Store, key: str) -> Stored | None:
    lock = stored_at(store, key)
    if lock is None:
        return None
    now, held = store.now(), content(lock)
    # One that is dated later than any clock may differ was written before the clock was put back.
    fresh = now <= expiry(lock) <= now + timedelta(seconds=2 * ttl_of(lock))
    return None if not fresh or is_released(held) or owners.is_dead(held) else lock


def is_released(held: LockContent) -> bool:
    """Whether the owner gave the lock back where it could not be removed safely."""
    return bool(held.get("released"))


def owner_of(held: LockContent) -> str:
    """Who holds a lock, in words; one of 2019 names its harvest only."""
    if "owner" in held:
        return f"{held['owner']} on {held.get('host', 'an unknown host')}"
    return f"the harvest of {held['harvest_id']}" if "harvest_id" in held else "an unknown owner"


def locked(key: str, held: LockContent, expires: datetime | None) -> HarvesterError:
    until = f" It expires at {timestamp(expires)} unless it is renewed." if expires else ""
    return HarvesterError(
        f"The collection is locked: {key} is held by {owner_of(held)}.{until}",
        hint="Wait for that harvest to end. If none is running, the lock expires, or `unlock` removes it.",
        exit_code=Exit.LOCKED,
    )


def lost(key: str) -> LockLost:
    return LockLost(
        f"Another harvest has taken over {key}.",
        hint="This harvest stopped writing. The other one continues from what is stored.",
        exit_code=Exit.LOCKED,
    )
