"""Which rules of a collection a record matched, as those see it who know no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from harvester.documents import Tree
from harvester.networks.records import Post


@dataclass(frozen=True)
class Origin:
    """Where a record is from; `backfill` where it was asked for later, as the stream missed it."""

    collection_id: str
    harvest_id: str
    backfill: bool = False


class Matched(NamedTuple):
    """The rules that one post matched, each with `id` and `by`, of a line of a batch, from 1 on."""

    line: int
    id: str
    rules: Sequence[Tree]


class Attributor(Protocol):
    """Of one collection and the rules that were live; it changes nothing and may be asked by any thread."""

    def matched(self, record: Tree) -> list[Tree]:
        """`id` and `by` of each rule that the post of a record matched: `network`, or `local`."""

    def enriched(
        self,
        post: Post,
        origin: Origin,
        *,
        traptor_names: bool = False,
        told: bytes = b"",
    ) -> bytes:
        """The value of a post with its rules, its origin and its time; as it is where it is no post.

        All else in it stays byte by byte. With `traptor_names` the object is that of traptor, under its name.
        If the rules were stored on receipt, those are used: `told` is what `matched` returned then, as JSON.
        """
