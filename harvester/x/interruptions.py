"""What a stream remembers from one connection to the next: the waits, the ids, the gap."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from harvester.x.outcomes import Outcome, XError
from harvester.x.stream import StreamRead

REMEMBERED_IDS = 50_000


class Backoffs:
    """Three waits that grow apart from each other: for the network, for refusals, and for limits."""

    def __init__(self) -> None:
        self.settled()

    def settled(self) -> None:
        """A connection brought data and lasted: the next interruption is a new one."""
        self._network = 0.0
        self.answered()

    def answered(self) -> None:
        """Data came, so that no refusal is going on. A server that closes at once still is."""
        self._refused, self._limited = 2.5, 30.0

    def network(self) -> float:
        self._network = min(16.0, self._network + 0.25)
        return self._network

    def refused(self) -> float:
        self._refused = min(320.0, self._refused * 2)
        return self._refused

    def limited(self) -> float:
        self._limited = min(900.0, self._limited * 2)
        return self._limited

    def after(self, error: XError) -> float:
        if error.outcome in (Outcome.RATE_LIMITED, Outcome.TOO_MANY_CONNECTIONS):
            return error.retry_after or self.limited()
        return self.refused() if error.problem.status else self.network()


class SeenIds:
    """The last ids, at least `REMEMBERED_IDS` of them and at most twice as many."""

    def __init__(self) -> None:
        self._recent: set[str] = set()
        self._older: set[str] = set()

    def fresh(self, read: StreamRead) -> tuple[StreamRead, int]:
        """The read without the records that came before, and how many those are."""
        ids = set(read.ids)
        doubled = 0
        if len(ids) < len(read.ids) or not (ids.isdisjoint(self._recent) and ids.isdisjoint(self._older)):
            kept: dict[str, bytes] = {}
            for post_id, line in zip(read.ids, read.lines, strict=True):
                if post_id not in self._recent and post_id not in self._older:
                    kept.setdefault(post_id, line)
            doubled = len(read.ids) - len(kept)
            read = replace(read, ids=list(kept), lines=list(kept.values()))
        self._recent |= ids
        if len(self._recent) > REMEMBERED_IDS:
            self._recent, self._older = set(), self._recent
        return read, doubled


@dataclass
class Gap:
    """From the last sign of life to the opening of the connection that brought the next one."""

    start: datetime
    reason: str
    last_id: str | None
    end: datetime

    def event(self, *, first_id: str | None = None) -> dict[str, Any]:
        return {
            "event": "gap",
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "reason": self.reason,
            "last_id_before": self.last_id,
            "first_id_after": first_id,
            "seconds": round((self.end - self.start).total_seconds(), 3),
        }
