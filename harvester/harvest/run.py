"""From the claim of a harvest folder to its end: what comes is stored, or kept for the next start.

The source fills a bounded inbox, and this thread alone writes what comes out of it.
"""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from harvester.clock import Clock, Stop
from harvester.collection.description import budget
from harvester.collection.kinds import is_stream
from harvester.collection.secrets import without_secrets
from harvester.documents import Tree
from harvester.errors import Conflict, Exit, HarvesterError, LockLost, StoreAway
from harvester.harvest.finalize import Ending
from harvester.harvest.missed_interval import left_unheard
from harvester.harvest.pipeline import Storing
from harvester.harvest.progress import BUDGET, FAILED, STOPPED, Outcome, Progress, bug, completed
from harvester.harvest.refused_stream import Holding, gap_of
from harvester.harvest.upload_queue import Uploads
from harvester.harvest.workdir import State, Work
from harvester.networks import Batch, Client, Job, Network, Source, Stopped
from harvester.networks.budget import BudgetReached
from harvester.networks.gap import Unheard
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys, timestamp
from harvester.store.pointer import Pointer

log = logging.getLogger("twarc-cloud")

_SIGNALS = {"SIGINT": Exit.INTERRUPTED, "SIGTERM": Exit.TERMINATED}
_INBOX = 16
_SOURCE_GRACE = 10.0

# A batch, and whom to tell that it is kept; no batch when the source is through.
_Item = tuple[Batch | None, threading.Event | None]


