"""What a source knows of a crawl of the social graph, and what it says of the lists that it has read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harvester.documents import Tree

FOLLOWERS, FOLLOWING = "followers", "following"
# The lists of each account that a crawl of a direction reads.
DIRECTIONS: Mapping[str, tuple[str, ...]] = {
    FOLLOWERS: (FOLLOWERS,),
    FOLLOWING: (FOLLOWING,),
    "both": (FOLLOWERS, FOLLOWING),
}

# How a list ends. Only a complete one is a fact; those of an account without a list say why there is none.
COMPLETE, CUT, FAILED = "complete", "cut", "failed"
PROTECTED, SUSPENDED, NOT_FOUND = "protected", "suspended", "not_found"


# Why an account has no list, in the order in which they are shown.
WITHOUT_LIST = (PROTECTED, SUSPENDED, NOT_FOUND)


def without_lists(counts: Mapping[str, int]) -> str:
    """How many have no list, by `users_<why>`: `3 without a list (2 protected, 1 not found)`; or nothing."""
    numbers = {why.replace("_", " "): counts.get(f"users_{why}", 0) for why in WITHOUT_LIST}
    kinds = ", ".join(f"{number:,} {why}" for why, number in numbers.items() if number)
    return f"{sum(numbers.values()):,} without a list ({kinds})" if kinds else ""


def chain_key(user: str, direction: str) -> str:
    """The name of a list that is not finished, in `graph.crawl.chains` of a collection."""
    return f"{user}:{direction}"


@dataclass(frozen=True)
class Waiting:
    """An account of which lists are to be read; `said` is how long its profile says they are, if known."""

    user: str
    directions: tuple[str, ...]
    said: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Earlier:
    """The last complete list of an account: the harvest that completed it, and its ids, not sorted.

    Where it has fewer distinct ids than were `received`, files of it are missing or damaged.
    """

    harvest: str
    ids: Callable[[], Iterator[str]]
    received: int


@dataclass(frozen=True)
class Edges:
    """The ids on one page of a list, for the side file; `line` is that of the page in its batch, from 1 on.

    `begun` is when the list was begun, which tells it from one of the same account that was read before.
    """

    line: int
    user: str
    direction: str
    begun: str
    ids: Sequence[str]


class Crawl(Protocol):
    """One depth of a crawl. A harvest implements it over its store, and a worker over a queue."""

    @property
    def depth(self) -> int: ...

    @property
    def is_shared(self) -> bool:
        """Whether others read the same depth, so that who waits is taken one by one."""
        ...

    def waiting(self) -> Iterator[Waiting]:
        """The accounts of this depth with lists that are not finished, in the order to be visited."""
        ...

    def chain(self, user: str, direction: str) -> Tree:
        """Where an unfinished list continues, as the source stored it; empty if it is not begun."""
        ...

    def earlier(self, user: str, direction: str) -> Earlier | None:
        """The last complete list, to compare with."""
        ...

    def received(self, user: str, direction: str) -> Iterator[str]:
        """The ids on the pages of an unfinished list that earlier harvests stored, if they can be read."""
        ...

    def finished(self, line: Tree) -> None:
        """The line of a list that ended is durable."""
        ...
