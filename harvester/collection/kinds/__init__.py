"""The kinds of collections. Code that treats one otherwise asks what it is like, not what it is called."""

from collections.abc import Mapping
from typing import Any

from harvester.collection.kinds import filter, graph, repair, search, user_timeline
from harvester.collection.kinds.kind import Kind as Kind
from harvester.collection.kinds.kind import Rules as Rules

# In the order in which templates and messages list them.
KINDS: Mapping[str, Kind] = {
    each.name: each for each in (user_timeline.KIND, filter.KIND, search.KIND, graph.KIND)
}
# With what only commands make.
ALL: Mapping[str, Kind] = {**KINDS, repair.KIND.name: repair.KIND}

STREAMS = tuple(name for name, kind in KINDS.items() if kind.is_stream)
CRAWLS = tuple(name for name, kind in KINDS.items() if kind.is_crawl)
# Their harvests end by themselves, and so may be scheduled.
FINITE = tuple(name for name, kind in KINDS.items() if not kind.is_stream)
WITH_USERS = tuple(name for name, kind in KINDS.items() if kind.has_users)


def kind_of(tree: Mapping[str, Any]) -> Kind | None:
    """The kind of a collection; None if there is none of this name."""
    name = tree.get("type")
    return ALL.get(name) if isinstance(name, str) else None


def is_stream(tree: Mapping[str, Any]) -> bool:
    kind = kind_of(tree)
    return kind is not None and kind.is_stream


def has_users(tree: Mapping[str, Any]) -> bool:
    """Whether it collects from accounts."""
    kind = kind_of(tree)
    return kind is not None and kind.has_users


def is_crawl(tree: Mapping[str, Any]) -> bool:
    """Whether it reads lists of followers."""
    kind = kind_of(tree)
    return kind is not None and kind.is_crawl
