"""What a stream remembers from one connection to the next: the waits, the ids, the gap."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from harvester.layout import timestamp
from harvester.x.outcomes import Outcome, XError
from harvester.x.stream import StreamRead

REMEMBERED_IDS = 50_000
# X delivers a post within about 7 s (p99), so that what came last does not tell what was still on its way.
DELIVERY = timedelta(seconds=10)


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


def published(post_id: str) -> datetime:
    """When a post was published, which its id tells to the millisecond."""
    return datetime.fromtimestamp(((int(post_id) >> 22) + 1_288_834_974_657) / 1000, UTC)


def undelivered_from(alive_at: datetime, last_id: str | None) -> datetime:
    """The earliest publication of a post that a connection last alive at `alive_at` may have held back."""
    start = alive_at - DELIVERY
    try:
        last = published(last_id) if last_id else start
    except (ValueError, OverflowError):
        return start
    # A stream that lags behind holds back all after its last record; a clock that is off tells nothing.
    return last if alive_at - timedelta(minutes=15) < last < start else start


@dataclass
class Gap:
    """From the first post that may be lost to the opening of the connection that brought the next ones."""

    start: datetime
    reason: str
    last_id: str | None
    end: datetime

    def event(self, *, first_id: str | None = None) -> dict[str, Any]:
        return {
            "event": "gap",
            "from": timestamp(self.start),
            "to": timestamp(self.end),
            "reason": self.reason,
            "last_id_before": self.last_id,
            "first_id_after": first_id,
            "seconds": round((self.end - self.start).total_seconds(), 3),
        }
