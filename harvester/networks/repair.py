"""What a search can find of what a stream missed, and which classes of posts it cannot, as plain values."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from harvester.documents import Tree

# How a gap was closed: with all that was published in it, or without the classes that are named.
REPAIRED, PARTIAL = "repaired", "partial"

# The ids of the posts that the collection has of the gaps, read once what died is finished.
Known = Callable[[], AbstractSet[str]]
# The versions of the collection that count for the stream's harvest of a timestamp, the last one the current.
Used = Callable[[str], Sequence[Tree]]


def no_versions(_harvest: str) -> Sequence[Tree]:
    """So that it is not told which rules matched."""
    return ()


def span_key(since: str, until: str) -> str:
    """How the names of the searches of a span begin in `progress`."""
    return f"{since} {until}"


def gap_key(gap: Mapping[str, Any]) -> str:
    """The name in `progress` of a gap that is over."""
    return f"gap {gap['harvest']} {gap['from']} {gap['to']}{again_key(gap)}"


def again_key(gap: Mapping[str, Any]) -> str:
    """How the names of the searches for a gap end in `progress`, if it was closed before."""
    return f" again {gap['again']}" if gap.get("again") else ""


@dataclass(frozen=True)
class LiveRule:
    """A rule as the network had it, and the ids of the collection's rules that it stands for."""

    value: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """What one search asks for, and for which rules."""

    text: str
    rules: tuple[str, ...]

    def to_tree(self) -> Tree:
        return {"query": self.text, "rules": list(self.rules)}


@dataclass(frozen=True)
class OutOfReach:
    """A class of posts that the stream brings for these rules, and no search finds; `reason` in words."""

    posts: str
    rules: tuple[str, ...]
    reason: str

    def to_tree(self) -> Tree:
        return {"class": self.posts, "rules": list(self.rules), "reason": self.reason}


@dataclass(frozen=True)
class Searches:
    """The fewest queries that find what can be found of some rules."""

    queries: tuple[Query, ...] = ()
    out_of_reach: tuple[OutOfReach, ...] = ()


def merged(found: Sequence[OutOfReach]) -> tuple[OutOfReach, ...]:
    """Each class once, with all its rules; classes and rules in their order."""
    rules: dict[tuple[str, str], dict[str, None]] = {}
    for each in found:
        rules.setdefault((each.posts, each.reason), {}).update(dict.fromkeys(each.rules))
    return tuple(OutOfReach(posts, tuple(ids), reason) for (posts, reason), ids in rules.items())
