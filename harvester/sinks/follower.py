"""What is stored is delivered in order, and a position moves on only when all before it is acknowledged."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from harvester.clock import Backoff, Clock, Stop, Stopped, timestamp
from harvester.documents import Tree
from harvester.errors import StoreAway
from harvester.sinks import DeadLetter, Message, Position, Sink, SinkAway, SinkClosed
from harvester.sinks.archive.reader import Archive
from harvester.sinks.backlog import BEHIND_AFTER, Backlog
from harvester.sinks.dead_letters import DeadLetters
from harvester.sinks.messages import Messages
from harvester.sinks.state import Figures, SinkState
from harvester.text import counted

log = logging.getLogger("twarc-cloud")

# Pauses between two looks for news: where each look is paid for, and elsewhere.
_LOOKS_BILLED, _LOOKS = 5.0, 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# The longest wait within which nothing is reported.
_REPORTS = 5.0
_AT_FIRST = Position("")
_BEHIND, _CAUGHT_UP = "behind", "caught up"


@dataclass
class Follower:
    """One run of one sink. `state` is None if no position is kept; `tell` hears how it is doing.

    From a request to `finish` on it delivers what is stored by then, and ends.
    """

    archive: Archive
    sink: Sink
    messages: Messages
    figures: Figures
    dead: DeadLetters
    backlog: Backlog
    clock: Clock
    stop: Stop
    state: SinkState | None = None
    tell: Callable[[Tree], None] = lambda _: None
    finish: Stop = field(default_factory=Stop)

    def __post_init__(self) -> None:
        self._caught_up = False
        self._since = self.clock.now()
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, jitter=True)
        lags = [note["event"] for note in self.figures.notes if note.get("event") in (_BEHIND, _CAUGHT_UP)]
        self._is_behind = lags[-1:] == [_BEHIND]

    def run(self, *, follow: bool) -> None:
        """Deliver until a stop, or, unless it is to `follow`, until all that is stored now is delivered."""
        self.stop.on_request(lambda: self.finish.request(self.stop.reason))
        try:
            while not self.stop.requested:
                # What was stored before it was asked for is in the store by now.
                is_last = not follow or self.finish.requested
                done = self._round()
                if done and is_last:
                    return
                if done:
                    is_paid = self.backlog.store.is_billed and not self.archive.is_here
                    self._wait(_LOOKS_BILLED if is_paid else _LOOKS, hears=self.finish)
        except (SinkClosed, Stopped) as error:
            log.debug("The sink ends: %s", type(error).__name__)

    def _round(self) -> bool:
        """Deliver what is next; whether there was nothing."""
        try:
            before = self.archive.position or _AT_FIRST
            lines = self.archive.read()
        except StoreAway as error:
            self._say(f"The store cannot be read: {error}")
            self._wait(self._backoff.pause())
            return False
        if not lines:
            self._caught_up = True
            self._move(self.archive.position, delivered=0)
            return True
        self._caught_up = False
        messages, dead = self.messages.of(lines, before)
        refused = self._deliver(messages, dead)
        if refused is not None:
            posts = sum(message.kind == "post" for message in messages)
            delivered = len(messages) + len(dead) - len(refused)
            self._move(lines[-1].position, delivered=delivered, posts=posts)
        return False

    def _deliver(
        self, messages: Sequence[Message], dead: Sequence[DeadLetter]
    ) -> Sequence[DeadLetter] | None:
        """The stored dead letters once all others are acknowledged; None if a stop came first."""
        refused: Sequence[DeadLetter] | None = None
        refused_at = self.clock.now()
        while not self.stop.requested:
            try:
                if self.state:
                    self.state.require()
                if refused is None:
                    refused = [*dead, *(self.sink.deliver(messages) if messages else ())]
                    refused_at = self.clock.now()
                self._bury(refused, at=refused_at)
            except SinkAway as error:
                self._away(error)
                continue
            except StoreAway as error:
                self._say(f"The store cannot be used: {error}")
                self._wait(self._backoff.pause())
                continue
            self._recovered()
            return refused
        return None

    def _away(self, error: SinkAway) -> None:
        if error.at_once:
            self._backoff.reset()
            self._write()
        else:
            self._say(error.why)
            self._wait(max(error.after, self._backoff.pause()))

    def _bury(self, letters: Sequence[DeadLetter], *, at: datetime) -> None:
        """Store them; it may be repeated with the same time, as a write whose answer was lost is."""
        if not letters:
            return
        key = self.dead.keep(letters, at=at)
        figures = self.figures
        figures.dead_letters += len(letters)
        figures.newest_dead_letters = key
        figures.note(
            "dead letter", {"id": letters[0].message.id, "reason": letters[0].reason}, at=timestamp(at)
        )
        what = f"{counted(len(letters), 'message')} refused"
        log.warning("%s, the first because: %s Stored in %s.", what, letters[0].reason, key)

    def _say(self, why: str) -> None:
        """What it waits for, once for each cause."""
        if self.figures.last_error != why:
            log.warning("%s", why)
            self.figures.note("away", {"why": why}, at=timestamp(self.clock.now()))
        self.figures.last_error = why

    def _recovered(self) -> None:
        self._backoff.reset()
        if self.figures.last_error:
            self.figures.note("recovered", {}, at=timestamp(self.clock.now()))
            self.figures.last_error = ""

    def _move(self, position: Position | None, *, delivered: int, posts: int = 0) -> None:
        figures = self.figures
        if position is None or (position == figures.position and not delivered):
            self._write()
            return
        if not figures.position or figures.position.harvest != position.harvest:
            figures.of_harvest = 0
        figures.position = position
        figures.delivered += delivered
        figures.of_harvest += posts
        if delivered:
            figures.last_delivered = timestamp(self.clock.now())
            self._since = self.clock.now()
        if self.state:
            self.state.news()
        self._write(in_hand=False)

    def _write(self, *, in_hand: bool = True) -> None:
        """Store and tell how it is doing; `in_hand` where messages may wait to be delivered."""
        try:
            if self.state:
                self.state.write_if_due()
        except StoreAway as error:
            self._say(f"The position cannot be stored: {error}")
        status = self.status()
        if self.state:
            # A replay of old posts is not late.
            self._heed_lag(status, in_hand=in_hand)
        self.tell({**status, "behind": self._is_behind})

    def _heed_lag(self, status: Tree, *, in_hand: bool) -> None:
        """Note when the sink falls behind, and when it has caught up again.

        Behind the last of an old archive it is not, although only the next look tells that there is no more.
        """
        seconds, lag = status["lag_seconds"], {name: status[name] for name in ("lag_records", "lag_seconds")}
        at = timestamp(self.clock.now())
        if not self._is_behind and seconds > BEHIND_AFTER and (in_hand or lag["lag_records"]):
            self.figures.note(_BEHIND, lag, at=at)
            # An alarm of Terraform's looks for these words.
            log.warning("The sink is behind: %s posts, %.0f s.", f"{lag['lag_records']:,}", seconds)
        elif self._is_behind and seconds <= BEHIND_AFTER / 2:
            self.figures.note(_CAUGHT_UP, lag, at=at)
            log.info("The sink has caught up.")
        else:
            return
        self._is_behind = not self._is_behind

    def status(self) -> Tree:
        """How it is doing, for /metrics."""
        figures = self.figures
        harvest = figures.position.harvest if figures.position else ""
        return {
            "delivered": figures.delivered,
            "dead_letters": figures.dead_letters,
            "lag_records": self.backlog.records(
                harvest,
                of_harvest=figures.of_harvest,
                posts=self.archive.posts,
                caught_up=self._caught_up,
            ),
            "lag_seconds": self.backlog.seconds(
                self.messages.received, since=self._since, caught_up=self._caught_up
            ),
            "last_error": figures.last_error,
            "position": figures.position.to_tree() if figures.position else None,
        }

    def _wait(self, seconds: float, *, hears: Stop | None = None) -> None:
        """Wait, and meanwhile prove that the sink is still owned and that it lives."""
        until, stop = self.clock.elapsed() + seconds, hears or self.stop
        while (left := until - self.clock.elapsed()) > 0 and not stop.requested:
            self.clock.wait(stop, min(left, _REPORTS))
            self.archive.count()
            self._write()
