"""Runs the source of a collection in its own thread, which fills the inbox."""

import logging
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harvester.clock import timestamp
from harvester.collection.description import budget
from harvester.collection.kinds import is_crawl, is_stream
from harvester.documents import Collection, Tree
from harvester.errors import HarvesterError
from harvester.harvest.collection_edits import CollectionEdits
from harvester.harvest.context import Context
from harvester.harvest.crawl import SharedDepth, StoredCrawl, begin
from harvester.harvest.inbox import Inbox
from harvester.harvest.progress import Progress
from harvester.harvest.refused_stream import Holding, gap_of
from harvester.harvest.shard_move import to_spare
from harvester.harvest.workdir import State
from harvester.networks import Batch, Client, Job, Network, Source
from harvester.networks.gap import MissedInterval

log = logging.getLogger("twarc-cloud")


@dataclass
class SourceThread:
    """Started once. When the inbox has ended, `error` is what the source raised, if it did.

    `missed` is what an earlier harvest of a stream left for this one to report as a gap. `waits_for` says of
    a stream whether it waits within this harvest for a refusal to end; None: it never does.
    """

    context: Context
    # It may hold API keys.
    collection: Collection = field(repr=False)
    missed: MissedInterval | None
    client: Callable[[Collection, Progress], Client]
    network: Network
    source: Source[Any]
    waits_for: Callable[[HarvesterError], bool] | None
    inbox: Inbox = field(default_factory=Inbox)
    error: BaseException | None = None
    # Why the source ended before the network did.
    ended_by: list[str] = field(default_factory=list)
    scratch: Path = Path()
    # Of a worker: what it shares with others.
    share: Callable[[StoredCrawl], SharedDepth] | None = None
    _client: Client | None = None
    _begun: bool = False

    def __post_init__(self) -> None:
        context = self.context
        self.edits = CollectionEdits(
            context.store, context.keys, context.progress, self.collection, take_over=self._take_over
        )

    def start(self, state: State, scratch: Path) -> None:
        """Run in a thread; `scratch` is a folder that goes with the harvest, and is made when needed."""
        self.scratch = scratch
        threading.Thread(target=self._run, args=(state,), name="source", daemon=True).start()

    def billed(self) -> dict[str, Any]:
        """What was billed so far, by endpoint."""
        return self._client.billing.snapshot() if self._client else {}

    def _run(self, state: State) -> None:
        context = self.context
        try:
            if is_stream(self.collection):
                holding = Holding(
                    network=self.network,
                    waits_for=self.waits_for or _never,
                    clock=context.clock,
                    stop=context.stop,
                    put=self.inbox.put,
                    say=context.progress.waits,
                    moves=self._move,
                    ends_by_edit=self.edits.ending if self.network.changes_streams else nullcontext,
                )
                holding.collect(self._collect, self.missed, state=state)
            else:
                self._collect(self.missed)
        except BaseException as error:  # noqa: BLE001 - its outcome is made in the thread that writes
            self.error = error
        finally:
            self.inbox.end()

    def _move(self, error: HarvesterError) -> Tree | None:
        """Continue with a spare profile if the keys of a shard are refused; returns the event about it."""
        context, collection = self.context, self.edits.collection
        if not self.network.keys_refused(error):
            return None
        moved = to_spare(context.store, collection, error.message)
        if moved is None:
            return None
        log.warning("%s Moved to the spare profile %s.", error.message, moved.profile)
        self.edits.taken_over(self.edits.read())
        context.progress.moved_shard(moved.event)
        return moved.event

    def _take_over(self, collection: Collection) -> None:
        """What counts of a changed collection besides its source; keys count from the next start."""
        if self._client:
            self._client.billing.budget = budget(collection, setting=self.context.settings.budget_usd)

    def _collect(self, missed: MissedInterval | None) -> None:
        if self._begun and self.network.changes_streams:
            self.edits.catch_up()
        self._begun = True
        # As it was begun with, or as an edit left it since.
        context, collection = self.context, self.edits.collection
        client = self.client(collection, context.progress)
        if is_stream(self.collection) and self.network.one_stream_per_app:
            # Before anything is asked of the network: rules that are set count for the app's stream.
            context.hold_app(client.app)
        client.billing.budget = budget(collection, setting=context.settings.budget_usd)
        crawl = self._crawl(collection) if is_crawl(collection) else None
        if crawl:
            client.billing.budget, client.billing.limit = crawl.budget(setting=context.settings.budget_usd)
        if self._client:
            client.go_on_from(self._client)
            self._client.close()
        self._client = client
        client.on_refused_field(self._note_refused_field)
        context.progress.does("collecting")
        self.source(
            Job(
                collection=collection,
                client=client,
                clock=context.clock,
                stop=context.stop,
                put=self.inbox.put,
                say=self.ended_by.append,
                waits=context.progress.waits,
                concurrency=context.settings.concurrency,
                harvest=context.progress.started,
                rule_counts=context.rule_counts,
                edits=self.edits,
                crawl=self._shared(crawl) if crawl and crawl.is_shared else crawl,
                **gap_of(missed),
            )
        )

    def _shared(self, crawl: StoredCrawl) -> SharedDepth:
        """The crawl as a worker sees it."""
        if self.share is None:
            raise AssertionError("a worker is harvested with its shared crawl")
        shared = self.share(crawl)
        self.context.checkpoints.taken = shared.checkpoint
        self.context.checkpoints.waits = shared.waits_for_checkpoint
        return shared

    def _crawl(self, collection: Collection) -> StoredCrawl:
        """The crawl of the social graph that this harvest is a part of."""
        context = self.context
        crawl = begin(
            context.store,
            context.keys,
            collection,
            context.progress.started,
            scratch=self.scratch,
            put=self.inbox.put,
        )
        window = self.network.edges_a_second
        context.progress.crawls(crawl.summary() | ({"edges_a_second": window} if window else {}))
        return crawl

    def _note_refused_field(self, words: str) -> None:
        log.warning("%s no longer accepts %s; the harvest continues without.", self.network.title, words)
        event = self.context.progress.field_refused(words, at=timestamp(self.context.clock.now()))
        self.inbox.put(Batch(events=(event,)))


def _never(_: HarvesterError) -> bool:
    return False
