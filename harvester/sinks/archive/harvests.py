"""The harvests of a collection in the order in which they began, from any one on."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from harvester.documents import object_in, text_in
from harvester.errors import NotFound
from harvester.store import Store
from harvester.store.keys import CollectionKeys, HarvestKeys

# Year, month, day, hour, minute, second.
_LEVELS = 6


def harvests_after(store: Store, keys: CollectionKeys, started: datetime | None) -> Iterator[HarvestKeys]:
    """Each harvest that began after another, or all of them; listed as far as they are taken."""
    after = f"{started.astimezone(UTC):%Y/%m/%d/%H/%M/%S}".split("/") if started else []
    for parts in _below(store, keys.harvests, [], after):
        if after and parts <= after:
            continue
        with suppress(ValueError):
            yield keys.harvest(_started(parts))


def may_have_later(store: Store, keys: CollectionKeys, harvest: str, current: str) -> bool:
    """Whether to list the harvests after one, which is paid for in a bucket; `current` runs or died."""
    if not store.is_billed or not harvest or current > harvest:
        return True
    try:
        last = object_in(store.read(keys.last_harvest).data)
    except NotFound:
        return False
    return text_in(last, "harvest_id") > harvest


def harvest_at(store: Store, keys: CollectionKeys, when: datetime) -> HarvestKeys | None:
    """The newest harvest that had begun at a moment; None if there was none."""
    return next(harvests_back(store, keys, when), None)


def harvests_back(store: Store, keys: CollectionKeys, when: datetime | None = None) -> Iterator[HarvestKeys]:
    """The harvests that had begun at a moment, or all, the newest first; listed as far as they are taken."""
    upto = f"{when.astimezone(UTC):%Y/%m/%d/%H/%M/%S}".split("/") if when else ["9999"]
    for parts in _back(store, keys.harvests, [], upto):
        yield keys.harvest(_started(parts))


def _back(store: Store, prefix: str, parts: list[str], upto: list[str]) -> Iterator[list[str]]:
    if len(parts) == _LEVELS:
        with suppress(ValueError):
            _started(parts)
            yield parts
        return
    for name in sorted(store.folders(prefix), reverse=True):
        found = [*parts, name]
        if _is_part(name, len(parts)) and found <= upto[: len(found)]:
            yield from _back(store, f"{prefix}{name}/", found, upto)


def _started(parts: list[str]) -> datetime:
    return datetime.strptime("/".join(parts) + "+0000", "%Y/%m/%d/%H/%M/%S%z")


def _below(store: Store, prefix: str, parts: list[str], after: list[str]) -> Iterator[list[str]]:
    if len(parts) == _LEVELS:
        yield parts
        return
    for name in sorted(store.folders(prefix)):
        found = [*parts, name]
        # A folder that is not part of a date belongs to another program.
        if _is_part(name, len(parts)) and found >= after[: len(found)]:
            yield from _below(store, f"{prefix}{name}/", found, after)


def _is_part(name: str, level: int) -> bool:
    return name.isascii() and name.isdigit() and len(name) == (4 if level == 0 else 2)
