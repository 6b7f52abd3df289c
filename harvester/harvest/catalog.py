"""Finds the summaries of harvests in the store: the running one, the last one and all before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, cast

import orjson

from harvester.clock import moment
from harvester.collection import history
from harvester.documents import HarvestSummary, LockContent, checked, object_in, text_in
from harvester.errors import HarvesterError, NotFound
from harvester.harvest.heartbeat_word import STALE, word_in
from harvester.harvest.lock_content import content, holder, is_released
from harvester.harvest.progress import FAILED, INTERRUPTED, RUNNING
from harvester.store import Store
from harvester.store.keys import (
    HARVEST,
    HARVEST_2019,
    USER_CHANGES,
    CollectionKeys,
    harvest_folder,
)

# The name of 2019; docs/migrating-2019.md.
_NAMES = (HARVEST, HARVEST_2019)
_AT_ONCE = 16
_FOREIGN = "It was not written by a harvest: fix or remove it."
_DIED = "it died; the next harvest stores what it left"
_UNREADABLE = "unreadable"


def live_lock(store: Store, keys: CollectionKeys) -> LockContent | None:
    """The lock of a harvest that keeps it fresh; None if there is none."""
    return holder(store, keys.lock)


def running(store: Store, keys: CollectionKeys) -> HarvestSummary | None:
    """harvest.json of the harvest that runs; None when none does. Of a stream with its `heartbeat`."""
    held = live_lock(store, keys)
    return None if held is None else _with(held.get("heartbeat"), _reached(store, keys))


def heartbeat(store: Store, keys: CollectionKeys) -> str:
    """How a stream is, in one word; empty if none runs. STALE where it gives no sign of itself."""
    try:
        return word_in(store, store.read(keys.lock))
    except NotFound:
        return ""


def stale(store: Store, keys: CollectionKeys) -> HarvestSummary | None:
    """harvest.json of a stream that gives no sign of itself, and may not be over; None without one."""
    return _with(STALE, _reached(store, keys)) if heartbeat(store, keys) == STALE else None


def _with(word: str | None, summary: HarvestSummary) -> HarvestSummary:
    return {**summary, "heartbeat": word} if word else summary


def _reached(store: Store, keys: CollectionKeys) -> HarvestSummary:
    """harvest.json of the harvest that has the lock, as it last said."""
    try:
        known = checked(store.read(keys.checkpoint).data, keys.checkpoint, hint=_FOREIGN)
        state = known.get("state") or {}
        here = keys.harvest(moment(state["harvest"]))
        if isinstance(known.get("summary"), dict):
            # As old as the last checkpoint; where requests are billed, harvest.json is older.
            return _summary(keys, here.harvest, orjson.dumps(known["summary"]))
        return _summary(keys, here.harvest, store.read(here.harvest).data)
    except (NotFound, KeyError, TypeError, ValueError):
        # It holds the lock, and has not begun: it may be finishing a harvest that died.
        return {"collection_id": keys.id, "state": RUNNING, "activity": "starting", **_NOTHING}


_NOTHING: HarvestSummary = {"harvest_timestamp": "", "tweets": 0, "files": 0, "file_bytes": 0}


def last(store: Store, keys: CollectionKeys) -> HarvestSummary | None:
    """The summary of the last harvest that ended, also if it could not store all; None without one."""
    return _unstored(store, keys) or _pointed_to(store, keys)


def _unstored(store: Store, keys: CollectionKeys) -> HarvestSummary | None:
    """The summary of a harvest that ended and that the next one has to finish, as after a full disk."""
    with suppress(NotFound, ValueError):
        if begun := unfinished(store, keys):
            here = keys.harvest(moment(begun))
            summary = _summary(keys, here.harvest, store.read(here.harvest).data)
            # What cannot be read does not say that it has ended.
            return summary if summary["state"] not in (RUNNING, _UNREADABLE) else None
    return None


def _pointed_to(store: Store, keys: CollectionKeys) -> HarvestSummary | None:
    """The summary of the harvest that `last_harvest.json` names."""
    try:
        pointer = checked(store.read(keys.last_harvest).data, keys.last_harvest, hint=_FOREIGN)
        here = keys.harvest(moment(pointer["harvest_id"]))
    except NotFound:
        return None
    except (KeyError, TypeError, ValueError) as error:
        hint = "`harvest history` lists the harvests; the next harvest rewrites this file."
        raise HarvesterError(f"{keys.last_harvest} does not name a harvest.", hint=hint) from error
    for name in _NAMES:
        try:
            return _summary(keys, here.file(name), store.read(here.file(name)).data)
        except NotFound:
            continue
    lost: HarvestSummary = {**_NOTHING, "collection_id": keys.id, "harvest_timestamp": pointer["harvest_id"]}
    if state := text_in(pointer, "state"):
        hint = f"`collection verify {keys.id}` says what else is missing."
        return {**lost, "state": state, "reason": f"its {HARVEST} is missing", "hint": hint}
    # Of 2019: a harvest that failed left no summary, and was pointed to all the same.
    return {**lost, "state": FAILED, "folder": here.folder}


def died(store: Store, keys: CollectionKeys) -> HarvestSummary | None:
    """The summary of a harvest that died and that none has finished; None without one, or while one runs."""
    if live_lock(store, keys):
        return None
    begun = unfinished(store, keys) or _locked(store, keys)
    if not begun:
        return None
    lost: HarvestSummary = {**_NOTHING, "collection_id": keys.id, "harvest_timestamp": begun}
    try:
        here = keys.harvest(moment(begun))
        summary = _summary(keys, here.harvest, store.read(here.harvest).data)
    except (NotFound, ValueError):
        return {**_died(lost), "reason": "it died before it collected anything"}
    # It ended, and died while it cleared up.
    return _died(summary) if summary["state"] == RUNNING else None


def unfinished(store: Store, keys: CollectionKeys) -> str:
    """When the harvest began that runs, or died, or could not store all; empty without one.

    Its checkpoint names it, which goes last; what its harvest.json says may not be stored until then.
    """
    with suppress(NotFound):
        state = object_in(store.read(keys.checkpoint).data).get("state")
        return text_in(state, "harvest") if isinstance(state, dict) else ""
    return ""


def _locked(store: Store, keys: CollectionKeys) -> str:
    """When the lock was taken that a dead harvest left, if it had no checkpoint yet."""
    try:
        held = content(store.read(keys.lock))
    except NotFound:
        return ""
    # Or its checkpoint was removed already, and only the lock was left.
    is_over = any(summary.get("owner") == held.get("owner") for summary in all_of(store, keys, newest=1))
    return "" if is_released(held) or is_over else text_in(held, "acquired")


def mark(store: Store, keys: CollectionKeys) -> datetime:
    """A moment after the begin of each harvest so far, and before that of one that starts now."""
    begun = [_begun(summary) for summary in all_of(store, keys, newest=1)]
    return max([store.now() - _CLOCKS_DIFFER, *begun])


def first_after(store: Store, keys: CollectionKeys, marked: datetime) -> HarvestSummary | None:
    """The summary of the first harvest that began after a mark, and that no longer runs; None without one."""
    later = [summary for summary in all_of(store, keys, newest=_LATER) if _begun(summary) > marked]
    if not later:
        return None
    # The lock of a harvest that died elsewhere is live until it expires.
    return _died(later[-1]) if later[-1]["state"] == RUNNING else later[-1]


def has_ended_well(store: Store, keys: CollectionKeys, marked: datetime) -> bool:
    """Whether the first harvest that began after a mark did not fail; also if it stopped at a limit."""
    summary = first_after(store, keys, marked)
    return summary is not None and summary["state"] not in (FAILED, INTERRUPTED)


def _begun(summary: HarvestSummary) -> datetime:
    try:
        return moment(summary["harvest_timestamp"])
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


# Two readers of S3's clock, which names whole seconds, differ by a second and the time of an answer.
_CLOCKS_DIFFER = timedelta(seconds=3)
# How many harvests may have begun since a mark.
_LATER = 10


def all_of(store: Store, keys: CollectionKeys, *, newest: int | None = None) -> list[HarvestSummary]:
    """The summaries of the newest harvests, newest first; for a few, not all others are listed."""
    history.read(store, keys)
    top = keys.harvests
    days = [top] if newest is None else _newest_first(store, top, levels=3)
    names = (key for day in days for key in _summaries_below(store, day))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda key: (key, store.read(key).data), islice(names, newest))
        summaries = [(key, _summary(keys, key, data)) for key, data in found]
    held = live_lock(store, keys) if any(summary["state"] == RUNNING for _, summary in summaries) else None
    return [_as_it_is(store, keys, key, summary, held) for key, summary in summaries]


def _as_it_is(
    store: Store, keys: CollectionKeys, key: str, summary: HarvestSummary, held: LockContent | None
) -> HarvestSummary:
    """A summary that says running belongs to a dead harvest if another, or none, holds the lock."""
    if summary["state"] != RUNNING or (held and held.get("owner") == summary.get("owner")):
        # Where requests are billed, its harvest.json is written more rarely than its checkpoint.
        newer = running(store, keys) if store.is_billed and summary["state"] == RUNNING else None
        return newer if newer and newer["harvest_timestamp"] == summary["harvest_timestamp"] else summary
    # It may have ended since it was read.
    summary = _summary(keys, key, store.read(key).data)
    return _died(summary) if summary["state"] == RUNNING else summary


def _died(summary: HarvestSummary) -> HarvestSummary:
    return {**summary, "state": INTERRUPTED, "reason": _DIED}


def _newest_first(store: Store, prefix: str, *, levels: int) -> Iterator[str]:
    """The folders one level below: years, months, days; listed as they are taken."""
    if levels == 0:
        yield prefix
        return
    for name in sorted(store.folders(prefix), reverse=True):
        yield from _newest_first(store, f"{prefix}{name}/", levels=levels - 1)


def _summaries_below(store: Store, prefix: str) -> list[str]:
    found = (entry.key for entry in store.entries(prefix))
    return sorted(
        (key for key in found if key in {harvest_folder(key) + name for name in _NAMES}), reverse=True
    )


def _summary(keys: CollectionKeys, key: str, data: bytes) -> HarvestSummary:
    """What a harvest says of itself; one that cannot be read says that."""
    place: HarvestSummary = {"collection_id": keys.id, "folder": key.rpartition("/")[0] + "/"}
    try:
        found = checked(data, key, hint=_FOREIGN)
    except HarvesterError as error:
        return {**_NOTHING, **place, "state": _UNREADABLE, "reason": error.message}
    shaped = {name: found[name] for name, shape in _SHAPES.items() if isinstance(found.get(name), shape)}
    rest = {name: value for name, value in found.items() if name not in _SHAPES}
    return cast(HarvestSummary, {**_NOTHING, "state": "complete", **rest, **shaped, **place})


_SHAPES: dict[str, type] = {
    "harvest_timestamp": str,
    "state": str,
    "tweets": int,
    "files": int,
    "file_bytes": int,
    "gaps": list,
    "billed": dict,
}


def user_changes(store: Store, summary: HarvestSummary) -> list[dict[str, Any]] | None:
    """What became of the users in a harvest; None when it does not say."""
    try:
        found = orjson.loads(store.read(f"{summary['folder']}{USER_CHANGES}").data)
    except (NotFound, orjson.JSONDecodeError):
        return None
    return [change for change in found if isinstance(change, dict)] if isinstance(found, list) else None
