"""A lock whose process of this machine is known to be dead is removed."""

import platform
from contextlib import suppress

from harvester.errors import Conflict, NotFound
from harvester.harvest.lock_content import content
from harvester.store import Store


def remove_lock_of(store: Store, key: str, process: int) -> None:
    """Remove the lock with this key if it is that of the process, and has not been taken over."""
    with suppress(NotFound, Conflict):
        lock = store.read(key)
        held = content(lock)
        if (held.get("host"), held.get("process")) == (platform.node(), process):
            store.remove(key, version=lock.version)