@dataclass
class Run:
    """One harvest under a lock that is held: `store` writes only while it is."""

    store: Store
    keys: CollectionKeys
    tree: Tree
    unheard: Unheard | None
    owner: str
    client: Callable[[Tree, Progress], Client]
    network: Network
    source: Source[Any]
    settings: Settings
    work_root: Path
    clock: Clock
    stop: Stop
    uploads: Uploads
    progress: Progress
    # Of a stream: whether it waits within this harvest for a refusal of X to end; None: it never does.
    waits_for: Callable[[HarvesterError], bool] | None = None

    def __post_init__(self) -> None:
        self._inbox: queue.Queue[_Item] = queue.Queue(_INBOX)
        self._refused = threading.Event()
        self._source_error: BaseException | None = None
        self._client: Client | None = None
        self._ended_by: list[str] = []
        self.state = State(harvest="", owner=self.owner)

    def run(self) -> Outcome:
        """Collect to the end, after `claim`; what cannot be stored stays in the work folder."""
        try:
            return self._ended(self._collected())
        except LockLost as error:
            return self._kept(Outcome(FAILED, error.message, Exit.LOCKED, error.hint))
        except HarvesterError as error:
            hint = (
                f"{error.hint} What is not stored is kept in {self._work.folder} for the next start.".strip()
            )
            return self._kept(Outcome(FAILED, "; ".join([error.message, *error.problems]), Exit.ERROR, hint))
        except OSError as error:
            hint = "Make room on this disk and start again; all that was kept until then is stored then."
            reason = f"{self._work.folder} cannot be written: {error.strerror or error}"
            return self._kept(Outcome(FAILED, reason, Exit.ERROR, hint))
        except Exception as error:  # noqa: BLE001 - told to the caller as the outcome
            return self._kept(bug(error))

    def claim(self) -> None:
        """Take a harvest folder that nobody has, and say that it is in use."""
        begun = self.store.now()
        started = begun.replace(microsecond=0)
        pointer = Pointer(self.store, self.keys.checkpoint)
        while True:
            here = self.keys.harvest(started)
            state = State(harvest=timestamp(started), owner=self.owner, begun=timestamp(begun))
            # First, so that whatever comes to be in the folder has a successor who knows of it.
            pointer.write({"state": state.to_tree()})
            self._record = Pointer(self.store, here.harvest)
            self.progress.started = self.progress.updated = state.harvest
            try:
                self._record.create(self.progress.record(state))
                break
            except Conflict:
                started += timedelta(seconds=1)
        Pointer(self.store, here.collection).create(without_secrets(self.tree))
        self._work = Work.begin(self.work_root, state)
        self.state = state
        self._storing = Storing(
            store=self.store,
            here=here,
            work=self._work,
            uploads=self.uploads,
            pointer=pointer,
            record=self._record,
            progress=self.progress,
            settings=self.settings,
            clock=self.clock,
            billed=self.billed,
        )

    # -- collecting ----------------------------------------------------------------------------------

    def _collected(self) -> Outcome:
        """Run the source to its end; everything it handed over is in the work folder."""
        threading.Thread(target=self._run_source, name="source", daemon=True).start()
        try:
            self._write()
        except (StoreAway, Conflict):
            self._keep_what_comes()
            raise
        finally:
            self._refused.set()
        # Only what is synced counts, the gaps of the last second included.
        self._storing.add(Batch(sync=True))
        return self._outcome(self._source_error)

    def _keep_what_comes(self) -> None:
        """The store failed, this disk did not: what the network hands over until the source stops is kept."""
        deadline = self.clock.elapsed() + _SOURCE_GRACE
        while self.clock.elapsed() < deadline:
            try:
                batch, done = self._inbox.get(timeout=0.5)
            except queue.Empty:
                continue
            if batch is None:
                break
            self._storing.add(batch)
            if done:
                done.set()
        self._storing.add(Batch(sync=True))

    def _run_source(self) -> None:
        try:
            if self.waits_for and is_stream(self.tree):
                holding = Holding(
                    self.network, self.waits_for, self.clock, self.stop, self._put, self.progress.waits
                )
                holding.collect(self._source, self.unheard, state=lambda: self.state)
            else:
                self._source(self.unheard)
        except BaseException as error:  # noqa: BLE001 - handed to `_outcome`, in the thread that writes
            self._source_error = error
        finally:
            self._hand((None, None))

    def _source(self, unheard: Unheard | None) -> None:
        client = self.client(self.tree, self.progress)
        client.billing.budget = budget(self.tree, setting=self.settings.budget_usd)
        if self._client:
            client.go_on_from(self._client)
            self._client.close()
        self._client = client
        client.on_refused_field(self._note_refused_field)
        self.progress.activity = "collecting"
        self.source(
            Job(
                collection=self.tree,
                client=client,
                clock=self.clock,
                stop=self.stop,
                put=self._put,
                say=self._ended_by.append,
                waits=self.progress.waits,
                concurrency=self.settings.concurrency,
                **gap_of(unheard),
            )
        )

    def _note_refused_field(self, words: str) -> None:
        log.warning("X no longer accepts %s; the harvest goes on without.", words)
        event = self.progress.field_refused(words, at=timestamp(self.clock.now()))
        self._put(Batch(events=(event,)))

    def _put(self, batch: Batch, *, wait: bool = False) -> None:
        done = threading.Event() if wait else None
        if not self._hand((batch, done)):
            raise Stopped
        while done and not done.wait(0.5):
            if self._refused.is_set():
                raise Stopped

    def _hand(self, item: _Item) -> bool:
        while not self._refused.is_set():
            try:
                self._inbox.put(item, timeout=0.5)
            except queue.Full:
                continue
            return True
        return False

    def _write(self) -> None:
        deadline = None
        while True:
            if self.stop.requested and deadline is None:
                deadline = self.clock.elapsed() + _SOURCE_GRACE
            try:
                batch, done = self._inbox.get(timeout=0.5)
            except queue.Empty:
                self._storing.do_what_is_due()
                if deadline is not None and self.clock.elapsed() > deadline:
                    log.warning("The source did not hear the stop; ending without it.")
                    return
                continue
            if batch is None:
                return
            self._storing.add(batch)
            if done:
                done.set()
            self._storing.do_what_is_due()

    def billed(self) -> dict[str, Any]:
        """What was billed so far, by endpoint."""
        return self._client.billing.snapshot() if self._client else {}

    # -- ending --------------------------------------------------------------------------------------

    def _outcome(self, error: BaseException | None) -> Outcome:
        """How the source ended, in the words of harvest.json."""
        if error is None and not self.stop.requested:
            return completed(self.state, self._ended_by)
        if error is None or isinstance(error, Stopped):
            self.uploads.check()
            return Outcome(STOPPED, self.stop.reason, _SIGNALS.get(self.stop.reason, Exit.OK))
        if isinstance(error, HarvesterError):
            state = STOPPED if error.exit_code == Exit.RETRY_LATER else FAILED
            reason = " ".join([error.message, *error.problems])
            limit = BUDGET if isinstance(error, BudgetReached) else ""
            return Outcome(state, reason, error.exit_code, error.hint, limit, error.needs_change)
        return bug(error)

    def _ended(self, outcome: Outcome) -> Outcome:
        self.progress.activity = "storing"
        # The users are read anew for the ending; two copies of a large collection are one too many.
        self.tree = {key: value for key, value in self.tree.items() if key != "users"}
        self._storing.finish()
        # It holds the state as text, which is ten megabytes where 100,000 users were harvested.
        del self._storing
        self.uploads.put("the time of the end", self._note_end)
        self.uploads.drain()
        self.progress.outcome = outcome
        self.progress.unheard = self._left_unheard(outcome)
        self.state.billed = self.billed()
        ending = Ending(self.store, self.keys, self._work, self.tree, self.progress.record)
        for what, step in ending.steps():
            self.uploads.put(what, step)
        self.uploads.close()
        self._work.remove()
        return outcome

    def _note_end(self) -> None:
        self.progress.updated = self.progress.ended = timestamp(self.store.now())

    def _left_unheard(self, outcome: Outcome) -> Tree:
        return left_unheard(self.network, outcome, self.state, self.unheard) if is_stream(self.tree) else {}

    def _kept(self, outcome: Outcome) -> Outcome:
        """What could not be stored stays in the work folder; say so where that is possible."""
        self._refused.set()
        self.state.billed = self.billed()
        self.progress.outcome = outcome
        self.progress.unheard = self._left_unheard(outcome)
        self.progress.ended = self.progress.updated
        if outcome.exit_code != Exit.LOCKED:
            try:
                self._record.write(self.progress.record(self.state))
            except HarvesterError as error:
                log.debug("harvest.json could not be written: %s", error)
        self._work.close()
        return outcome
