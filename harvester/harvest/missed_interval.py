"""The interval that a stream missed because its harvest died or failed is recorded as a gap, once."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

import orjson

from harvester import text
from harvester.clock import moment
from harvester.documents import HarvestSummary, Tree
from harvester.errors import HarvesterError, NotFound, StoreAway
from harvester.harvest.progress import COMPLETE, FAILED, INTERRUPTED, PARTIAL, Outcome
from harvester.harvest.workdir import State, Work
from harvester.networks import Batch, Network
from harvester.networks.gap import MissedInterval
from harvester.store import Store, stored_at
from harvester.store.documents import document
from harvester.store.keys import EVENTS, CollectionKeys

log = logging.getLogger("twarc-cloud")

_DIED = "the harvest died"
# Stores tell their time in whole seconds.
_GRAIN = timedelta(seconds=2)


def before(store: Store, keys: CollectionKeys) -> MissedInterval | None:
    """What no harvest has received since the last one of a stream ended unintentionally."""
    try:
        return _before(store, keys)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # Damaged from outside. A stream that never began again for it would miss more.
        log.warning("Cannot tell what was missed before this harvest: %s.", text.unexpected(error))
        return None


def _before(store: Store, keys: CollectionKeys) -> MissedInterval | None:
    ended = last(store, keys)
    if not ended or ended.get("state") in (COMPLETE, PARTIAL):
        return None
    missed = ended.get("missed_interval")
    if missed or (missed is not None and ended.get("state") != INTERRUPTED):
        return MissedInterval.from_tree(missed) if missed else None
    return _in_summary(store, keys, ended)


def _in_summary(store: Store, keys: CollectionKeys, ended: Tree) -> MissedInterval | None:
    """Of harvests before `last_harvest.json` said it."""
    try:
        summary = orjson.loads(store.read(keys.harvest(moment(ended["harvest_id"])).harvest).data)
    except (NotFound, KeyError):
        # The first version of all left no such summary.
        return None
    if left := missed_in(summary):
        return MissedInterval.from_tree(left)
    if ended.get("state") != INTERRUPTED:
        return None
    gaps = [gap for gap in summary["gaps"] if gap["reason"] == _DIED]
    return MissedInterval(moment(gaps[-1]["from"]), gaps[-1]["last_id_before"]) if gaps else None


def missed_in(summary: HarvestSummary) -> Tree | None:
    """What a harvest.json says was missed; the second name is that of builds before 2.0.0."""
    return summary.get("missed_interval", summary.get("unheard"))


def left_missed(network: Network, outcome: Outcome, state: State, earlier: MissedInterval | None) -> Tree:
    """`missed_interval` of a stream's harvest.json, where it was not meant to end; else empty."""
    missed = network.missed(state)
    if outcome.was_meant or missed is None:
        return {}
    if not (state.heard or state.last_id or state.gaps):
        # The stream was never open, so it interrupted nothing; an earlier missed interval remains.
        return earlier.to_tree() if earlier else {}
    why = "failed" if outcome.state == FAILED else f"was ended ({outcome.reason})"
    return replace(missed, why=why).to_tree()


def last(store: Store, keys: CollectionKeys) -> Tree:
    """last_harvest.json; empty if no harvest has ended yet."""
    try:
        return document(store, keys.last_harvest)
    except NotFound:
        return {}
    except StoreAway:
        raise
    except HarvesterError:
        # Damaged from outside, and written anew when this harvest ends.
        log.warning("%s is damaged, so it is unknown what was missed before this harvest.", keys.last_harvest)
        return {}


def record_death(store: Store, keys: CollectionKeys, work: Work, network: Network) -> Tree:
    """Note the gap that the death of a stream's harvest left, unless an earlier finisher did.

    Where events.jsonl is stored already nothing can be added to it: its gaps are the harvest's, and what is
    not among them is returned as `missed_interval` of harvest.json, for the next harvest to tell.
    """
    state = work.state
    missed = _missed(store, keys, state, network)
    if missed is None:
        return {}
    stored = _stored_gaps(store, keys, state)
    if stored is not None:
        state.gaps = stored
        return {} if _is_recorded(state) else missed.to_tree()
    if not _is_recorded(state):
        _note_gap(work, missed, _until(store.now(), network.published(missed.last_id)))
    return {}


def _until(now: datetime, heard: datetime | None) -> datetime:
    """The end of a gap that is found now, not before the last post, which may be ahead of whole seconds."""
    return heard if heard and now < heard < now + _GRAIN else now


def _is_recorded(state: State) -> bool:
    return any(gap["reason"] == _DIED for gap in state.gaps)


def _stored_gaps(store: Store, keys: CollectionKeys, state: State) -> list[Tree] | None:
    """The gaps of the dead harvest's events.jsonl; None while it is not stored."""
    stored = stored_at(store, keys.harvest(moment(state.harvest)).events)
    if stored is None:
        return None
    try:
        return [event for event in map(orjson.loads, stored.data.splitlines()) if event.get("event") == "gap"]
    except (AttributeError, orjson.JSONDecodeError) as error:
        raise HarvesterError(
            f"The events.jsonl of {state.harvest} is damaged, so that harvest cannot be finished.",
            hint="Restore an earlier version of it.",
        ) from error


def _missed(store: Store, keys: CollectionKeys, state: State, network: Network) -> MissedInterval | None:
    """From when on posts of the dead harvest's stream may be missing."""
    # Where it had got nothing yet, what was missed before it still is.
    earlier = None if state.heard or state.last_id else before(store, keys)
    return earlier or network.missed(state)


def _note_gap(work: Work, missed: MissedInterval, until: datetime) -> None:
    gap = missed.gap(_DIED, until=until).event()
    path = work.path(EVENTS)
    with path.open("ab") as file:
        file.write(orjson.dumps(gap, option=orjson.OPT_APPEND_NEWLINE))
    work.state.sizes[EVENTS] = path.stat().st_size
    work.state.learn(Batch(events=(gap,)))
