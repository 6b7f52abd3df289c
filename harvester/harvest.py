"""One run: whatever the network hands over is stored, or asked for again, or named as a gap.

The source fills a bounded inbox; this thread alone writes; the uploads store what it finished, in order
(docs/design.md tells what a death between any two steps means).
"""

import logging
import queue
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from harvester import checkpoint, history
from harvester.changeset import Tree
from harvester.checkpoint import Parts, Pointer
from harvester.clock import Clock, Stop
from harvester.collection import parsed, without_secrets
from harvester.ending import Ending
from harvester.errors import Conflict, Exit, HarvesterError, LockLost, StoreAway
from harvester.layout import CollectionKeys, HarvestKeys, timestamp
from harvester.lock import FencedStore, Lock
from harvester.manifest import Manifests
from harvester.progress import COMPLETE, FAILED, INTERRUPTED, PARTIAL, STOPPED, Outcome, Progress
from harvester.recovery import Recovered, recover
from harvester.segments import Finished
from harvester.settings import Settings
from harvester.sources import Job, Source, source_for
from harvester.store import Store
from harvester.uploads import Uploads
from harvester.work import Batch, State, Work
from harvester.x import Stopped, XClient

log = logging.getLogger("twarc-cloud")

_SIGNALS = {"SIGINT": Exit.INTERRUPTED, "SIGTERM": Exit.TERMINATED}
_INBOX = 16
_SYNC_BYTES = 1 << 20
_SYNC_SECONDS = 1.0
_SOURCE_GRACE = 10.0


@dataclass
class Harvest:
    """A harvest of one collection, to be run once.

    `client` makes the X client once the collection and its keys are known to be needed.
    """

    store: Store
    keys: CollectionKeys
    client: Callable[[Tree, Progress], XClient]
    settings: Settings
    work_root: Path
    clock: Clock
    stop: Stop
    source: Callable[[str], Source] = source_for

    def __post_init__(self) -> None:
        self.owner = uuid.uuid4().hex
        self.progress = Progress(self.keys.id, self.store.name, "")
        self._lock = Lock(
            self.store, self.keys.lock, owner=self.owner, clock=self.clock, ttl=self.settings.lock_seconds
        )
        self._fenced = FencedStore(self.store, self._lock)
        self._over = threading.Event()

    def run(self) -> Outcome:
        """Collect, and return how it ended; raises only what kept it from beginning."""
        where = f"{self.store.name}/{self.keys.collection}"
        parsed(history.read(self.store, self.keys).data, where)
        self._lock.acquire()
        self._lock.keep()
        self._uploads = Uploads(clock=self.clock, stop=self.stop, patience=self.settings.store_patience)
        try:
            self._watch_for_stop()
            recovered = self._recover()
            tree = parsed(history.read(self.store, self.keys).data, where)
            return _Run(self, tree, recovered).run()
        finally:
            self._over.set()
            self._let_go()

    def _recover(self) -> Recovered | None:
        recovered = recover(self._fenced, self.keys, self.work_root, owner=self.owner)
        if recovered:
            state = recovered.work.state
            progress = Progress(self.keys.id, self.store.name, state.harvest)
            progress.outcome = Outcome(INTERRUPTED, "the harvest died and was finished by the next one")
            progress.updated = progress.ended = timestamp(self.store.now())
            ending = Ending(self._fenced, self.keys, recovered.work, recovered.used, progress.record)
            for what, step in ending.steps():
                self._uploads.put(what, step)
            self._uploads.drain()
            recovered.work.remove()
        return recovered

    def _watch_for_stop(self) -> None:
        """Hear a stop that is asked for by an object in the store, where no port is open."""
        self._fenced.remove(self.keys.stop)

        def watch() -> None:
            while not self._over.wait(self.settings.stop_poll_seconds):
                try:
                    if any(True for _ in self.store.entries(self.keys.stop)):
                        self.stop.request("a stop was asked for")
                        self._fenced.remove(self.keys.stop)
                        return
                except HarvesterError as error:
                    log.debug("No word on a stop: %s", error)

        threading.Thread(target=watch, name="stop", daemon=True).start()

    def _let_go(self) -> None:
        try:
            self._lock.release()
        except HarvesterError as error:
            self._lock.abandon()
            log.warning("The lock could not be released and will expire: %s", error)


