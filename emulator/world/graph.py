"""Who follows whom among the generated accounts, at any moment of the clock.

Account n is followed in layer k, for k from 1 to its degree, by account n + step(k). The steps are the
numbers from 1 to count - 1 in a mixed order. So no list holds an account twice, and both directions are found
without an edge being stored: one account may have a million followers.
"""

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

DAY = 86_400
# The maximum number of accounts for which `following` is counted; with more it would take seconds.
COUNTED = 2_000
_BITS = (1 << 64) - 1
_HIDDEN, _LIFETIME, _DEGREE = 1, 2, 3


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Degrees by Pareto's law, `least` at least; `hubs` have as many followers as they say.

    The share `hidden` of a list is counted but never listed, like accounts that are suspended or deactivated
    at X. Each day a list loses the share `churn` of its members, and gains the same number.
    """

    exponent: float = 0.8
    least: float = 20.0
    hubs: Mapping[int, int] = field(default_factory=dict)
    hidden: float = 0.0
    churn: float = 0.0


@dataclass(frozen=True)
class Edge:
    """One entry of a list: greater positions are newer, and a position never changes."""

    position: int
    number: int


class Graph:
    """`count` accounts from `epoch` on, in seconds; explicit changes are applied on top."""

    def __init__(self, count: int, *, seed: int, shape: Shape, epoch: float) -> None:
        self.count = count
        self.shape = shape
        self.epoch = epoch
        self._seed = seed
        self._others = max(count - 1, 1)
        self._factor = next(f for f in range(self._others * 5 // 8 + 1, 0, -1) if _coprime(f, self._others))
        # Pairs of follower and followed: what was added, by its position, and what was taken away.
        self._added: dict[tuple[int, int], int] = {}
        self._gone: set[tuple[int, int]] = set()
        self._newest = self._others

    def followers(self, number: int, now: float, *, below: int | None = None) -> Iterator[Edge]:
        """The followers of an account, newest first, below the position `below`, without hidden ones."""
        yield from self._extra(below, followed=number)
        for layer in range(self._top(self._layers(number, now), below), 0, -1):
            follower = (number + self._step(layer)) % self.count
            if self._is_there(number, layer, follower, now) and not self._is_hidden(number, layer):
                yield Edge(layer, follower)

    def following(self, number: int, now: float, *, below: int | None = None) -> Iterator[Edge]:
        """The accounts that an account follows: exactly those that list it as a follower."""
        yield from self._extra(below, follower=number)
        for layer in range(self._top(self._others, below), 0, -1):
            followed = (number - self._step(layer)) % self.count
            if layer > self._layers(followed, now) or self._is_hidden(followed, layer):
                continue
            if self._is_there(followed, layer, number, now):
                yield Edge(layer, followed)

    def said(self, number: int, now: float) -> int:
        """The followers_count of the profile, which counts the hidden too."""
        layers = self._layers(number, now)
        edited = {pair[0] for pair in (*self._added, *self._gone) if pair[1] == number}
        if not self.shape.churn and not edited:
            return layers
        there = (
            self._is_there(number, layer, (number + self._step(layer)) % self.count, now)
            for layer in range(1, layers + 1)
        )
        return sum(there) + sum(followed == number for _, followed in self._added)

    def follows(self, number: int) -> int | None:
        """The following_count of the profile at the epoch; None if there are too many accounts to count."""
        return self._follows[number] if self.count <= COUNTED else None

    def add(self, follower: int, followed: int) -> None:
        """Make the account the newest in the list, regardless of the law."""
        self._gone.discard((follower, followed))
        self._newest += 1
        self._added.pop((follower, followed), None)
        self._added[follower, followed] = self._newest

    def remove(self, follower: int, followed: int) -> None:
        self._added.pop((follower, followed), None)
        self._gone.add((follower, followed))

    def _extra(
        self, below: int | None, *, follower: int | None = None, followed: int | None = None
    ) -> Iterator[Edge]:
        for (source, target), position in reversed(self._added.items()):
            if (source == follower or target == followed) and (below is None or position < below):
                yield Edge(position, target if source == follower else source)

    def _top(self, layers: int, below: int | None) -> int:
        return layers if below is None else min(layers, below - 1)

    @cached_property
    def _degrees(self) -> "array[int]":
        return array("I", map(self._degree, range(self.count)))

    @cached_property
    def _follows(self) -> "array[int]":
        counts = array("I", bytes(4 * self.count))
        for number, degree in enumerate(self._degrees):
            for layer in range(1, degree + 1):
                counts[(number + self._step(layer)) % self.count] += 1
        return counts

    def _degree(self, number: int) -> int:
        wanted = self.shape.hubs.get(number)
        if wanted is None:
            wanted = int(self.shape.least * self._unit(number, 0, _DEGREE) ** (-1 / self.shape.exponent))
        return min(wanted, self.count - 1)

    def _layers(self, number: int, now: float) -> int:
        """The newest layer that has begun."""
        degree = self._degrees[number]
        if not self.shape.churn:
            return degree
        days = max(now - self.epoch, 0.0) / DAY
        return int(min(degree + degree * self.shape.churn * days, self.count - 1))

    def _is_there(self, number: int, layer: int, follower: int, now: float) -> bool:
        pair = (follower, number)
        return pair not in self._gone and pair not in self._added and self._is_alive(number, layer, now)

    def _is_hidden(self, number: int, layer: int) -> bool:
        return 0 < self.shape.hidden > self._unit(number, layer, _HIDDEN)

    def _is_alive(self, number: int, layer: int, now: float) -> bool:
        churn = self.shape.churn
        if not churn:
            return True
        degree = self._degrees[number]
        begun = max(layer - degree, 0) / (degree * churn)
        lifetime = -math.log(self._unit(number, layer, _LIFETIME)) / churn
        return (now - self.epoch) / DAY < begun + lifetime

    def _step(self, layer: int) -> int:
        return 1 + layer * self._factor % self._others

    def _unit(self, number: int, layer: int, what: int) -> float:
        """A number above 0, at most 1, that is always the same for this entry."""
        mixed = number * 0x9E3779B97F4A7C15 + layer * 0xC2B2AE3D27D4EB4F + what * 0x165667B19E3779F9
        mixed = (mixed + self._seed * 0xD6E8FEB86659FD93) & _BITS
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & _BITS
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _BITS
        return ((mixed ^ mixed >> 31) + 1) / (_BITS + 1)


def _coprime(one: int, other: int) -> bool:
    return math.gcd(one, other) == 1


def parsed_shape(*, degrees: str, hubs: str, hidden: float, churn: float) -> Shape:
    """From `pareto:EXPONENT:LEAST` and `NUMBER:FOLLOWERS,...`; a ValueError says what is wrong."""
    law, *numbers = degrees.split(":")
    if law != "pareto" or len(numbers) != 2:
        raise ValueError(f"degrees are pareto:EXPONENT:LEAST, not {degrees}")
    pairs = [pair.split(":") for pair in hubs.split(",") if pair]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"hubs are NUMBER:FOLLOWERS, divided by commas, not {hubs}")
    if not (0 <= hidden < 1 and churn >= 0):
        raise ValueError("a hidden share is from 0 to 1, churn 0 or more")
    return Shape(
        exponent=float(numbers[0]),
        least=float(numbers[1]),
        hubs={int(number): int(followers) for number, followers in pairs},
        hidden=hidden,
        churn=churn,
    )
