"""What a dead harvest left is finished before another begins, from this machine's disk or the store."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from harvester import checkpoint, ending, history
from harvester.changeset import Tree
from harvester.checkpoint import Parts, Pointer
from harvester.collection import FILTER, without_secrets
from harvester.errors import Conflict, NotFound
from harvester.layout import SEGMENTS, CollectionKeys, HarvestKeys, moment, timestamp
from harvester.manifest import ALGORITHMS
from harvester.progress import COMPLETE, INTERRUPTED, PARTIAL, RUNNING
from harvester.store import Store
from harvester.work import EVENTS, Batch, State, Work, left_behind
from harvester.x.interruptions import undelivered_from

log = logging.getLogger("twarc-cloud")

_DIED = "the harvest died"


@dataclass(frozen=True)
class Recovered:
    """A dead harvest, whole again on this machine, to be ended.

    `used` is the collection as it was used, `record` its last harvest.json.
    """

    work: Work
    used: Tree
    record: Tree


@dataclass(frozen=True)
class Unheard:
    """A stream that nobody hears: since when, the last record before, and what became of its harvest."""

    since: datetime
    last_id: str | None
    why: str = "died"

    def to_tree(self) -> Tree:
        return {"since": timestamp(self.since), "last_id": self.last_id, "why": self.why}

    @classmethod
    def of(cls, state: State) -> "Unheard":
        """From when on posts of a stream may be missing, of whose harvest this is what was kept."""
        begun = moment(state.begun or state.harvest)
        alive = max(begun, moment(state.synced)) if state.synced else begun
        return cls(max(begun, undelivered_from(alive, state.last_id)), state.last_id or None)


def recover(
    store: Store, keys: CollectionKeys, root: Path, *, owner: str, late_after: datetime | None = None
) -> Recovered | None:
    """The harvest that died, with its files complete; None when the last one ended.

    `late_after` is when the lock of the dead one had expired, where it was taken over.
    """
    tree = checkpoint.load(store, keys)
    if tree is None:
        for left in left_behind(root):
            _let_go(store, keys, left)
        return None
    here = keys.harvest(moment(tree["state"]["harvest"]))
    if late_after:
        _remove_late(store, here, late_after)
    known = checkpoint.reached(store, here, tree)
    record = _claimed(store, keys, here, known)
    if record is None or _is_over(store, keys, record):
        ending.clear(store, keys, here)
        for left in left_behind(root):
            _let_go(store, keys, left)
        return None
    work = _work_of(store, keys, here, known, root, owner=owner)
    used = orjson.loads(store.read(here.collection).data)
    log.warning("The harvest of %s did not end; finishing it first.", work.state.harvest)
    before = _Reached.of(known)
    ending.complete(work)
    # Interrupted: another one that finished it died as well.
    if used["type"] == FILTER and record["state"] in (RUNNING, INTERRUPTED):
        _note_gap(work, _unheard_since(store, keys, work.state), store.now())
    work.remember()
    _announce(store, keys, here, work, before)
    return Recovered(work, used, record)


def _remove_late(store: Store, here: HarvestKeys, late_after: datetime) -> None:
    """Remove what was created after the dead one's lock had expired.

    If it is not dead but asleep, it takes that back when it wakes; so nobody may count on it.
    """
    written_over = {here.harvest, *map(here.manifest, ALGORITHMS)}
    for entry in list(store.entries(here.folder)):
        if entry.modified > late_after and entry.key not in written_over:
            log.warning("%s came after its harvest had lost the lock; removing it.", entry.key)
            store.remove(entry.key, version=entry.version)


@dataclass(frozen=True)
class _Reached:
    """What the checkpoint says that is in the store, as a value: the state is worked on."""

    state: orjson.Fragment
    growing: dict[str, int]
    files: frozenset[str]

    @classmethod
    def of(cls, known: State) -> "_Reached":
        return cls(
            orjson.Fragment(orjson.dumps(known.to_tree())),
            checkpoint.growing(known.sizes, known.segment),
            frozenset(file.name for file in known.finished),
        )


def _announce(store: Store, keys: CollectionKeys, here: HarvestKeys, work: Work, before: _Reached) -> None:
    """As in the harvest itself: say what comes next before it is there (checkpoint.py)."""
    _keep_side_files(store, here, work, before.growing)
    tree: Tree = {"state": work.state.to_tree()}
    further = [file for file in work.state.finished if file.name not in before.files]
    if further:
        # They are stored in their order, so that where the last one is, all are.
        tree = {"state": before.state, "closing": {"file": vars(further[-1]), **tree}}
    Pointer(store, keys.checkpoint).write(tree)


def _work_of(
    store: Store, keys: CollectionKeys, here: HarvestKeys, known: State, root: Path, *, owner: str
) -> Work:
    """The dead harvest's work folder, or one made anew; those of others are let go."""
    work = None
    for left in left_behind(root):
        if work is None and _continues(left.state, known):
            work = left
        else:
            _let_go(store, keys, left)
    return work or _fetched(store, here, known, root, owner=owner)


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


