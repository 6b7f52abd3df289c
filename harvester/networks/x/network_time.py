"""What time it is at X, within bounds: by the `Date` of its answers and the ids of posts that just came.

Posts are dated by X. This machine's clock may be off by any amount; it is only asked where X tells no time.
"""

import threading
from datetime import UTC, datetime, timedelta

from harvester.clock import Clock, http_date
from harvester.networks.x.post_ids import published

# A post whose id is further from X's clock than this was made by something that is not X.
_PLAUSIBLE = timedelta(minutes=15)
# Seconds by which the clock of the machine that answers may differ from that of the one that dates posts.
_APART = 1.0


class NetworkTime:
    """Bounds on X's clock, held as how far it is ahead of `Clock.elapsed`; many threads may tell it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._bounds: tuple[float, float] | None = None

    def heard(self, date: str | None, *, sent: float) -> None:
        """An answer came just now with this `Date`, to a request sent when `Clock.elapsed` was `sent`."""
        told = http_date(date)
        if told is None:
            return
        moment = told.timestamp()
        # Whole seconds, of some moment between the request and its answer.
        low, high = moment - _APART - self._clock.elapsed(), moment + 1.0 + _APART - sent
        with self._lock:
            before = self._bounds or (low, high)
            if max(low, before[0]) <= min(high, before[1]):
                self._bounds = max(low, before[0]), min(high, before[1])
            else:
                # X's machines disagree, or ours did not count the time it slept: the next answer will tell.
                self._bounds = min(low, before[0]), max(high, before[1])

    def saw(self, post_id: str) -> None:
        """A post came just now, so that it is at least as late as when that was published."""
        moment = published(post_id)
        if moment is None or not self.is_plausible(moment):
            return
        ahead = moment.timestamp() - self._clock.elapsed()
        with self._lock:
            if self._bounds:
                self._bounds = max(ahead, self._bounds[0]), max(ahead, self._bounds[1])

    def is_plausible(self, moment: datetime) -> bool:
        """Whether a post that just came may have been published then."""
        return self.earliest() - _PLAUSIBLE < moment < self.latest() + _PLAUSIBLE

    def is_published(self, post_id: str) -> bool:
        """Whether a post of this id can be there by now, by X's clock or else by ours."""
        moment = published(post_id)
        return moment is None or moment < max(self.latest(), self._clock.now()) + _PLAUSIBLE

    def earliest(self, at: float | None = None) -> datetime:
        """It was no earlier at X when this machine's clock counted `at` seconds, or than it is now."""
        return self._moment(0, at)

    def latest(self, at: float | None = None) -> datetime:
        """It was no later than this."""
        return self._moment(1, at)

    def _moment(self, bound: int, at: float | None) -> datetime:
        elapsed = self._clock.elapsed()
        with self._lock:
            bounds = self._bounds
        if bounds is None:
            return self._clock.now() - timedelta(seconds=elapsed - (elapsed if at is None else at))
        return datetime.fromtimestamp(bounds[bound] + (elapsed if at is None else at), UTC)
