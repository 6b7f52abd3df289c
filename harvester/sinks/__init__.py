"""Stored posts are passed on to other programs by sinks, and none is lost on the way.

This is their contract. A sink follows the archive from a position of its own, so that memory is bounded, and
catching up and sending again are the same code. The archive in the store stays the truth: a sink that is away
costs it nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from harvester.clock import Clock, Stop
from harvester.documents import Tree

# What is read and delivered at once at most: lines, and bytes beyond the first line.
MOST_LINES, MOST_BYTES = 2000, 4 << 20
# Within this many seconds `deliver` returns or raises; a process whose sink does not is taken to hang.
DELIVERS_WITHIN = 60.0


class Position(msgspec.Struct, frozen=True, gc=False):
    """Everything up to and including a line has been delivered.

    `harvest` is its timestamp as `harvest.json` has it, `segment` the name of its file of records ("" before
    the first), `line` the number of lines of it, and `events` the number of lines of events.jsonl.
    """

    harvest: str
    segment: str = ""
    line: int = 0
    events: int = 0

    def to_tree(self) -> Tree:
        return {
            "harvest": self.harvest,
            "segment": self.segment,
            "line": self.line,
            "events": self.events,
        }

    @classmethod
    def from_tree(cls, tree: Any) -> "Position | None":
        """The reverse of `to_tree`; None of what is no position."""
        if not isinstance(tree, dict) or not isinstance(tree.get("harvest"), str) or not tree["harvest"]:
            return None
        found = cls(tree["harvest"], tree.get("segment", ""), tree.get("line", 0), tree.get("events", 0))
        is_whole = isinstance(found.segment, str) and all(
            type(number) is int and number >= 0 for number in (found.line, found.events)
        )
        return found if is_whole else None


class Message(msgspec.Struct, frozen=True, gc=False):
    """One post, or one gap, as it is delivered.

    `id` is the same however often it is delivered (`<collection>/<post id>`). `key` is what a topic is
    partitioned by; `subject` the post's id; `time` when it was published, or the gap began, as ISO 8601 or
    "". `value` is one JSON object without a line end. `position` holds once this message and all before it
    are delivered: of the posts of one page only the last one's is after that page.
    """

    id: str
    key: str
    kind: Literal["post", "gap"]
    subject: str
    time: str
    value: bytes
    position: Position

    def __repr__(self) -> str:
        """A text without the post, which does not belong in logs."""
        return f"Message({self.id!r}, {self.kind!r}, {self.position})"


@dataclass(frozen=True)
class DeadLetter:
    """A message that was refused for good, and why; it stands aside, so that it blocks no other."""

    message: Message
    reason: str


class SinkAway(Exception):
    """What was handed over is not delivered yet, and is to be handed over again.

    `after` is in how many seconds at the earliest, where the other side says so; `at_once` where nothing is
    wrong, and only the time was too short for all. Its words may be shown and stored, so they hold no secret.
    """

    def __init__(self, why: str, *, after: float = 0.0, at_once: bool = False) -> None:
        super().__init__(why)
        self.why, self.after, self.at_once = why, after, at_once


class SinkClosed(Exception):
    """Its reader has gone, as `head` does; nothing is wrong, and nothing further is delivered."""


class Sink(Protocol):
    """Where messages go. One thread calls it."""

    def deliver(self, messages: Sequence[Message]) -> Sequence[DeadLetter]:
        """Each message is acknowledged by the other side, or dead, when this returns.

        Raises SinkAway where that is not so within DELIVERS_WITHIN, and is then called again with the same
        messages; what it knows to be acknowledged of these it need not send again.
        """
        ...

    def position(self) -> Position | None:
        """Up to where the other side itself says that it has everything; asked once, before the first
        delivery. None: the position in the store counts.
        """
        ...

    def close(self) -> None:
        """Give up all connections; what was not acknowledged is delivered by the next process."""
        ...


@dataclass(frozen=True)
class Asked:
    """A sink that a collection asks for: an entry of its `sinks`, which is valid."""

    collection: str
    name: str
    type: str
    settings: Tree = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What sends, as a CloudEvents source."""
        return f"/collections/{self.collection}"


@dataclass(frozen=True)
class Surroundings:
    """What a sink is opened with.

    `secret` is what the entry's `secret` leads to, "" without one. `replay` is set where stored harvests are
    sent again beside the sink that follows: such a one has no position. `note` keeps an event of the sink in
    its state object and its log.
    """

    clock: Clock
    stop: Stop
    note: Callable[[str, Tree], None]
    secret: str = field(default="", repr=False)
    replay: bool = False


# What a module of sinks has under the name `opened`; raises a HarvesterError if it cannot be used at all.
Open = Callable[[Asked, Surroundings], Sink]
