"""Whether a stream is over once its harvest has ended, or is to be started again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from harvester.clock import moment
from harvester.documents import HarvestSummary
from harvester.errors import Exit
from harvester.harvest import catalog
from harvester.harvest.progress import Outcome
from harvester.store import Store
from harvester.store.keys import CollectionKeys

_THROUGH = {Exit.OK, Exit.PARTIAL}


def is_through(store: Store, keys: CollectionKeys, code: int) -> bool:
    """Whether the harvest that returned this code is the last: a new one would spend its limit again."""
    if code != Exit.RETRY_LATER:
        return code in _THROUGH
    last = catalog.last(store, keys)
    return bool(last and last.get("limit"))


@dataclass(frozen=True)
class Membership:
    """The streams that one task carries, and since when.

    `streams` is what its harvests say of that in harvest.json; empty where they say nothing.
    """

    since: datetime
    streams: Sequence[str] = ()

    def has_left(self, store: Store, keys: CollectionKeys) -> bool:
        """Whether this stream is no longer the task's, so that no restart of the task starts it again.

        Its last harvest ended as was meant, or was started elsewhere since; or a stop was asked for while
        nothing of it ran.
        """
        if catalog.live_lock(store, keys):
            return False
        if any(entry.key == keys.stop and entry.modified >= self.since for entry in store.entries(keys.stop)):
            return True
        last = catalog.last(store, keys)
        if last is None or not self._ended_since(last):
            return False
        task = last.get("task")
        of = task.get("streams") if isinstance(task, dict) else None
        return list(of or ()) != list(self.streams) or _was_meant(last)

    def _ended_since(self, last: HarvestSummary) -> bool:
        try:
            return moment(str(last.get("harvest_end_timestamp"))) >= self.since
        except ValueError:
            return False


def _was_meant(last: HarvestSummary) -> bool:
    try:
        code = Exit(last.get("exit_code", Exit.OK))
    except ValueError:
        return False
    return Outcome(str(last["state"]), exit_code=code, limit=str(last.get("limit") or "")).was_meant
