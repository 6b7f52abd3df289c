"""What is collected goes into segments, and these into the store, announced before they go there."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from harvester.clock import Clock
from harvester.documents import Tree
from harvester.harvest import checkpoint
from harvester.harvest.checkpoint import Parts
from harvester.harvest.manifest import Manifests
from harvester.harvest.progress import Progress
from harvester.harvest.segment import Finished
from harvester.harvest.upload_queue import Uploads
from harvester.harvest.workdir import Work
from harvester.networks import Batch
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import HarvestKeys, timestamp
from harvester.store.pointer import Pointer

_SYNC_BYTES = 1 << 20
_SYNC_SECONDS = 1.0
# With nothing new, so many checkpoints are left out: each is paid for, and would only say that time passed.
IDLE_CHECKPOINTS = 10
_NOTHING = Batch()


@dataclass(frozen=True)
class _Known:
    """The state at one moment, as text: what it was made of changes, and may be large."""

    state: orjson.Fragment
    growing: dict[str, int]
    record: Tree


class Storing:
    """The way of one harvest's records into the store; called from the one thread that writes.

    `pointer` is the checkpoint's and `record` harvest.json's, both written already once.
    """

    def __init__(
        self,
        *,
        store: Store,
        here: HarvestKeys,
        work: Work,
        uploads: Uploads,
        pointer: Pointer,
        record: Pointer,
        progress: Progress,
        settings: Settings,
        clock: Clock,
        billed: Callable[[], dict[str, Any]],
    ) -> None:
        self._store, self._here, self._work, self._uploads = store, here, work, uploads
        self._pointer, self._record, self._progress = pointer, record, progress
        self._settings, self._clock, self._billed = settings, clock, billed
        self._parts = Parts(store, here, work.folder)
        self._manifests = Manifests(store, here)
        self._checkpointing = threading.Event()
        self._has_news = False
        self._last = _Known(orjson.Fragment(orjson.dumps(work.state.to_tree())), {}, {})
        self._synced_at = self._checkpointed_at = self._opened_at = clock.elapsed()

    def add(self, batch: Batch) -> None:
        """Keep a batch, on disk at once where it asks for that."""
        if not self._work.is_open:
            # A file's age counts from its first batch, not from the end of the file before.
            self._opened_at = self._clock.elapsed()
        self._has_news = self._has_news or batch != _NOTHING
        self._work.add(batch, now=self._clock.now())
        if batch.sync or self._work.unsynced_bytes >= _SYNC_BYTES:
            self._sync()

    def do_what_is_due(self) -> None:
        """Sync, begin another segment, write a checkpoint, each when its time has come."""
        now = self._clock.elapsed()
        self._uploads.check()
        if now - self._synced_at >= _SYNC_SECONDS:
            self._sync()
        if self._roll_is_due(now):
            self._roll()
        # What it waits for is news, too: whoever asks how it is doing reads harvest.json.
        has_news = self._has_news or self._progress.activity != self._last.record.get("activity")
        wait = self._settings.checkpoint_seconds * (1 if has_news else IDLE_CHECKPOINTS)
        if now - self._checkpointed_at >= wait:
            self._checkpoint()

    def finish(self) -> None:
        """Everything is in the store, and known there, when this returns."""
        if not self._roll():
            # One that is queued already would not tell of what came since.
            self._uploads.drain()
            self._checkpoint()
        self._uploads.drain()

    def _sync(self) -> None:
        self._work.sync(now=self._clock.now(), billed=self._billed())
        self._synced_at = self._clock.elapsed()

    def _roll_is_due(self, now: float) -> bool:
        return self._work.is_open and (
            self._work.open_posts >= self._settings.tweets_per_file
            or self._work.open_bytes >= self._settings.bytes_per_file
            or now - self._opened_at >= self._settings.seconds_per_file
        )

    def _roll(self) -> bool:
        """Finish the open segment and queue its way into the store; False when none is open."""
        before = self._last
        finished = self._work.close_segment(now=self._clock.now(), billed=self._billed())
        if finished is None:
            return False
        after = self._snapshot()

        def announce() -> None:
            self._copy_growing(after)
            closing = {"file": vars(finished), "state": after.state}
            self._pointer.write({"state": before.state, "closing": closing})

        self._uploads.put(f"the announcement of {finished.name}", announce)
        self._uploads.put(finished.name, lambda: self._store_segment(finished))
        return True

    def _store_segment(self, finished: Finished) -> None:
        # After a first try that failed at a later step, the file is stored and gone from here.
        if self._work.path(finished.name).exists():
            self._store.upload(
                self._here.file(finished.name), self._work.path(finished.name), sha256=finished.sha256
            )
        self._manifests.add(finished)
        self._parts.forget(finished.name)
        self._work.stored(finished.name)

    def _checkpoint(self) -> None:
        """Queue what is known now as the point from which a successor goes on; one at a time."""
        self._checkpointed_at = self._clock.elapsed()
        if self._checkpointing.is_set():
            return
        self._checkpointing.set()
        self._has_news = False
        known = self._snapshot()

        def write() -> None:
            self._copy_growing(known)
            self._pointer.write({"state": known.state})
            self._progress.updated = timestamp(self._store.now())
            self._record.write({**known.record, "updated": self._progress.updated})
            self._checkpointing.clear()

        self._uploads.put("the checkpoint", write)

    def _snapshot(self) -> _Known:
        self._sync()
        data = self._work.snapshot()
        state = self._work.state
        growing = checkpoint.growing(state.sizes, state.segment)
        # The account as text, too: what it holds goes on growing.
        record = orjson.loads(orjson.dumps(self._progress.record(state)))
        self._last = _Known(orjson.Fragment(data), growing, record)
        return self._last

    def _copy_growing(self, known: _Known) -> None:
        for name, size in known.growing.items():
            self._parts.copy(name, size)
