"""A rule comes into force some seconds after it was added, and leaves it as long after it was deleted."""

import heapq
from dataclasses import dataclass
from random import Random
from typing import Generic, Protocol, TypeVar

from emulator.clock import Clock, iso

# With variety each change takes its own share of the delay, which stays the longest that X names.
LEAST_SHARE = 0.2


class Named(Protocol):
    @property
    def id(self) -> int: ...
    def shown(self) -> dict[str, str]: ...


R = TypeVar("R", bound=Named)


@dataclass
class Life(Generic[R]):
    """One rule, from when it was added until posts no longer match it."""

    rule: R
    added: float
    since: float
    deleted: float | None = None
    until: float | None = None

    def told(self) -> dict[str, str | None]:
        moments = {name: getattr(self, name) for name in ("added", "since", "deleted", "until")}
        return {**self.rule.shown(), **{name: at and iso(at) for name, at in moments.items()}}


class InForce(Generic[R]):
    """`version` grows whenever another set of rules is in force, for those who keep what matched."""

    def __init__(self, clock: Clock, *, delay: float, vary: int | None) -> None:
        self._clock, self._delay = clock, delay
        self._random = None if vary is None else Random(vary)
        self._lives: dict[int, Life[R]] = {}
        self._now: dict[int, R] = {}
        # The rules whose turn comes, with the moment.
        self._due: list[tuple[float, int]] = []
        self._version = 0

    def add(self, rule: R) -> None:
        now = self._clock.now()
        self._lives[rule.id] = Life(rule, now, now + self._takes())
        heapq.heappush(self._due, (self._lives[rule.id].since, rule.id))

    def delete(self, rule: R) -> None:
        life, now = self._lives[rule.id], self._clock.now()
        life.deleted, life.until = now, now + self._takes()
        heapq.heappush(self._due, (life.until, rule.id))

    def _takes(self) -> float:
        return self._delay * (self._random.uniform(LEAST_SHARE, 1.0) if self._random else 1.0)

    def all(self) -> list[R]:
        """The rules that a post of this moment may match, in the order in which they were added."""
        self._pass_time()
        return list(self._now.values())

    @property
    def version(self) -> int:
        self._pass_time()
        return self._version

    def lives(self) -> list[Life[R]]:
        """Of every rule there ever was."""
        return list(self._lives.values())

    def _pass_time(self) -> None:
        now, changed = self._clock.now(), False
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)
            changed = True
        if changed:
            self._now = {number: life.rule for number, life in self._lives.items() if _holds(life, now)}
            self._version += 1


def _holds(life: Life[R], now: float) -> bool:
    return life.since <= now and (life.until is None or now < life.until)
