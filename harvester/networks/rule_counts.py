"""How many posts of a stream each live rule matched, in the last minutes and in all, in bounded memory."""

import threading
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from harvester.clock import Clock
from harvester.documents import Tree

_MINUTE = 60.0
# How many rules are listed; an account may have 25,000.
_LISTED = 50


@dataclass(frozen=True)
class Rates:
    """Of the slots of a window: how many in all, the most, the least and the average a second."""

    count: int = 0
    most: float = 0
    least: float = 0
    average: float = 0


class Window:
    """Events of the last `slots` slots, each `seconds` long; the newest is not over yet."""

    def __init__(self, *, slots: int, seconds: float) -> None:
        self._seconds = seconds
        self._counts = array("I", [0] * slots)
        self._newest = 0

    def add(self, count: int, *, now: float) -> None:
        at = self._turned(now)
        self._counts[at % len(self._counts)] += count

    def last(self, slots: int, *, now: float) -> list[int]:
        """The counts of the last slots, the newest first."""
        at = self._turned(now)
        return [self._counts[(at - back) % len(self._counts)] for back in range(slots)]

    def rates(self, *, now: float) -> Rates:
        counts = self.last(len(self._counts), now=now)
        seconds = self._seconds
        whole = sum(counts)
        return Rates(whole, max(counts) / seconds, min(counts) / seconds, whole / len(counts) / seconds)

    def _turned(self, now: float) -> int:
        """The number of the slot of this moment, with those emptied that it comes round to."""
        at = max(int(now / self._seconds), self._newest)
        for passed in range(min(at - self._newest, len(self._counts))):
            self._counts[(at - passed) % len(self._counts)] = 0
        self._newest = at
        return at


class _Count:
    """Of one rule."""

    def __init__(self) -> None:
        self.total = 0
        self._minute = Window(slots=4, seconds=_MINUTE / 4)
        self._hour = Window(slots=60, seconds=_MINUTE)

    def add(self, count: int, *, now: float) -> None:
        self.total += count
        self._minute.add(count, now=now)
        self._hour.add(count, now=now)

    def figures(self, *, now: float) -> Tree:
        return {
            "last_1m": sum(self._minute.last(4, now=now)),
            "last_15m": sum(self._hour.last(15, now=now)),
            "last_60m": sum(self._hour.last(60, now=now)),
            "total": self.total,
        }


class RuleCounts:
    """Of one harvest, to the second. One thread counts, any may ask."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all, self._foreign = _Count(), _Count()
        self._second = Window(slots=60, seconds=1.0)
        self._rules: dict[str, _Count] = {}
        # What came since then is taken together, as a count in all windows costs as much as several posts.
        self._waiting: Counter[tuple[str, ...]] = Counter()
        self._since = clock.elapsed()

    def add(self, matched: Mapping[tuple[str, ...], int]) -> None:
        """Posts by the rules of ours that each of them matched; none, where only those of others did."""
        now = self._clock.elapsed()
        with self._lock:
            if now - self._since >= 1.0:
                self._count_waiting()
                self._since = now
            self._waiting.update(matched)

    def figures(self) -> Tree:
        """The figures of all posts and of the rules with most of them; empty if nothing was counted."""
        now = self._clock.elapsed()
        with self._lock:
            self._count_waiting()
            if not self._all.total:
                return {}
            rates = self._second.rates(now=now)
            ranked = sorted(self._rules.items(), key=lambda each: (-each[1].total, each[0]))
            return {
                "all": self._all.figures(now=now),
                "per_second": {
                    "most": rates.most,
                    "least": rates.least,
                    "average": round(rates.average, 3),
                },
                "foreign": self._foreign.figures(now=now),
                "rules_matched": len(ranked),
                "rules": [{"id": rule, **count.figures(now=now)} for rule, count in ranked[:_LISTED]],
            }

    def _count_waiting(self) -> None:
        now = self._since
        for rules, count in self._waiting.items():
            self._all.add(count, now=now)
            self._second.add(count, now=now)
            for rule in rules:
                self._rules.setdefault(rule, _Count()).add(count, now=now)
            if not rules:
                self._foreign.add(count, now=now)
        self._waiting.clear()
