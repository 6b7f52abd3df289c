"""One harvest: under the lock, and after what a dead one left is finished (docs/design.md has the order)."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from harvester.clock import Clock, Stop
from harvester.collection import history
from harvester.collection.kinds import is_stream
from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.harvest import missed_interval
from harvester.harvest.control import StopFile
from harvester.harvest.fenced_store import FencedStore
from harvester.harvest.finalize import Ending
from harvester.harvest.lock import Lock
from harvester.harvest.progress import INTERRUPTED, RUNNING, Outcome, Progress
from harvester.harvest.recovery import recover
from harvester.harvest.run import Run
from harvester.harvest.store_patience import Patience, PatientStore
from harvester.harvest.upload_queue import Uploads
from harvester.harvest.workdir import State
from harvester.networks import Client, Source
from harvester.networks.registry import network_of
from harvester.networks.validation import parsed
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys, timestamp

log = logging.getLogger("twarc-cloud")


@dataclass
class Harvest:
    """A harvest of one collection, to be run once.

    `client` makes the client once the collection and its keys are known to be needed. `waits_for` says of a
    stream that is refused whether it waits within this harvest, in place of ending it.
    """

    store: Store
    keys: CollectionKeys
    client: Callable[[Tree, Progress], Client]
    settings: Settings
    work_root: Path
    clock: Clock
    stop: Stop
    # In place of the source that the network has for a kind.
    source: Callable[[str], Source[Any]] | None = None
    task: Tree = field(default_factory=dict)
    waits_for: Callable[[HarvesterError], bool] | None = None

    def __post_init__(self) -> None:
        self.owner = uuid.uuid4().hex
        self.progress = Progress(self.keys.id, self.store.name, "", task=self.task)
        self._lock = Lock(
            self.store,
            self.keys.lock,
            owner=self.owner,
            clock=self.clock,
            ttl=self.settings.lock_seconds,
            stop=self.stop,
        )
        self._patience = Patience(self.settings.store_patience, clock=self.clock, stop=self.stop)
        self._fenced = PatientStore(FencedStore(self.store, self._lock), self._patience)
        self._stop_file = StopFile(
            self.store, self._fenced, self.keys.stop, stop=self.stop, every=self.settings.stop_poll_seconds
        )
        self._uploads: Uploads | None = None
        self._run: Run | None = None
        # The version of the collection that was found to be valid.
        self._valid = ""
        # The timestamp of the harvest that died, where this one finished it.
        self.found_dead = ""

    def run(self) -> Outcome:
        """Collect, and return how it ended; raises only what kept it from beginning."""
        self._patience.until(lambda: self._collection(self.store))
        self._patience.until(self._lock.acquire)
        self._lock.keep()
        self._uploads = Uploads(clock=self.clock, stop=self.stop, patience=self.settings.store_patience)
        try:
            self._stop_file.watch()
            self._run = self._begun(self._uploads)
            self._run.claim()
            self._patience.end()
            return self._run.run()
        except OSError as error:
            raise HarvesterError(
                f"{self.work_root} cannot be used: {error.strerror or error}.",
                hint="Make room on this disk, or choose another folder with --temp, and start again.",
            ) from error
        finally:
            self._patience.end()
            self._stop_file.close()
            self._let_go()

    def account(self) -> Tree:
        """harvest.json as it would be at this moment; before the harvest has begun, without a timestamp."""
        state = self._run.state if self._run else State(harvest="", owner=self.owner)
        trouble = self._uploads.trouble if self._uploads else ""
        account = {**self.progress.record(state), "activity": trouble or self.progress.activity}
        if self._run and account["state"] == RUNNING:
            # The stored one is as old as the last checkpoint.
            account |= {"updated": timestamp(self.clock.now()), "billed": self._run.billed()}
        return account

    def _begun(self, uploads: Uploads) -> Run:
        self._finish_the_dead(uploads)
        history.adopt(self._fenced, self.keys)
        tree = self._collection(self._fenced)
        network = network_of(tree)
        return Run(
            store=self._fenced,
            keys=self.keys,
            tree=tree,
            unheard=missed_interval.before(self._fenced, self.keys) if is_stream(tree) else None,
            owner=self.owner,
            client=self.client,
            network=network,
            source=(self.source or network.source)(tree["type"]),
            settings=self.settings,
            work_root=self.work_root,
            clock=self.clock,
            stop=self.stop,
            uploads=uploads,
            progress=self.progress,
            waits_for=self.waits_for,
        )

    def _collection(self, store: Store) -> Tree:
        stored = history.read(store, self.keys)
        if stored.version == self._valid:
            # To go over 100,000 users twice takes as long as all else that is done with them.
            tree: Tree = orjson.loads(stored.data)
            return tree
        where = f"The collection.json of {self.keys.id} in {self.store.name}"
        tree = parsed(stored.data, where, collection_id=self.keys.id)
        self._valid = stored.version
        return tree

    def _finish_the_dead(self, uploads: Uploads) -> None:
        """Finish the harvest that died, if the last one did."""
        recovered = recover(
            self._fenced, self.keys, self.work_root, owner=self.owner, late_after=self._lock.late_after
        )
        if recovered:
            told = recovered.record
            progress = Progress(self.keys.id, self.store.name, recovered.work.state.harvest)
            progress.task, progress.unheard = told.get("task") or {}, told.get("unheard") or {}
            progress.outcome = Outcome(INTERRUPTED, "the harvest died and was finished by the next one")
            if told["state"] != RUNNING:
                # It lived to say how it ended, and died, or had no store, on the last steps.
                exit_code = Exit(told["exit_code"])
                progress.outcome = Outcome(told["state"], told["reason"], exit_code, told.get("hint", ""))
            else:
                self.found_dead = progress.started
            progress.updated = progress.ended = timestamp(self.store.now())
            ending = Ending(self._fenced, self.keys, recovered.work, recovered.used, progress.record)
            for what, step in ending.steps():
                uploads.put(what, step)
            uploads.drain()
            recovered.work.remove()

    def _let_go(self) -> None:
        try:
            self._lock.release()
        except HarvesterError as error:
            self._lock.abandon()
            log.warning("The lock could not be released and will expire: %s", error)
