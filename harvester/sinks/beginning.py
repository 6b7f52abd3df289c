"""Where a sink begins that has no position yet: with all there is, with a date, or now."""

import re
from contextlib import suppress
from datetime import UTC, datetime

from harvester.clock import timestamp
from harvester.errors import Exit, HarvesterError
from harvester.sinks import Position
from harvester.sinks.archive.contents import stored_contents
from harvester.sinks.archive.harvests import harvest_at
from harvester.store import Store
from harvester.store.keys import CollectionKeys, segment_order

START, NOW = "start", "now"
# What a year or a month lacks to be a date.
_REST = {len("2026"): "-01-01", len("2026-11"): "-01"}


def moment_of(text: str) -> datetime:
    """The moment that a date or a timestamp of a person means, in UTC; raises for what is none.

    Of a month or a year it is the beginning.
    """
    typed = text.strip().replace("Z", "+00:00")
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(typed + _REST.get(len(typed), ""))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    raise HarvesterError(
        f"{text!r} is not a date.", hint="Use a date such as 2026-11-23 or 2026-11-23T09:05:07.",
        exit_code=Exit.USAGE,
    )  # fmt: skip


def position_at(store: Store, keys: CollectionKeys, when: datetime) -> Position | None:
    """A position before all that came at a moment or later, and not far before; None: all there is.

    What came before the moment in the same segment follows it, too.
    """
    here = harvest_at(store, keys, when)
    if here is None:
        return None
    harvest = timestamp(here.started)
    mark = f"{when.astimezone(UTC):%Y%m%d%H%M%S}"
    files = stored_contents(store, keys, harvest).files
    before = [name for name in files if re.sub(r"\D.*", "", name.partition("-")[2]) <= mark]
    return Position(harvest, max(before, key=segment_order, default=""))