class _Run:
    """From the claim of a harvest folder to its end."""

    def __init__(self, harvest: Harvest, tree: Tree, recovered: Recovered | None) -> None:
        self._h, self._tree, self._recovered = harvest, tree, recovered
        self._settings, self._clock, self._stop = harvest.settings, harvest.clock, harvest.stop
        self._store, self._uploads, self._progress = harvest._fenced, harvest._uploads, harvest.progress
        self._inbox: queue.Queue[tuple[Batch | None, threading.Event | None]] = queue.Queue(_INBOX)
        self._refused = threading.Event()
        self._source_error: BaseException | None = None
        self._checkpointing = threading.Event()
        self._x: XClient | None = None
        self._ended_by: list[str] = []

    def run(self) -> Outcome:
        self._claim()
        try:
            outcome = self._collected()
            return self._ended(outcome)
        except LockLost as error:
            return self._kept(Outcome(FAILED, error.message, Exit.LOCKED, error.hint))
        except (StoreAway, Conflict) as error:
            hint = f"{error.hint} What is not stored is kept in {self._work.folder} for the next start.".strip()
            return self._kept(Outcome(FAILED, error.message, Exit.ERROR, hint))
        except OSError as error:
            hint = "Make room on this machine's disk and start again; all that was kept until then is stored then."
            reason = f"{self._work.folder} cannot be written: {error.strerror or error}"
            return self._kept(Outcome(FAILED, reason, Exit.ERROR, hint))

    # -- beginning -----------------------------------------------------------------------------------

    def _claim(self) -> None:
        """Take a harvest folder that nobody has, and say that it is in use."""
        started = self._store.now().replace(microsecond=0)
        while True:
            self._here: HarvestKeys = self._h.keys.harvest(started)
            self._record = Pointer(self._store, self._here.harvest)
            self._progress.started = self._progress.updated = timestamp(started)
            state = State(harvest=timestamp(started), owner=self._h.owner)
            try:
                self._record.create(self._progress.record(state))
                break
            except Conflict:
                started += timedelta(seconds=1)
        # Not a pointer: a dead harvest's checkpoint was cleared by its ending, so there is none.
        self._checkpoint_pointer = Pointer(self._store, self._h.keys.checkpoint)
        self._checkpoint_pointer.create({"state": state.to_tree()})
        Pointer(self._store, self._here.collection).create(without_secrets(self._tree))
        self._work = Work.begin(self._h.work_root, state)
        self._parts = Parts(self._store, self._here, self._work.folder)
        self._manifests = Manifests(self._store, self._here)
        self._last: Tree = state.to_tree()
        now = self._clock.elapsed()
        self._synced_at = self._checkpointed_at = self._opened_at = now

    # -- collecting ----------------------------------------------------------------------------------

    def _collected(self) -> Outcome:
        """Run the source to its end; everything it handed over is in the work folder."""
        thread = threading.Thread(target=self._run_source, name="source", daemon=True)
        thread.start()
        try:
            self._write()
        finally:
            self._refused.set()
        return self._outcome(self._source_error)

    def _run_source(self) -> None:
        try:
            self._x = self._h.client(self._tree, self._progress)
            recovered = self._recovered
            self._progress.activity = "collecting"
            self._h.source(self._tree["type"])(
                Job(
                    collection=self._tree,
                    x=self._x,
                    clock=self._clock,
                    stop=self._stop,
                    put=self._put,
                    say=self._ended_by.append,
                    concurrency=self._settings.concurrency,
                    gap_from=recovered.gap_from if recovered else None,
                    last_id=recovered.last_id if recovered else "",
                )
            )
        except BaseException as error:  # noqa: BLE001 - handed to `_outcome`, in the thread that writes
            self._source_error = error
        finally:
            self._hand((None, None))

    def _put(self, batch: Batch, *, wait: bool = False) -> None:
        done = threading.Event() if wait else None
        self._hand((batch, done))
        while done and not done.wait(0.5):
            if self._refused.is_set():
                raise Stopped

    def _hand(self, item: tuple[Batch | None, threading.Event | None]) -> None:
        while not self._refused.is_set():
            try:
                self._inbox.put(item, timeout=0.5)
                return
            except queue.Full:
                continue
        if item[0] is not None:
            raise Stopped

    def _write(self) -> None:
        deadline = None
        while True:
            if self._stop.requested and deadline is None:
                deadline = self._clock.elapsed() + _SOURCE_GRACE
            try:
                batch, done = self._inbox.get(timeout=0.5)
            except queue.Empty:
                self._do_what_is_due()
                if deadline is not None and self._clock.elapsed() > deadline:
                    log.warning("The source did not hear the stop; ending without it.")
                    return
                continue
            if batch is None:
                return
            self._work.add(batch, now=self._clock.now())
            if batch.sync or self._work.unsynced_bytes >= _SYNC_BYTES:
                self._sync()
            if done:
                done.set()
            self._do_what_is_due()

    def _sync(self) -> None:
        self._work.sync(now=self._clock.now())
        self._synced_at = self._clock.elapsed()

    def _do_what_is_due(self) -> None:
        now = self._clock.elapsed()
        self._uploads.check()
        if not self._work.is_open:
            self._opened_at = now
        if now - self._synced_at >= _SYNC_SECONDS:
            self._sync()
        if self._roll_is_due(now):
            self._roll()
        if now - self._checkpointed_at >= self._settings.checkpoint_seconds:
            self._checkpoint()

    def _roll_is_due(self, now: float) -> bool:
        return self._work.is_open and (
            self._work.open_posts >= self._settings.tweets_per_file
            or self._work.open_bytes >= self._settings.bytes_per_file
            or now - self._opened_at >= self._settings.seconds_per_file
        )

    # -- storing -------------------------------------------------------------------------------------

    def _roll(self) -> bool:
        """Finish the open segment and queue its way into the store; False when none is open."""
        before = self._last
        finished = self._work.close_segment(now=self._clock.now())
        if finished is None:
            return False
        after = self._snapshot()

        def announce() -> None:
            self._copy_growing(after)
            closing = {"file": vars(finished), "state": after}
            self._checkpoint_pointer.write({"state": before, "closing": closing})

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
        tree = self._snapshot()

        def write() -> None:
            self._copy_growing(tree)
            self._checkpoint_pointer.write({"state": tree})
            self._progress.updated = timestamp(self._store.now())
            self._record.write(self._progress.record(State.from_tree(tree)))
            self._checkpointing.clear()

        self._uploads.put("the checkpoint", write)

    def _snapshot(self) -> Tree:
        self._sync()
        self._last = self._work.snapshot(billed=self._billed())
        return self._last

    def _copy_growing(self, tree: Tree) -> None:
        for name, size in checkpoint.growing(tree).items():
            self._parts.copy(name, size)

    def _billed(self) -> dict[str, Any]:
        return self._x.billing.snapshot() if self._x else {}

    # -- ending --------------------------------------------------------------------------------------

    def _outcome(self, error: BaseException | None) -> Outcome:
        """How the source ended, in the words of harvest.json."""
        if error is None and not (self._stop.requested and self._h.stop.reason.startswith("storing failed")):
            return self._completed()
        if error is None or isinstance(error, Stopped):
            self._uploads.check()
            return Outcome(STOPPED, self._stop.reason, _SIGNALS.get(self._stop.reason, Exit.OK))
        if isinstance(error, HarvesterError):
            state = STOPPED if error.exit_code == Exit.RETRY_LATER else FAILED
            return Outcome(state, error.message, error.exit_code, error.hint)
        log.error("This is a bug; please report it.", exc_info=error)
        return Outcome(FAILED, f"bug: {type(error).__name__}: {error}", Exit.ERROR, "Report it with the log.")

    def _completed(self) -> Outcome:
        state = self._work.state
        failed = state.counts.get("users_failed", 0)
        problems = [f"{failed} users failed"] if failed else []
        problems += [f"{len(state.gaps)} gaps"] if state.gaps else []
        if problems:
            return Outcome(PARTIAL, "; ".join([*problems, *self._ended_by]), Exit.PARTIAL)
        return Outcome(COMPLETE, "; ".join(self._ended_by))

    def _ended(self, outcome: Outcome) -> Outcome:
        self._progress.activity = "storing"
        if not self._roll():
            self._checkpoint()
        self._uploads.drain()
        now = timestamp(self._store.now())
        self._progress.outcome, self._progress.updated, self._progress.ended = outcome, now, now
        self._work.state.billed = self._billed()
        ending = Ending(self._store, self._h.keys, self._work, self._tree, self._progress.record)
        for what, step in ending.steps():
            self._uploads.put(what, step)
        self._uploads.close()
        self._work.remove()
        return outcome

    def _kept(self, outcome: Outcome) -> Outcome:
        """What could not be stored stays in the work folder; say so where that is possible."""
        self._refused.set()
        self._progress.outcome = replace(outcome)
        self._progress.ended = self._progress.updated
        if outcome.exit_code != Exit.LOCKED:
            try:
                self._record.write(self._progress.record(self._work.state))
            except HarvesterError as error:
                log.debug("harvest.json could not be written: %s", error)
        self._work.close()
        return outcome
