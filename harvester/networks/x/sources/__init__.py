"""Ways to collect: each kind of collection is one module here and one line in the table.

A source is called in a thread of its own, hands what it gets to `job.put` and returns when it is through. It
raises `Stopped` when a stop was asked for, and XError when the network refuses for good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from harvester.clock import Clock, Stop
from harvester.collection.description import FILTER, SEARCH, USER_TIMELINE
from harvester.documents import Tree
from harvester.networks import Batch

if TYPE_CHECKING:
    from harvester.networks.x import XClient


class Put(Protocol):
    """Hand a batch over; blocks while there is no room, and with `wait` until the batch is safe on disk."""

    def __call__(self, batch: Batch, *, wait: bool = False) -> None: ...


@dataclass(frozen=True)
class Job:
    """What a source needs to know. `gap_from` is set where a stream before this one died unheard.

    `say` takes why a source is through before the network was, `waits` what it waits for and how long.
    """

    collection: Tree
    x: "XClient"
    clock: Clock
    stop: Stop
    put: Put
    say: Callable[[str], None]
    waits: Callable[[str, float], None]
    concurrency: int = 32
    gap_from: datetime | None = None
    last_id: str = ""
    gap_why: str = "the harvest before died"


Source = Callable[[Job], None]


def source_for(kind: str) -> Source:
    """The source of a kind of collection, imported when it is needed."""
    from harvester.networks.x.sources import filter, search, user_timeline

    return {USER_TIMELINE: user_timeline.collect, SEARCH: search.collect, FILTER: filter.collect}[kind]
