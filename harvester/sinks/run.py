"""A sink runs alone: as the owner of its position, or beside it to send stored harvests again."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from harvester.clock import Backoff, Clock, Stop, Stopped, timestamp
from harvester.collection import history
from harvester.documents import Tree
from harvester.networks.registry import network_of
from harvester.sinks import Asked, Position, Sink, SinkAway, Surroundings
from harvester.sinks.archive.reader import Archive
from harvester.sinks.backlog import Backlog
from harvester.sinks.beginning import NOW, START, moment_of, position_at
from harvester.sinks.dead_letters import DeadLetters
from harvester.sinks.enrichment import Enrichment
from harvester.sinks.follower import Follower
from harvester.sinks.messages import Messages
from harvester.sinks.opening import open_sink
from harvester.sinks.state import Figures, SinkState
from harvester.store import Store
from harvester.store.keys import CollectionKeys

log = logging.getLogger("twarc-cloud")


@dataclass
class SinkRun:
    """One process of one sink, to be run once.

    `kept` says whether its position is that in the store. `begin` is where it begins without one: `start`,
    `now` or a date. With `only`, that harvest is delivered, from its beginning. `repairs` says that `keys`
    are those of the collection's repairs.
    """

    store: Store
    keys: CollectionKeys
    collection: Tree
    asked: Asked
    work_root: Path | None
    clock: Clock
    stop: Stop
    secret: str = field(default="", repr=False)
    kept: bool = True
    begin: str = START
    only: str = ""
    repairs: bool = False
    tell: Callable[[Tree], None] = lambda _: None
    finish: Stop = field(default_factory=Stop)

    def run(self, *, follow: bool) -> Figures:
        """Deliver, and give the sink back; what it has done since its first start."""
        owner = uuid.uuid4().hex
        state = self._acquired(owner) if self.kept else None
        figures = state.figures if state else Figures()

        def note(event: str, more: Tree) -> None:
            log.warning("%s: %s", event, more.get("why", ""))
            figures.note(event, more, at=timestamp(self.clock.now()))

        try:
            around = Surroundings(self.clock, self.stop, note, self.secret, replay=not self.kept)
            sink = open_sink(self.asked, around)
            try:
                position = self._position(sink) or figures.position
                begin = START if figures.began_empty else self.begin
                archive = self._archive(position, begin, note)
                if position is None and begin == NOW and not self.only:
                    self._pass_over(archive, figures)
                    if state:
                        # Before anything is delivered: the next process would begin later than this one.
                        state.write()
                dead = DeadLetters(self.store, self.asked, owner=owner)
                backlog = Backlog(self.store, self.keys, self.clock)
                follower = Follower(
                    archive=archive,
                    sink=sink,
                    messages=self._messages(),
                    figures=figures,
                    dead=dead,
                    backlog=backlog,
                    clock=self.clock,
                    stop=self.stop,
                    state=state,
                    tell=self.tell,
                    finish=self.finish,
                )
                follower.run(follow=follow)
                archive.close()
            finally:
                sink.close()
        except Stopped:
            log.debug("A stop came before the sink had begun.")
        finally:
            if state:
                state.release()
        return figures

    def _position(self, sink: Sink) -> Position | None:
        """The position that the other side keeps, for which it is waited."""
        backoff = Backoff(1.0, 60.0, jitter=True)
        while not self.stop.requested:
            try:
                return sink.position()
            except SinkAway as error:
                log.warning("%s", error.why)
                self.clock.wait(self.stop, max(error.after, backoff.pause()))
        raise Stopped

    def _acquired(self, owner: str) -> SinkState:
        key = self.keys.sink(self.asked.name)
        state = SinkState(self.store, key, self.asked, owner=owner, clock=self.clock, stop=self.stop)
        state.acquire()
        return state

    def _archive(self, position: Position | None, begin: str, note: Callable[[str, Tree], None]) -> Archive:
        if position is None and not self.only and begin != START:
            when = self.store.now() if begin == NOW else moment_of(begin)
            position = position_at(self.store, self.keys, when)
        return Archive(
            self.store,
            self.keys,
            position=position,
            work_root=self.work_root,
            only=self.only,
            matches=bool(self.asked.settings.get("enrich")),
            note=note,
        )

    def _pass_over(self, archive: Archive, figures: Figures) -> None:
        """Have the sink begin behind all that is stored now; raises Stopped where a stop came before."""
        while archive.read():
            if self.stop.requested:
                raise Stopped
        figures.position, figures.of_harvest = archive.position, archive.posts or 0
        figures.began_empty = archive.position is None

    def _messages(self) -> Messages:
        since: datetime | None = None
        if not self.only and self.begin not in (START, NOW):
            since = moment_of(self.begin)
        network = network_of(self.collection)
        entry = self.asked.settings
        enrichment = None
        if entry.get("enrich"):
            enrichment = Enrichment(
                network,
                self.keys.id,
                partial(history.versions_used, self.store, self.keys),
                traptor_names=bool(entry.get("traptor_names")),
                backfill=self.repairs,
            )
        return Messages(self.asked, network, since=since, enrichment=enrichment)
