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


def is_over(store: Store, keys: CollectionKeys, code: int) -> bool:
    """Whether the harvest that returned this code is the last: a new one would spend its limit again."""
    if code != Exit.RETRY_LATER:
        return code in _THROUGH
    last = catalog.last(store, keys)
    return bool(last and last.get("limit"))


@dataclass(frozen=True)
class Membership:
    """The streams that one task carries, and since when.

    `streams` is what its harvests say of that in harvest.json; empty if they say nothing.
    """

    since: datetime
    streams: Sequence[str] = ()

    def has_left(self, store: Store, keys: CollectionKeys) -> bool:
        """Whether this stream is no longer the task's, so that no restart of the task starts it again.

        Its last harvest ended as was meant, or was started elsewhere since; or a stop was asked for while
        nothing of it ran.
        """
        running = catalog.running(store, keys)
        if running is not None:
            return self._is_since(running["harvest_timestamp"]) and not self._is_ours(running)
        # S3 dates what it holds in whole seconds.
        since = self.since.replace(microsecond=0)
        if any(entry.key == keys.stop and entry.modified >= since for entry in store.entries(keys.stop)):
            return True
        last = catalog.last(store, keys)
        if last is None or not self._is_since(last.get("harvest_end_timestamp")):
            return False
        return _was_meant(last) or not self._is_ours(last)

    def _is_since(self, timestamp: str | None) -> bool:
        """Whether this was after the task was started."""
        try:
            return moment(str(timestamp)) >= self.since
        except ValueError:
            return False

    def _is_ours(self, summary: HarvestSummary) -> bool:
        task = summary.get("task")
        of = task.get("streams") if isinstance(task, dict) else None
        return list(of or ()) == list(self.streams)


def _was_meant(last: HarvestSummary) -> bool:
    try:
        code = Exit(last.get("exit_code", Exit.OK))
    except ValueError:
        return False
    return Outcome(str(last["state"]), exit_code=code, limit=str(last.get("limit") or "")).was_meant
