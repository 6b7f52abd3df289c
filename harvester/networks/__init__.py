"""What a network of posts gives to a harvest: the contract that X keeps, and any other network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from harvester.clock import Clock, Stop
from harvester.documents import Tree
from harvester.networks.gap import Heard, Unheard, impossible

if TYPE_CHECKING:
    from harvester.networks.budget import Billing


class Stopped(Exception):
    """A stop was asked for while waiting or reading; nothing is wrong."""


@dataclass(frozen=True)
class Batch:
    """What a source hands over at once: whole JSON lines, and what is known once they are kept.

    `patch` is a merge patch (RFC 7396) on the collection; `changes` are entries of user_changes.json.
    """

    lines: bytes = b""
    posts: int = 0
    patch: Tree = field(default_factory=dict)
    events: tuple[Tree, ...] = ()
    users: bytes = b""
    changes: tuple[Tree, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    last_id: str = ""
    # Of a stream: every post published before this moment of the network's clock that matches has come.
    heard: str = ""
    # To be on disk before the next one, so that nothing is asked for twice.
    sync: bool = False


class Put(Protocol):
    """Hand a batch over; blocks while there is no room, and with `wait` until the batch is safe on disk."""

    def __call__(self, batch: Batch, *, wait: bool = False) -> None: ...


class Client:
    """The connection of one harvest to its network; threads may share it."""

    billing: "Billing"

    def go_on_from(self, before: "Client") -> None:
        """Take the place of another client of the same harvest, and count what it was billed."""
        self.billing.go_on_from(before.billing)

    def on_refused_field(self, hear: Callable[[str], None]) -> None:
        """Tell `hear` of each field that the network no longer accepts."""

    def close(self) -> None:
        """Give up all connections."""


C = TypeVar("C")


@dataclass(frozen=True)
class Job(Generic[C]):
    """What a source needs to know. `gap_from` is set where a stream before this one died unheard.

    `say` takes why a source is through before the network was, `waits` what it waits for and how long.
    """

    collection: Tree
    client: C
    clock: Clock
    stop: Stop
    put: Put
    say: Callable[[str], None]
    waits: Callable[[str, float], None]
    concurrency: int = 32
    gap_from: datetime | None = None
    last_id: str = ""
    gap_why: str = "the harvest before died"


# Runs in a thread of its own, hands what it gets to `job.put`, and returns when it is through. It raises
# `Stopped` when a stop was asked for, and a HarvesterError when the network refuses for good.
Source = Callable[[Job[C]], None]


class Network:
    """What is known of one network. What stands here holds for one without keys, prices and timed ids."""

    # As a collection names it, and as messages do.
    name: ClassVar[str]
    title: ClassVar[str]
    # How much later a post may come than one that was published after it.
    delivery: ClassVar[timedelta] = timedelta()

    def source(self, kind: str) -> Source[Any]:
        """The source of a kind of collection."""
        raise NotImplementedError

    # -- ids ---------------------------------------------------------------------------------------

    def published(self, post_id: str | None) -> datetime | None:
        """When a post was published, as far as its id tells."""
        return None

    # -- gaps --------------------------------------------------------------------------------------

    def missed(self, heard: Heard) -> Unheard | None:
        """What may be missing of a stream whose harvest ended there.

        None where nothing is, as the next harvest has it replayed from a position that the patch keeps.
        """
        return Unheard.of(heard)

    def why_impossible(self, gap: Mapping[str, Any]) -> str:
        """Why an event of a gap cannot be true; empty where nothing speaks against it."""
        return impossible(gap, self.published, delivery=self.delivery)
