"""How far a sink is behind the archive: in posts, and in seconds."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from harvester.clock import Clock, moment, timestamp
from harvester.errors import HarvesterError
from harvester.sinks.archive.contents import posts_of
from harvester.sinks.archive.harvests import harvests_after
from harvester.store import Store
from harvester.store.keys import CollectionKeys

# How often the harvests that follow are counted, where listing them is paid for and elsewhere.
_COUNTED_EVERY_BILLED, _COUNTED_EVERY = 600.0, 30.0

# A sink is behind once what it delivered last was received longer ago than this, and no longer once it is
# within half of it.
BEHIND_AFTER = 600.0


@dataclass
class Backlog:
    """Of one sink, counted anew now and then while it catches up."""

    store: Store
    keys: CollectionKeys
    clock: Clock
    # The posts of each harvest that began after the one at which they were counted last.
    _later: dict[str, int] = field(default_factory=dict)
    _counted_at: float = float("-inf")

    def records(self, harvest: str, *, of_harvest: int, posts: int | None, caught_up: bool) -> int:
        """Posts that are stored and not delivered: `of_harvest` of the `posts` of one harvest are."""
        if caught_up:
            return 0
        return max(0, (posts or 0) - of_harvest) + self._later_than(harvest)

    def seconds(self, received: str, *, since: datetime, caught_up: bool) -> float:
        """How long ago what was delivered last was received; where it does not say, since when it waits."""
        if caught_up:
            return 0.0
        return round(max(0.0, (self.clock.now() - (_moment(received) or since)).total_seconds()), 1)

    def _later_than(self, harvest: str) -> int:
        wait = _COUNTED_EVERY_BILLED if self.store.is_billed else _COUNTED_EVERY
        if self.clock.elapsed() - self._counted_at >= wait:
            self._counted_at = self.clock.elapsed()
            # A figure is no reason to stop; the next count may succeed.
            with suppress(HarvesterError):
                self._later = self._counted(harvest)
        return sum(posts for name, posts in self._later.items() if name > harvest)

    def _counted(self, harvest: str) -> dict[str, int]:
        found = harvests_after(self.store, self.keys, moment(harvest) if harvest else None)
        return {timestamp(here.started): posts_of(self.store, here) or 0 for here in found}


def _moment(text: str) -> datetime | None:
    try:
        return moment(text) if text else None
    except ValueError:
        return None