def _is_over(store: Store, keys: CollectionKeys, record: Tree) -> bool:
    """Whether that harvest died, or its finisher, when all but clearing up was done."""
    if record["state"] == RUNNING:
        return False
    return _last(store, keys).get("harvest_id") == record["harvest_timestamp"]


def unheard(store: Store, keys: CollectionKeys) -> Unheard | None:
    """Where the last harvest of a stream ended without being meant to: what no harvest has heard since."""
    last = _last(store, keys)
    if not last or last.get("state") in (COMPLETE, PARTIAL):
        return None
    try:
        record = orjson.loads(store.read(keys.harvest(moment(last["harvest_id"])).harvest).data)
    except (NotFound, KeyError):
        # Of the first version of all, which left no such record.
        return None
    if left := record.get("unheard"):
        return Unheard(moment(left["since"]), left["last_id"], left["why"])
    if last.get("state") != INTERRUPTED:
        return None
    gaps = [gap for gap in record["gaps"] if gap["reason"] == _DIED]
    return Unheard(moment(gaps[-1]["from"]), gaps[-1]["last_id_before"]) if gaps else None


def _last(store: Store, keys: CollectionKeys) -> Tree:
    try:
        last: Tree = orjson.loads(store.read(keys.last_harvest).data)
    except NotFound:
        return {}
    return last


def _unheard_since(store: Store, keys: CollectionKeys, state: State) -> Unheard:
    """From when on posts of the dead harvest's stream may be missing."""
    if not state.last_id:
        # It had got nothing yet, so that what went unheard before it still does.
        before = unheard(store, keys)
        if before:
            return before
    return Unheard.of(state)


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
    stored = {here.file(file.name) for file in known.finished}
    for entry in list(store.entries(here.file(SEGMENTS))):
        if entry.key not in stored:
            # Left by a recovery that had known more and died with its disk: nothing names that file, and
            # what is in it is asked for again, or lies in the gap that is recorded.
            store.remove(entry.key)
    return work


def _keep_side_files(store: Store, here: HarvestKeys, work: Work, kept: dict[str, int]) -> None:
    """Bring the store's copies of the side files up to date; `kept` bytes of each growing file are there."""
    for entry in list(store.entries(here.parts)):
        name, _, offset = entry.key.removeprefix(here.parts).rpartition("-")
        if int(offset) >= kept.get(name, 0):
            # Stored by the dead one too late to be counted, so that its length is nobody's.
            store.remove(entry.key)
    parts = Parts(store, here, work.folder, copied=kept)
    for name, size in work.state.sizes.items():
        parts.copy(name, size)


def _note_gap(work: Work, unheard: Unheard, until: datetime) -> None:
    gap = {
        "event": "gap",
        "from": timestamp(unheard.since),
        "to": timestamp(until),
        "reason": _DIED,
        "last_id_before": unheard.last_id,
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
        state = RUNNING
    if state == RUNNING and left.state.posts:
        log.warning("%s holds records of a harvest that is not known to have ended; kept.", left.folder)
        left.close()
    else:
        left.remove()
