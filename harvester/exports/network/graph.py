"""The network in all posts: its edges, and the nodes that remain within the limits."""

import heapq
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

from harvester.errors import HarvesterError
from harvester.exports.network.edges import edges
from harvester.exports.network.from_tables import TableEdges, counted
from harvester.exports.network.tally import Edge, Tally, degrees
from harvester.exports.posts import Posts
from harvester.tables.posts import Doubtful

log = logging.getLogger("twarc-cloud")

TABLES, RECORDS = "tables", "records"
USER, HASHTAG = "user", "hashtag"


@dataclass(frozen=True)
class Limits:
    """The limits of edges and nodes, applied in this order; 0 is no limit."""

    between_collected: bool = False
    min_weight: int = 0
    min_degree: int = 0
    top: int = 0


class Node(NamedTuple):
    """An account or a hashtag, with the number of its edges and the sum of their weights."""

    id: str
    label: str
    kind: str
    degree: int
    weight: int


class Graph:
    """The nodes are in memory, about 300 bytes each; the edges are on disk."""

    def __init__(
        self,
        tally: Tally | TableEdges,
        names: dict[str, str],
        collected: set[str],
        limits: Limits,
        source: str,
    ) -> None:
        self._tally, self._names, self._collected, self._limits = tally, names, collected, limits
        # Where they were counted: TABLES or RECORDS.
        self.source = source
        self._degrees: dict[str, list[int]] = {}
        self._find_nodes()

    def nodes(self) -> Iterator[Node]:
        """In the order of their ids."""
        for node in sorted(self._degrees):
            kind = HASHTAG if node.startswith("#") else USER
            yield Node(node, self._names.get(node) or node, kind, *self._degrees[node])

    def edges(self) -> Iterator[Edge]:
        """Those between the nodes, in the order of the ids of both."""
        if self._limits == Limits():
            return iter(self._tally)
        return (edge for edge in self._heavy() if self._has(edge))

    def _has(self, edge: Edge) -> bool:
        return edge.source in self._degrees and edge.target in self._degrees

    def _heavy(self) -> Iterator[Edge]:
        limits = self._limits
        for edge in self._tally:
            if edge.weight < limits.min_weight:
                continue
            if not limits.between_collected or {edge.source, edge.target} <= self._collected:
                yield edge

    def _find_nodes(self) -> None:
        limits = self._limits
        all_edges = not limits.min_weight and not limits.between_collected
        self._degrees = self._tally.degrees() if all_edges else degrees(self._heavy())
        if self._limits.min_degree:
            self._keep(lambda node: self._degrees[node][0] >= self._limits.min_degree)
        if self._limits.top:
            # The heaviest nodes; equal ones by id, so that the limit is never exceeded.
            key: Callable[[str], tuple[int, str]] = lambda node: (-self._degrees[node][1], node)  # noqa: E731
            most = set(heapq.nsmallest(self._limits.top, self._degrees, key=key))
            self._keep(lambda node: node in most)

    def _keep(self, stays: Callable[[str], bool]) -> None:
        """A remaining node is kept, even if none of its edges is."""
        kept = [node for node in self._degrees if stays(node)]
        self._degrees = {node: [0, 0] for node in kept}
        found = degrees(self.edges())
        self._degrees = {node: found.get(node, [0, 0]) for node in kept}


def graph_of(posts: Posts, kinds: frozenset[str], limits: Limits, within: ExitStack) -> Graph:
    """The network, open as long as `within`: of tables where it is the same there, else of all records."""
    try:
        found = counted(posts, kinds, within)
        collected = found.counted.authors() if limits.between_collected else set()
        return Graph(found, found.counted.names(), collected, limits, TABLES)
    except (Doubtful, HarvesterError, ModuleNotFoundError) as error:
        log.debug("The network is read from records: %s", error)
        return _of_records(posts, kinds, limits, within.enter_context(Tally()))


def _of_records(posts: Posts, kinds: frozenset[str], limits: Limits, tally: Tally) -> Graph:
    names: dict[str, str] = {}
    collected: set[str] = set()
    for taken, rows in posts.groups():
        authors: dict[str, str] = {}
        for post in rows.posts:
            authors[post.id] = max(post.author_id, authors.get(post.id, ""))
        for account in rows.accounts:
            names[account.id] = account.username
        for user, name in sorted(
            (user, name)
            for post in taken
            for user, name in zip(post.mentions, post.mention_names, strict=True)
            if user
        ):
            names.setdefault(user, name)
        for post in taken:
            if not post.included:
                collected.add(post.author_id)
            for ends, kind in edges(post, authors, kinds):
                tally.add(ends, kind, post.created_at, post.id)
    return Graph(tally, names, collected, limits, RECORDS)
