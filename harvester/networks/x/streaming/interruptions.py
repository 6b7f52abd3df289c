"""What a stream remembers across connections: waits, ids and their order."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from harvester.clock import Backoff
from harvester.networks.gap import MissedInterval
from harvester.networks.x.errors import ApiCode, XError
from harvester.networks.x.post_ids import DELIVERY, published
from harvester.networks.x.streaming.read import StreamRead

REMEMBERED_IDS = 50_000
# X refuses good keys at times. Those it accepted are tried for as long as such hiccups last.
KEYS_SECONDS = 150.0
# A stream may be this far behind its own keep-alives.
LAG = timedelta(minutes=15)
_DELIVERY_MS = int(DELIVERY / timedelta(milliseconds=1))


# What another connection would be refused for as well.
_FATAL = {
    ApiCode.FORBIDDEN,
    ApiCode.MONTHLY_CAP,
    ApiCode.CREDITS_DEPLETED,
    ApiCode.RULES_PROBLEM,
    ApiCode.BAD_REQUEST,
}


class Backoffs:
    """Waits that grow apart from each other: for the network, for refusals, for limits, and for refused keys.

    Those for refused keys come to `patience` seconds, and to no more than `KEYS_SECONDS`.
    """

    def __init__(self, *, patience: float) -> None:
        self.network = Backoff(0.25, 16.0, step=0.25)
        self.refused = Backoff(5.0, 320.0)
        self.limited = Backoff(60.0, 900.0)
        self.keys = Backoff(5.0, 320.0)
        self._patience = self._left = min(patience, KEYS_SECONDS)

    def is_final(self, error: XError) -> bool:
        """Whether no further connection would mend it."""
        return error.outcome in _FATAL or (error.outcome is ApiCode.UNAUTHORIZED and self._left <= 0)

    def opened(self) -> None:
        """X accepted the keys: the next time that it refuses them is a new one."""
        self.keys.reset()
        self._left = self._patience

    def settled(self) -> None:
        """A connection brought data and lasted: the next interruption is a new one."""
        self.network.reset()
        self.answered()

    def answered(self) -> None:
        """Data came, so the server does not refuse. One that closes at once still does."""
        self.refused.reset()
        self.limited.reset()

    def after(self, error: XError) -> float:
        if error.outcome is ApiCode.UNAUTHORIZED:
            pause = min(self.keys.pause(), self._left)
            self._left -= pause
            return pause
        if error.outcome in (ApiCode.RATE_LIMITED, ApiCode.TOO_MANY_CONNECTIONS):
            return error.retry_after or self.limited.pause()
        return (self.refused if error.problem.status else self.network).pause()


class SeenIds:
    """The last ids, at least `REMEMBERED_IDS` of them and at most twice as many, each with its latest day.

    `charged` counts posts as X charges for them: once within a UTC day, however often they come.
    """

    def __init__(self) -> None:
        self.charged = 0
        self._recent: dict[str, date] = {}
        self._older: dict[str, date] = {}
        # Charged, and not kept: those that were unread when the last connection was left.
        self._unread: dict[str, date] = {}

    def drop_seen(self, read: StreamRead) -> int:
        """Take the records that came before out of the read; how many those are."""
        day = read.since.date()
        ids = dict.fromkeys(read.ids, day)
        dropped = repeated = 0
        if len(ids) < len(read.ids) or any(not seen.keys().isdisjoint(ids) for seen in self._days()):
            kept: dict[str, bytes] = {}
            for post_id, line in zip(read.ids, read.lines, strict=True):
                if post_id not in self._recent and post_id not in self._older:
                    kept.setdefault(post_id, line)
            dropped = len(read.ids) - len(kept)
            repeated = len(ids) - self._uncharged(ids)
            read.ids, read.lines = list(kept), list(kept.values())
        self.charged += len(ids) - repeated
        self._recent.update(ids)
        if len(self._recent) > REMEMBERED_IDS:
            self._recent, self._older = {}, self._recent
        return dropped

    def charge(self, ids: Sequence[str], day: date) -> None:
        """Count posts that came before and are not kept again: X charges for them, too, on another day."""
        again = dict.fromkeys(ids, day)
        self.charged += self._uncharged(again)
        self._recent.update(again)

    def charge_unread(self, ids: Sequence[str], day: date) -> None:
        """Count posts that were not read; if X delivers them again, they are kept."""
        unread = dict.fromkeys(ids, day)
        self.charged += self._uncharged(unread)
        self._unread = unread

    def _uncharged(self, ids: Mapping[str, date]) -> int:
        """How many of these were not charged on that day of theirs."""
        return sum(all(seen.get(each) != day for seen in self._days()) for each, day in ids.items())

    def _days(self) -> tuple[dict[str, date], ...]:
        return self._recent, self._older, self._unread


def undelivered_from(alive_at: datetime, last_id: str | None) -> datetime:
    """From when on posts may be missing where the last one that came is `last_id`.

    `alive_at` is the last sign of life. Where the id tells no time, or one long ago, what X may still have
    been delivering then counts.
    """
    last = published(last_id)
    if last and alive_at - LAG < last < alive_at + LAG:
        # A stream that lags behind holds back all after its last record.
        return last
    return alive_at - DELIVERY


class Order:
    """Which posts have come, and how far behind later ones X has delivered any of them."""

    def __init__(self) -> None:
        self._last_id: str | None = None
        self._newest, self._behind = 0, 0
        # The newest post after each of the latest reads, with its milliseconds.
        self._recent: deque[tuple[int, str]] = deque()

    def add(self, ids: Sequence[str]) -> None:
        """Take in the posts of one read in their order."""
        self._last_id = ids[-1]
        try:
            stamps = [int(post_id) >> 22 for post_id in ids]
        except ValueError:
            return
        newest = self._newest
        for stamp in stamps:
            if stamp < newest:
                self._behind = max(self._behind, newest - stamp)
            else:
                newest = stamp
        if newest == self._newest:
            return
        self._newest = newest
        self._recent.append((newest, ids[stamps.index(newest)]))
        while len(self._recent) > 1 and self._recent[1][0] <= newest - _DELIVERY_MS:
            self._recent.popleft()

    def missed(self, alive_at: datetime) -> MissedInterval:
        """What is missed if nothing comes after the sign of life at `alive_at`.

        From the last record on; earlier where records of this stream came behind later ones: by twice as much
        as any of them, but not by more than X takes to deliver.
        """
        if not self._behind or not self._recent:
            return MissedInterval(undelivered_from(alive_at, self._last_id), self._last_id)
        newest, newest_id = self._recent[-1]
        back = min(2 * self._behind, _DELIVERY_MS)
        last_id = next((known for stamp, known in reversed(self._recent) if stamp <= newest - back), None)
        since = undelivered_from(alive_at, newest_id) - timedelta(milliseconds=back)
        return MissedInterval(since, last_id)
