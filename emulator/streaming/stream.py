"""The filtered stream: delivers each post once to connected clients, and knows what was not delivered."""

import asyncio
import random
import time
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from emulator.api.errors import Problems
from emulator.clock import first_id_at, iso
from emulator.ledger import Truth
from emulator.streaming.rules import Rule, Rules
from emulator.surprises import Surprises
from emulator.views.fields import View
from emulator.views.pages import Pages
from emulator.world.world import Post, World

WRITE_BYTES = 256 << 10
WRITE_LINES = 1000
PULL_LINES = 100


@dataclass(frozen=True, slots=True)
class Record:
    """A line on its way: its bytes and where the truth knows it (-1 for what is no post)."""

    line: bytes
    index: int
    post_id: int


class Wire(Protocol):
    """Where a connection writes; raises ConnectionError when the client is gone."""

    async def write(self, data: bytes) -> None: ...


class Source(Protocol):
    """Makes posts as fast as a client reads them."""

    def pull(self, connection: "Connection", most: int) -> list[Record]: ...


@dataclass(eq=False)
class Connection:
    epoch: int
    view: View
    # Unread bytes after which the client is told that it is too slow.
    backlog: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    pending: deque[Record] = field(default_factory=deque)
    pending_bytes: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    # How the connection is to end, when it is: a name the server knows.
    ending: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    # A ghost is a client that is gone and still holds its place, for this long.
    ghost_seconds: float = 0.0
    ghost_until: float | None = None

    @property
    def ghost(self) -> bool:
        return self.ghost_until is not None

    def push(self, record: Record) -> None:
        self.pending.append(record)
        self.pending_bytes += len(record.line)
        if self.pending_bytes > self.backlog:
            self.end("SlowReader")
        self.woken.set()

    def end(self, how: str) -> None:
        self.ending = self.ending or how
        self.woken.set()
        self.over.set()

    def take(self, most: int) -> list[Record]:
        """What goes into the next write."""
        taken: list[Record] = []
        size = 0
        while self.pending and len(taken) < most and size < WRITE_BYTES:
            taken.append(self.pending.popleft())
            size += len(taken[-1].line)
        self.pending_bytes -= size
        return taken


