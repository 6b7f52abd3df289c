"""A connection that X was asked to recover a gap over: which posts of it are old, and whether all have come.

X delivers the last minutes again, beside what is new. What was published before a gap has come, unless X
delivered it late: so for the last seconds, what the stream remembers decides. That all of the gap came is
certain only where X went back well beyond its beginning, and has arrived at what was published since the
connection was open.
"""

from collections.abc import Container
from datetime import UTC, datetime, timedelta

from harvester.networks.gap import Gap
from harvester.networks.x.post_ids import published
from harvester.networks.x.streaming.read import StreamRead

# The normal delay between a post's publication and its delivery.
BEYOND = timedelta(seconds=30)
BACKFILL, START = "backfill_minutes", "start_time"


def asked_for(
    begin: datetime | None, minutes: int, refused: Container[str]
) -> tuple[tuple[str, str, datetime | timedelta], ...]:
    """The parameter that has X deliver again since then, or the last minutes, with its value; none else.

    A parameter that X refused, because the plan does not include it, is left out.
    """
    if begin and START not in refused:
        return ((START, f"{begin.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", begin),)
    if minutes and BACKFILL not in refused:
        return ((BACKFILL, str(minutes), timedelta(minutes=minutes)),)
    return ()


class Recovery:
    """Of one connection, opened at that moment of X's clock; `back` is how far back X was to deliver.

    Of an `inherited` gap nothing is remembered. `asked` is by what X was asked for it.
    """

    def __init__(
        self, gap: Gap, *, back: timedelta, opened: datetime, inherited: bool, asked: str = ""
    ) -> None:
        self.asked = asked
        # Whether the last records were published before the connection was open.
        self.brings_old = False
        self._since, self._opened = gap.since, opened
        self._old = gap.since if inherited else gap.since - BEYOND
        # Published when the gap began, as others may have been that did not come.
        self._last_id = gap.before if inherited else None
        self._reaches = gap.since - BEYOND > opened - back
        self._went_back = self._is_live = False

    @property
    def may_be_whole(self) -> bool:
        """Whether X was asked to go back far enough."""
        return self._reaches

    @property
    def is_whole(self) -> bool:
        """Whether all that was published in the gap has come."""
        return self._reaches and self._went_back and self._is_live

    def drop_old(self, read: StreamRead) -> list[str]:
        """Take the records that have come before the gap out of the read; the ids of those."""
        times = {post_id: published(post_id) for post_id in read.ids}
        told = [time for time in times.values() if time]
        self._went_back = self._went_back or any(time < self._since - BEYOND for time in told)
        self._is_live = self._is_live or any(time >= self._opened for time in told)
        self.brings_old = any(time < self._opened for time in told)
        old = {post_id for post_id, time in times.items() if self._is_old(post_id, time)}
        if not old:
            return []
        dropped = [post_id for post_id in read.ids if post_id in old]
        records = zip(read.ids, read.lines, strict=True)
        kept = [(post_id, line) for post_id, line in records if post_id not in old]
        read.ids, read.lines = [post_id for post_id, _ in kept], [line for _, line in kept]
        return dropped

    def _is_old(self, post_id: str, time: datetime | None) -> bool:
        return (time is not None and time < self._old) or post_id == self._last_id
