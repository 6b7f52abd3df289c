"""Records go into segments, and these into the store, each announced before its upload."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from harvester.clock import timestamp
from harvester.documents import Tree
from harvester.documents.tail import Tail
from harvester.harvest import checkpoint
from harvester.harvest.checkpoint import Parts, SegmentUpload
from harvester.harvest.claim import Claim
from harvester.harvest.context import Context
from harvester.harvest.minutes import Minutes
from harvester.harvest.segment import Finished
from harvester.harvest.upload_queue import Uploads
from harvester.networks import Batch

_SYNC_BYTES = 1 << 20
_SYNC_SECONDS = 1.0
# With nothing new, one in this many checkpoints is written: each is paid for, and would only say that time
# passed. harvest.json is written as rarely where requests are billed, as checkpoint.json says the same.
IDLE_CHECKPOINTS = 10
_NOTHING = Batch()
# More of a file than this is stored before the next checkpoint, if no byte is sent again for it.
_SENT_AHEAD = 16 << 20
# Records that come more slowly than this, in bytes a second, are compressed thoroughly, for 3 % of a core at
# most; judged at this interval, in seconds.
_SLOW, _JUDGED_EVERY = 4 << 20, 1.0


def _is_news(batch: Batch) -> bool:
    """Whether it has more than a sign of life, which an idle stream gives all the time."""
    return bool(batch.lines) or replace(batch, heard="", last_id="") != _NOTHING


@dataclass(frozen=True)
class _Known:
    """The state at one moment, as text: what it was made of changes, and may be large."""

    state: orjson.Fragment
    growing: dict[str, int]
    activity: str


class Storing:
    """Stores the records of one harvest; called only from the thread that writes."""

    def __init__(
        self, context: Context, claim: Claim, uploads: Uploads, *, billed: Callable[[], dict[str, Any]]
    ) -> None:
        self._store, self._settings, self._clock = context.store, context.settings, context.clock
        self._progress, self._uploads, self._billed = context.progress, uploads, billed
        self._checkpoints = context.checkpoints
        self._note_heard, self._note_batch = context.note_heard, context.note_batch
        self._here, self._work = claim.here, claim.work
        self._pointer, self._summary, self._manifests = claim.checkpoint, claim.summary, claim.manifests
        self._parts = Parts(self._store, self._here, self._work.folder)
        self._checkpointing = threading.Event()
        self._has_news = False
        self._last = _Known(orjson.Fragment(claim.state.to_json()), {}, "")
        self._synced_at = self._checkpointed_at = self._opened_at = self._clock.elapsed()
        self._judged_at, self._came = self._synced_at, 0
        self._minutes = Minutes(self._progress, begun=self._synced_at)
        # How much of the open segment is on its way into the store.
        self._sent, self._sends_ahead = 0, self._store.composes
        self._summarized_at, self._last_summary = self._synced_at, self._progress.summary(claim.state)

    def add(self, batch: Batch) -> None:
        """Keep a batch, on disk at once where it asks for that."""
        self._note_batch(batch)
        if not self._work.is_open:
            # A file's age counts from its first batch, not from the end of the file before.
            self._opened_at = self._clock.elapsed()
        self._has_news = self._has_news or _is_news(batch)
        if batch.heard and not self._has_news and not self._checkpointing.is_set():
            # All that came is in the store, so that this is all that a successor need know.
            self._note_heard(batch.heard, batch.last_id or self._work.state.last_id)
        self._came += len(batch.lines)
        self._work.add(batch, now=self._clock.now())
        if batch.sync or self._work.unsynced_bytes >= _SYNC_BYTES:
            self._sync()

    def until_sync(self) -> float:
        """The seconds until what was added must be on disk."""
        return max(0.0, self._synced_at + _SYNC_SECONDS - self._clock.elapsed())

    def do_what_is_due(self, *, more: bool = False) -> None:
        """Sync, begin another segment, write a checkpoint, each when its time has come.

        With `more`, which came no later than what was added, there is a sync after that.
        """
        now = self._clock.elapsed()
        self.check()
        if now - self._synced_at >= _SYNC_SECONDS * (2 if more else 1):
            self._sync()
        if self._minutes.is_due(now):
            self._add_minute()
        if self._roll_is_due(now):
            self._roll()
        elif self._sends_ahead and self._work.open_bytes - self._sent >= _SENT_AHEAD:
            self._send_ahead()
        # What it waits for is news, too: `harvest running` reads it in harvest.json.
        has_news = self._has_news or self._progress.activity != self._last.activity
        has_news = has_news or self._checkpoints.waits()
        wait = self._settings.checkpoint_seconds * (1 if has_news else IDLE_CHECKPOINTS)
        if now - self._checkpointed_at >= wait:
            self._checkpoint()

    def check(self) -> None:
        """Raise what made a step towards the store fail."""
        self._uploads.check()

    def finish(self) -> None:
        """Everything is in the store, and known there, when this returns."""
        if self._minutes.has_any:
            self._add_minute()
        if not self._roll():
            # A checkpoint that is queued already lacks what came since.
            self._uploads.drain()
            self._checkpoint()
        stored = self._checkpoints.taken()
        self._uploads.drain()
        stored()

    def _sync(self) -> None:
        now = self._clock.elapsed()
        if (passed := now - self._judged_at) >= _JUDGED_EVERY:
            self._work.compress(thorough=self._came < _SLOW * passed)
            self._judged_at, self._came = now, 0
        self._work.sync(now=self._clock.now(), billed=self._billed())
        self._synced_at = self._clock.elapsed()

    def _add_minute(self) -> None:
        """Account for the minute that is over; on disk with the next sync."""
        self._work.add_minute(self._minutes.line(self._work.state, at=self._clock.now()))

    def _send_ahead(self) -> None:
        """Queue what the open segment has grown by, of which the store makes the file when it is closed."""
        self._sync()
        segment = self._work.state.segment
        if segment:
            name, size = segment["name"], segment["size"]
            self._sent = size
            self._uploads.put(f"a part of {name}", lambda: self._parts.copy(name, size))

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
        upload = SegmentUpload(self._store, self._here.file(finished.name), finished)

        def announce() -> None:
            tails = self._parts.copy_growing(after.growing)
            if finished.side:
                # It is stored after the segment; until then a successor finds it there.
                self._parts.copy(finished.side.name, finished.side.size)
            closing: Tree = {"file": finished.to_tree(), "state": after.state}
            upload.begin(self._parts.pieces(finished.name))
            if upload.name:
                closing["upload"] = upload.name
            tree: Tree = {"state": before.state, "closing": closing, "summary": self._last_summary}
            self._pointer.write(_with_tails(tree, tails))

        self._uploads.put(f"the announcement of {finished.name}", announce)
        self._uploads.put(finished.name, lambda: self._store_segment(finished, upload))
        return True

    def _store_segment(self, finished: Finished, upload: SegmentUpload) -> None:
        # After a first try that failed at a later step, the file is stored and gone from here.
        if self._work.path(finished.name).exists():
            upload.complete(self._work.path(finished.name))
        side = finished.side
        if side and self._work.path(side.name).exists():
            path = self._work.path(side.name)
            self._store.upload(self._here.file(side.name), path, sha256=side.sha256)
        self._manifests.add(finished)
        for name in finished.names:
            self._parts.forget(name)
            self._work.stored(name)

    def _checkpoint(self) -> None:
        """Queue what is known now as the point from which a successor continues; one at a time."""
        self._checkpointed_at = self._clock.elapsed()
        if self._checkpointing.is_set():
            return
        self._checkpointing.set()
        self._has_news = False
        stored = self._checkpoints.taken()
        known, summary = self._snapshot(), self._progress.summary(self._work.state)

        def write() -> None:
            tails = self._parts.copy_growing(known.growing, longest_tail=checkpoint.LONGEST_TAIL)
            now = timestamp(self._store.now())
            self._last_summary = {**summary, "updated": now}
            self._pointer.write(_with_tails({"state": known.state, "summary": self._last_summary}, tails))
            self._progress.update(now)
            if self._summary_is_due():
                self._summary.write(self._last_summary)
                self._summarized_at = self._clock.elapsed()
            stored()
            self._checkpointing.clear()

        self._uploads.put("the checkpoint", write)

    def _summary_is_due(self) -> bool:
        wait = self._settings.checkpoint_seconds * (IDLE_CHECKPOINTS - 0.5)
        return not self._store.is_billed or self._clock.elapsed() - self._summarized_at >= wait

    def _snapshot(self) -> _Known:
        self._sync()
        data = self._work.snapshot()
        state = self._work.state
        growing = checkpoint.growing(state.sizes, state.segment)
        self._sent = self._work.open_bytes
        self._last = _Known(orjson.Fragment(data), growing, self._progress.activity)
        return self._last


def _with_tails(tree: Tree, tails: dict[str, Tail]) -> Tree:
    return {**tree, "tails": tails} if tails else tree