class Stream:
    """Connections, and the posts offered to them."""

    def __init__(
        self,
        world: World,
        pages: Pages,
        truth: Truth,
        rules: Rules,
        *,
        most: int,
        keepalive: float,
        backlog: int,
        surprises: Surprises | None = None,
    ) -> None:
        self.world = world
        self.pages = pages
        self.truth = truth
        self.rules = rules
        self.most = most
        self.keepalive = keepalive
        self.backlog = backlog
        self.surprises = surprises
        # The last that went out, over whatever connection.
        self.lately: deque[Record] = deque(maxlen=10)
        self.open: dict[str, Connection] = {}
        self.source: Source | None = None
        self._epochs = 0

    def is_full(self) -> bool:
        now = time.monotonic()
        for connection in list(self.open.values()):
            if connection.ghost_until is not None and connection.ghost_until <= now:
                del self.open[connection.id]
        return len(self.open) >= self.most

    def connect(self, view: View) -> Connection:
        self._epochs += 1
        connection = Connection(self._epochs, view, self.backlog)
        self.open[connection.id] = connection
        self.truth.connections.append(
            {
                "epoch": self._epochs,
                "id": connection.id,
                "connected_at": iso(self.world.clock.now()),
                "disconnected_at": None,
                # Counted, as a moment to the millisecond does not tell which of two came first.
                "published_before": len(self.truth.stream.ids),
                "reason": None,
            }
        )
        return connection

    def recover(self, connection: Connection, *, begin: float | None) -> None:
        """Deliver the posts that were published since then, even if they were delivered before."""
        if self.surprises and (count := self.surprises.repeats_at_start()):
            for record in list(self.lately)[-count:]:
                connection.push(record)
        oldest = first_id_at(self.world.clock.now() if begin is None else begin)
        found: list[Record] = []
        for index, post_id in enumerate(self.truth.stream.ids) if begin is not None else ():
            # Generated ones are not kept.
            if post_id >= oldest and (post := self.world.post(post_id)):
                line = self.line(post, connection.view, self.rules.matching(post))
                found.append(Record(line, index, post_id))
        for record in self._in_an_order(found):
            connection.push(record)

    def _in_an_order(self, records: list[Record]) -> list[Record]:
        """Recovered posts, whose order may vary: X does not guarantee that they are sorted by id."""
        if self.world.options.vary is None:
            return records
        draw = random.Random(self.world.options.vary + len(records))
        return sorted(records, key=lambda record: (record.post_id >> 22) + draw.randrange(5_000))

    def disconnect(self, connection: Connection, reason: str) -> None:
        """The connection is over; a ghost keeps its place until it is deleted."""
        entry = (
            next(e for e in self.truth.connections if e["id"] == connection.id)
            if self.truth.connections
            else {}
        )
        entry |= {"disconnected_at": iso(self.world.clock.now()), "reason": reason}
        if connection.ghost_seconds and connection.id in self.open:
            connection.ghost_until = time.monotonic() + connection.ghost_seconds
        else:
            self.open.pop(connection.id, None)

    def kill(self, connections: Sequence[Connection]) -> None:
        for connection in connections:
            connection.end("killed")
            self.open.pop(connection.id, None)

    def living(self) -> list[Connection]:
        return [connection for connection in self.open.values() if not connection.ghost]

    def offer(self, post: Post, *, rules: Sequence[Rule] | None = None) -> None:
        """Hand a post that has just been published to every connection, once, if a rule matches it."""
        if self.world.is_hidden(post):
            return
        matched = self.rules.matching(post) if rules is None else rules
        if not matched:
            return
        living = self.living()
        if not living:
            self.truth.stream.publish(post.id, 0, post.kinds)
        for connection in living:
            self._hand(connection, post, matched)

    def _hand(self, connection: Connection, post: Post, matched: Iterable[Rule]) -> None:
        index = self.truth.stream.publish(post.id, connection.epoch, post.kinds)
        connection.push(Record(self.line(post, connection.view, matched), index, post.id))

    def replay(self) -> int:
        """Offer the loaded posts in the order of their files; how many there were."""
        order = [
            self.world.stored[post_id] for post_id in self.world.loaded_order if post_id in self.world.stored
        ]
        for post in order:
            self.offer(post)
        return len(order)

    def line(self, post: Post, view: View, matched: Iterable[Rule]) -> bytes:
        parts = [b'"data":' + post.json(view), *self.pages.expanded([post], view)]
        rules = [rule.matched() for rule in matched]
        if self.surprises:
            rules = self.surprises.matching(rules)
        parts.append(b'"matching_rules":' + orjson.dumps(rules))
        return b"{" + b",".join(parts) + b"}\r\n"


def next_records(stream: Stream, connection: Connection, room: int | None) -> list[Record]:
    """What goes into the next write, no more than `room` records where that is given."""
    if connection.pending:
        return connection.take(WRITE_LINES if room is None else room)
    return (
        stream.source.pull(connection, PULL_LINES if room is None else min(room, PULL_LINES))
        if stream.source
        else []
    )


def account(stream: Stream, connection: Connection, records: Iterable[Record]) -> None:
    """The records went out: they count as delivered and are billed."""
    delivered = [record for record in records if record.index >= 0]
    for record in delivered:
        stream.truth.stream.wrote(record.index)
    connection.sent += len(delivered)
    stream.lately.extend(delivered)
    stream.truth.bill(record.post_id for record in delivered)


def disconnect_message(problems: Problems, disconnect_type: str) -> bytes:
    """The object with which X ends a stream."""
    body: dict[str, Any] = {
        "errors": [
            {
                "title": "operational-disconnect",
                "disconnect_type": disconnect_type,
                "detail": "This stream has been disconnected for operational reasons."
                if disconnect_type != "UpstreamOperationalDisconnect"
                else "This stream has been disconnected upstream for operational reasons.",
                "type": problems.type("operational-disconnect"),
            }
        ]
    }
    return orjson.dumps(body) + b"\r\n"
