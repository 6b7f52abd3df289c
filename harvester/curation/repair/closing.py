"""Gaps are closed in harvest.json of the harvests that recorded them, once these are over.

The repairs say what came of each gap; what is written here can be made again of them at any time.
"""

from collections.abc import Iterable
from contextlib import suppress

import orjson

from harvester.clock import moment
from harvester.curation.repair.gaps import GapKey, closed_by, gaps_of, repairs_of
from harvester.documents import HarvestSummary, Tree, written
from harvester.errors import Conflict
from harvester.harvest import catalog
from harvester.harvest.progress import RUNNING
from harvester.store import Store
from harvester.store.keys import CollectionKeys

_TRIES = 5


def close_gaps(store: Store, keys: CollectionKeys) -> list[GapKey]:
    """Say in each harvest.json that is over which of its gaps are repaired; those that were said now."""
    closed = closed_by(repairs_of(store, keys))
    if not closed:
        return []
    harvests = catalog.all_of(store, keys)
    open_now = {gap.key for gap in gaps_of(harvests) if gap.key in closed and gap.repaired != closed[gap.key]}
    told: list[GapKey] = []
    for began in dict.fromkeys(key[0] for key in sorted(open_now)):
        if _is_over(store, keys, harvests, began):
            told += _close(store, keys, began, {key: closed[key] for key in open_now if key[0] == began})
    return told


def _is_over(store: Store, keys: CollectionKeys, harvests: Iterable[HarvestSummary], began: str) -> bool:
    """Whether nothing will write its harvest.json any more."""
    states = {summary["harvest_timestamp"]: summary["state"] for summary in harvests}
    if states.get(began) == RUNNING:
        return False
    # One that died, or could not store all, is written anew by the next harvest.
    return catalog.unfinished(store, keys) != began


def _close(store: Store, keys: CollectionKeys, began: str, closed: dict[GapKey, Tree]) -> list[GapKey]:
    key = keys.harvest(moment(began)).harvest
    for _ in range(_TRIES):
        stored = store.read(key)
        summary = orjson.loads(stored.data)
        told = []
        for gap in summary["gaps"]:
            known = (began, str(gap.get("from")), str(gap.get("to")))
            if known in closed and gap.get("repaired") != closed[known]:
                gap["repaired"] = closed[known]
                told.append(known)
        if not told:
            return []
        with suppress(Conflict):
            store.replace(key, written(summary), version=stored.version)
            return told
    return []
