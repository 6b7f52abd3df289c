"""The network of accounts as tables show it, where it is certain to be that of the records."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harvester.exports.duplicates import KEEP
from harvester.exports.network.tally import Edge
from harvester.exports.posts import Posts
from harvester.exports.selection import Selection
from harvester.tables.posts import Doubtful

if TYPE_CHECKING:
    from harvester.tables.connections import Connections


@dataclass(frozen=True)
class TableEdges:
    """The edges that were counted in tables, in the order of the ids of both."""

    counted: "Connections"
    kinds: Sequence[str]

    def __iter__(self) -> Iterator[Edge]:
        for source, target, first, last, sample, weight, *numbers in self.counted.edges():
            kinds = {kind: number for kind, number in zip(self.kinds, numbers, strict=True) if number}
            yield Edge(source, target, weight, kinds, first, last, sample)

    def degrees(self) -> dict[str, list[int]]:
        """Of each node, the number of its edges and the sum of their weights."""
        return {node: numbers for node, *numbers in self.counted.nodes()}


def counted(posts: Posts, kinds: frozenset[str], within: ExitStack) -> TableEdges:
    """The edges of the posts, open as long as `within`; raises Doubtful, or if DuckDB is missing."""
    from harvester.tables.connections import KINDS, TABLES, connections

    if not kinds <= set(KINDS):
        raise Doubtful("hashtags are counted in records")
    condition = _condition(posts.selection)
    if not condition or posts.duplicates != KEEP:
        raise Doubtful("this selection is made of records")
    paths, places = _paths(posts, TABLES)
    return TableEdges(within.enter_context(connections(paths, places, condition, kinds)), KINDS)


def _paths(posts: Posts, names: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The files of the tables, and the files of records in their order."""
    whole = posts.whole
    if whole.tables is None:
        raise Doubtful("there are no tables")
    paths: dict[str, list[str]] = {name: [] for name in names}
    places: list[str] = []
    for keys in whole.collections:
        found = whole.tables.posts(keys, also=names, whole=True)
        if found is None:
            raise Doubtful("there are no tables of exactly these records")
        for name, listed in found.paths.items():
            paths[name] += listed
        places += found.places
    if places != [source.name for source in posts.sources] or len(set(places)) != len(places):
        raise Doubtful("there are no tables of exactly these records")
    return paths, places


def _condition(selection: Selection) -> str:
    """The SQL condition for a selection; empty if none is known to mean the same."""
    if replace(selection, since="", until="", kinds=frozenset(), included=False) != Selection():
        return ""
    parts = [] if selection.included else ["NOT included"]
    for moment, sign in ((selection.since, ">="), (selection.until, "<")):
        if moment:
            parts.append(f"created_at {sign} TIMESTAMP '{moment}'")
    if selection.kinds:
        parts.append(f"kind IN ({', '.join(map(repr, sorted(selection.kinds)))})")
    return " AND ".join(parts) or "true"
