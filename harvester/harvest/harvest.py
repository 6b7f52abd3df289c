"""One harvest: under the lock, and after what a dead one left is finished (docs/design.md has the order)."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from harvester.clock import Clock, Stop, timestamp
from harvester.collection import history
from harvester.collection.kinds import is_stream
from harvester.collection.known import Known
from harvester.collection.shards import require_no_shards
from harvester.collection.workers import require_no_workers
from harvester.documents import Collection, HarvestSummary, LockContent, Tree
from harvester.errors import HarvesterError
from harvester.errors.files import in_words
from harvester.harvest import missed_interval
from harvester.harvest.app_lock import AppLock
from harvester.harvest.claim import claim
from harvester.harvest.context import Context
from harvester.harvest.control import StopFile
from harvester.harvest.crawl import SharedDepth, StoredCrawl
from harvester.harvest.fenced_store import FencedStore
from harvester.harvest.finalize import Ending
from harvester.harvest.heartbeat_word import Heartbeat
from harvester.harvest.lock import Lock
from harvester.harvest.progress import RUNNING, Outcome, Progress
from harvester.harvest.recovery import recover, sweep
from harvester.harvest.run import Run
from harvester.harvest.source_thread import SourceThread
from harvester.harvest.store_patience import Patience, PatientStore
from harvester.harvest.upload_queue import Uploads
from harvester.harvest.workdir import State
from harvester.networks import Client, Source
from harvester.networks.registry import network_of
from harvester.networks.rule_counts import RuleCounts
from harvester.networks.validation import as_valid, parsed, require_valid
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys, RepairKeys

log = logging.getLogger("twarc-cloud")


@dataclass
class Harvest:
    """A harvest of one collection, to be run once.

    `client` makes the client once the collection and its keys are known to be needed. `waits_for` says of a
    stream that is refused whether it waits within this harvest, in place of ending it.
    """

    store: Store
    keys: CollectionKeys
    client: Callable[[Collection, Progress], Client]
    settings: Settings
    work_root: Path
    clock: Clock
    stop: Stop
    # In place of the source that the network has for a kind.
    source: Callable[[str], Source[Any]] | None = None
    task: Tree = field(default_factory=dict)
    waits_for: Callable[[HarvesterError], bool] | None = None
    # What a worker of a crawl shares with others.
    share: Callable[[StoredCrawl], SharedDepth] | None = None

    def __post_init__(self) -> None:
        owner = uuid.uuid4().hex
        self._lock = Lock(
            self.store,
            self.keys.lock,
            owner=owner,
            clock=self.clock,
            ttl=self.settings.lock_seconds,
            stop=self.stop,
        )
        self._patience = Patience(self.settings.store_patience, clock=self.clock, stop=self.stop)
        fenced = FencedStore(self.store, self._lock)
        self._app = AppLock(
            fenced,
            self.keys.id,
            owner=owner,
            # It is held once the harvest has begun, when steps of the store are tried once.
            patience=Patience(self.settings.store_patience, clock=self.clock, stop=self.stop),
        )
        self._lock.on_lapse = self._require_app
        self._heartbeat = Heartbeat(self.clock, interval=self.settings.lock_seconds)
        counts = RuleCounts(self.clock)
        self._context = Context(
            store=PatientStore(fenced, self._patience),
            keys=self.keys,
            settings=self.settings,
            work_root=self.work_root,
            clock=self.clock,
            stop=self.stop,
            owner=owner,
            progress=Progress(self.keys.id, self.store.name, task=self.task, rule_counts=counts.figures),
            rule_counts=counts,
            note_heard=self._lock.note_heard,
            note_batch=self._heartbeat.take,
            hold_app=self._app.hold,
            app_lost=lambda: self._app.lost,
        )
        self._stop_file = StopFile(
            self.store,
            self._context.store,
            self.keys.stop,
            stop=self.stop,
            every=self.settings.stop_poll_seconds,
        )
        self._uploads: Uploads | None = None
        self._run: Run | None = None
        self._where = f"The collection.json of {self.keys.id} in {self.store.name}"
        self._of_repairs = isinstance(self.keys, RepairKeys)
        # The collection that was found to be valid, until the harvest has begun.
        self._valid: Known | None = None
        # What the lock of one that died said.
        self._taken_over: LockContent | None = None
        # The timestamp of the harvest that died, where this one finished it.
        self.found_dead = ""

    def run(self) -> Outcome:
        """Collect, and return how it ended; raises only what kept it from beginning."""
        self._patience.until(self._require_collection)
        self._taken_over = self._patience.until(self._lock.acquire)
        self._lock.keep()
        self._uploads = Uploads(clock=self.clock, stop=self.stop, patience=self.settings.store_patience)
        try:
            self._stop_file.watch()
            self._run = self._begin(self._uploads)
            self._patience.end()
            return self._run.run()
        except OSError as error:
            # If this process slept meanwhile, a successor took the lock and removed the folder.
            self._lock.require()
            raise in_words(error, self.work_root, hint="--temp selects another work folder.") from error
        finally:
            self._patience.end()
            self._uploads.abandon()
            self._stop_file.close()
            self._app.release()
            self._release_lock()

    def finish(self) -> None:
        """Finish what a harvest that died left, and begin none; raises while one lives."""
        self._taken_over = self._patience.until(self._lock.acquire)
        self._lock.keep()
        self._uploads = Uploads(clock=self.clock, stop=self.stop, patience=self.settings.store_patience)
        try:
            self._finish_the_dead(self._uploads)
        finally:
            self._patience.end()
            self._uploads.abandon()
            self._release_lock()

    def summary(self) -> HarvestSummary:
        """harvest.json as it would be at this moment; before the harvest has begun, without a timestamp."""
        progress, run = self._context.progress, self._run
        summary = run.summary() if run else progress.summary(State(harvest="", owner=self._context.owner))
        trouble = self._uploads.trouble if self._uploads else ""
        summary["activity"] = trouble or progress.activity
        if run and summary["state"] == RUNNING:
            # The stored one is as old as the last checkpoint.
            summary["updated"], summary["billed"] = timestamp(self.clock.now()), run.billed()
            if self._lock.heartbeat:
                summary["heartbeat"] = self._lock.heartbeat()
        return summary

    def _begin(self, uploads: Uploads) -> Run:
        """What an earlier harvest left is finished, and this one has its folder."""
        context = self._context
        self._finish_the_dead(uploads)
        collection = self._adopted(context.store)
        require_no_shards(collection)
        require_no_workers(collection)
        network = network_of(collection)
        source = SourceThread(
            context,
            collection,
            missed=missed_interval.before(context.store, self.keys) if is_stream(collection) else None,
            client=self.client,
            network=network,
            source=(self.source or network.source)(collection["type"]),
            waits_for=self.waits_for,
            share=self.share,
        )
        self._lock.on_change = source.edits.hear
        if is_stream(collection):
            self._lock.heartbeat = lambda: self._heartbeat.word
        return Run(context, claim(context, collection), source, uploads)

    def _adopted(self, store: Store) -> Collection:
        """The collection to harvest, which has its changeset."""
        valid, self._valid = self._valid, None
        tree, version = history.adopt(store, self.keys, compact=True, known=valid)
        if valid and valid.version == version:
            # Reading 100,000 users twice takes as long as everything else done with them.
            return as_valid(tree)
        return require_valid(tree, self._where, collection_id=self.keys.id, of_repairs=self._of_repairs)

    def _require_collection(self) -> None:
        """Raise if there is no valid collection, before anything is written."""
        stored = history.read(self.store, self.keys)
        tree = parsed(
            stored.data,
            self._where,
            collection_id=self.keys.id,
            of_repairs=self._of_repairs,
            compact=True,
        )
        self._valid = Known(cast(Tree, tree), stored.version)

    def _finish_the_dead(self, uploads: Uploads) -> None:
        """Finish the harvest that died, if the last one did."""
        context = self._context
        recovered = recover(
            context.store,
            self.keys,
            self.work_root,
            owner=context.owner,
            late_after=self._lock.late_after,
            lock=self._taken_over,
        )
        if recovered is None:
            return
        # Its end needs the room of one collection itself, and makes another version of it.
        self._valid = None
        progress = recovered.progress(context.store, self.keys)
        if recovered.has_died:
            self.found_dead = progress.started
        ending = Ending(context.store, self.keys, recovered.work, recovered.used, progress.summary)
        for what, step in ending.steps():
            uploads.put(what, step)
        uploads.drain()
        recovered.work.remove()
        # This machine may have an earlier folder of the same harvest, which knew less.
        sweep(context.store, self.keys, self.work_root)

    def _require_app(self) -> None:
        """End this harvest where its app is another's since its lock had expired for a while."""
        try:
            self._app.require()
        except HarvesterError as error:
            if error is not self._app.lost:
                raise
            self.stop.request(error.message)

    def _release_lock(self) -> None:
        try:
            self._lock.release()
        except HarvesterError as error:
            self._lock.abandon()
            log.warning("The lock could not be released and will expire: %s", error)
