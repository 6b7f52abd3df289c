"""The batches that a source produces, and how they are passed on."""

from dataclasses import dataclass, field
from typing import Protocol

from harvester.documents import Tree
from harvester.networks.attribution import Matched
from harvester.networks.crawl import Edges


@dataclass(frozen=True)
class Batch:
    """A unit of work from a source: complete JSON lines, and the state that is valid once they are stored.

    `patch` is a merge patch (RFC 7396) on the collection; `changes` are entries of user_changes.json.
    """

    lines: bytes = b""
    posts: int = 0
    # For the side file: the rules that posts of these lines matched, if they are to be stored.
    matches: tuple[Matched, ...] = ()
    # The same of pages of accounts: the ids on them.
    edges: tuple[Edges, ...] = ()
    # Lines of lists.jsonl.
    lists: bytes = b""
    patch: Tree = field(default_factory=dict)
    events: tuple[Tree, ...] = ()
    users: bytes = b""
    changes: tuple[Tree, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    last_id: str = ""
    # Of a stream: every post published before this moment of the network's clock that matches has come.
    # The first says that the stream is open: one that fails before it has interrupted nothing.
    heard: str = ""
    # Must be on disk before the next one, so that nothing is requested twice.
    sync: bool = False


class Put(Protocol):
    """Hand a batch over; blocks while there is no room, and with `wait` until the batch is safe on disk."""

    def __call__(self, batch: Batch, *, wait: bool = False) -> None: ...
