"""What a dead harvest left is finished before another begins, from this machine's disk or the store."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from harvester import checkpoint, ending, history
from harvester.changeset import Tree
from harvester.checkpoint import Pointer
from harvester.collection import FILTER, without_secrets
from harvester.errors import Conflict, NotFound
from harvester.layout import CollectionKeys, HarvestKeys, moment, timestamp
from harvester.store import Store
from harvester.work import EVENTS, Batch, State, Work, left_behind

log = logging.getLogger("twarc-cloud")

# X delivers 99 of 100 posts within 7 s: what was posted in the last seconds before a death may be missing.
_DELIVERY = timedelta(seconds=10)
_EPOCH_MS = 1288834974657


@dataclass(frozen=True)
class Recovered:
    """A dead harvest, whole again on this machine, to be ended.

    `used` is the collection as it was used, `record` its last harvest.json; `gap_from` is since when a stream
    went unheard.
    """

    work: Work
    used: Tree
    record: Tree
    gap_from: datetime | None
    last_id: str


def recover(store: Store, keys: CollectionKeys, root: Path, *, owner: str) -> Recovered | None:
    """The harvest that died, with its files complete; None when the last one ended."""
    tree = checkpoint.load(store, keys)
    if tree is None:
        for left in left_behind(root):
            _let_go(store, keys, left)
        return None
    here = keys.harvest(moment(tree["state"]["harvest"]))
    known = checkpoint.reached(store, here, tree)
    record = _claimed(store, keys, here, known)
    if record is None:
        store.remove(keys.checkpoint)
        return None
    work = None
    for left in left_behind(root):
        if work is None and _continues(left.state, known):
            work = left
        else:
            _let_go(store, keys, left)
    if work is None:
        work = _fetched(store, here, known, root, owner=owner)
    used = orjson.loads(store.read(here.collection).data)
    log.warning("The harvest of %s did not end; finishing it first.", work.state.harvest)
    _complete(store, keys, known, work)
    gap_from = None
    if used["type"] == FILTER:
        gap_from = unheard_since(work.state)
        _note_gap(work, gap_from, store.now())
    return Recovered(work, used, record, gap_from, work.state.last_id)


def _claimed(store: Store, keys: CollectionKeys, here: HarvestKeys, known: State) -> Tree | None:
    """The dead harvest's harvest.json, if it had got its folder, which then holds the collection as used."""
    try:
        record: Tree = orjson.loads(store.read(here.harvest).data)
    except NotFound:
        return None
    if record["owner"] != known.owner:
        return None
    # Died before it kept its own copy, and so before it asked for anything.
    with suppress(Conflict):
        used = orjson.loads(history.read(store, keys).data)
        Pointer(store, here.collection).create(without_secrets(used))
    return record


def unheard_since(state: State) -> datetime:
    """From when on posts of the stream may be missing."""
    synced = moment(state.synced or state.harvest) - _DELIVERY
    if state.last_id:
        created = datetime.fromtimestamp(((int(state.last_id) >> 22) + _EPOCH_MS) / 1000, UTC)
        return max(created, synced)
    return max(synced, moment(state.harvest))


def _continues(left: State, known: State) -> bool:
    """Whether a work folder is that of the dead harvest, and agrees on the files that are stored."""
    stored = {file.name: file for file in known.finished}
    return (
        left.owner == known.owner
        and left.harvest == known.harvest
        and all(stored.get(file.name, file) == file for file in left.finished)
        and not (left.segment and left.segment["name"] in stored)
    )


def _fetched(store: Store, here: HarvestKeys, known: State, root: Path, *, owner: str) -> Work:
    """The work folder anew, for its machine is gone."""
    # The state keeps the name of its owner; the folder gets ours, for the other may still exist, asleep.
    work = Work.begin(root, known, owner=owner)
    checkpoint.fetch_parts(store, here, known, work.folder)
    if known.segment:
        # Left by a recovery that had known more and died with its disk: nothing names that file, and what
        # is in it is asked for again, or lies in the gap that is recorded.
        store.remove(here.file(known.segment["name"]))
    return work


def _complete(store: Store, keys: CollectionKeys, known: State, work: Work) -> None:
    before = known.to_tree()
    whole = ending.complete(work)
    if whole:
        # As in the harvest itself: say which file comes next before it is there (checkpoint.py).
        closing = {"file": vars(whole), "state": work.state.to_tree()}
        Pointer(store, keys.checkpoint).write({"state": before, "closing": closing})


def _note_gap(work: Work, since: datetime, until: datetime) -> None:
    gap = {
        "event": "gap",
        "from": timestamp(since),
        "to": timestamp(until),
        "reason": "the harvest died",
        "last_id_before": work.state.last_id or None,
        "first_id_after": None,
    }
    path = work.path(EVENTS)
    with path.open("ab") as file:
        file.write(orjson.dumps(gap, option=orjson.OPT_APPEND_NEWLINE))
    work.state.sizes[EVENTS] = path.stat().st_size
    work.state.learn(Batch(events=(gap,)))


def _let_go(store: Store, keys: CollectionKeys, left: Work) -> None:
    """A work folder that no checkpoint speaks of: over, unless its harvest is not known to have ended."""
    here = keys.harvest(moment(left.state.harvest))
    try:
        state = orjson.loads(store.read(here.harvest).data)["state"]
    except NotFound:
        state = "running"
    if state == "running" and left.state.posts:
        log.warning("%s holds records of a harvest that is not known to have ended; kept.", left.folder)
        left.close()
    else:
        left.remove()
