"""How a stream is, in one word: by what it hands on, and for others by its lock.

The harvest writes the word into `lock.json` with each renewal, so that it costs no request; who reads it
there sees by the age of the lock whether it still holds.
"""

from harvester.clock import Clock
from harvester.documents import text_in
from harvester.harvest import owners
from harvester.harvest.lock_content import content, expiry, is_released
from harvester.networks import Batch
from harvester.store import Store, Stored

# Posts come; none come, as the network says by signs of life; nothing is heard; there is nothing to ask for;
# the network does not accept the stream.
LIVE, QUIET, STALE, WAITING, REFUSED = "LIVE", "QUIET", "STALE", "WAITING", "REFUSED"
WORDS = (LIVE, QUIET, STALE, WAITING, REFUSED)
# With these all is as it should be: at night a stream may be quiet.
WELL = (LIVE, QUIET, WAITING)

_INTERVALS = 1.5
# A silence of this many usual pauses between two posts is more than chance.
_PAUSES = 10
# A network that does not answer refuses nothing.
_AWAY = "unavailable"


class Heartbeat:
    """Of one harvest: the thread that writes hands each batch in, and any thread may ask for the word.

    `interval` is the seconds within which the harvest gives a sign of itself.
    """

    def __init__(self, clock: Clock, *, interval: float) -> None:
        self._clock, self._longest = clock, _INTERVALS * interval
        self._begun = self._heard_at = self._post_at = clock.elapsed()
        self._posts = 0
        self._is_refused = self._is_waiting = False
        # Not of a network that gives no signs of life besides its posts, whose silence says nothing.
        self._gives_signs = True

    def take(self, batch: Batch) -> None:
        """Learn what a batch says."""
        now = self._clock.elapsed()
        for event in batch.events:
            self._hear(str(event.get("event")), away=event.get("outcome") == _AWAY)
        if batch.posts:
            self._post_at = now
            self._gives_signs = bool(batch.heard) or (self._gives_signs and self._posts > 0)
            self._posts += batch.posts
        if batch.posts or batch.heard:
            self._heard_at, self._is_refused = now, False

    def _hear(self, event: str, *, away: bool) -> None:
        if event == "refused" and not away:
            self._is_refused = True
        elif event in ("waiting", "rules"):
            self._is_waiting = event == "waiting"

    @property
    def word(self) -> str:
        now = self._clock.elapsed()
        if self._is_refused:
            return REFUSED
        if self._gives_signs and now - self._heard_at > self._longest:
            return STALE
        if self._is_waiting:
            return WAITING
        return QUIET if now - self._post_at > self._usual_silence() else LIVE

    def _usual_silence(self) -> float:
        pause = (self._post_at - self._begun) / self._posts if self._posts else 0.0
        return max(self._longest, _PAUSES * pause)


def word_in(store: Store, lock: Stored) -> str:
    """What the lock of a stream says; STALE where it was not renewed. Empty where it is of no stream.

    Empty, too, where the harvest is known to be over.
    """
    held = content(lock)
    word = text_in(held, "heartbeat")
    if not word or is_released(held) or owners.is_dead(held):
        return ""
    return word if store.now() <= expiry(lock) else STALE
