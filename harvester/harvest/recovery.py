"""A dead harvest is finished before another begins, from this machine's disk or the store."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import orjson

from harvester.clock import moment, timestamp
from harvester.collection import history
from harvester.collection.kinds import is_stream
from harvester.collection.secrets import without_secrets
from harvester.documents import Checkpoint, HarvestSummary, LockContent, Tree, text_in
from harvester.documents.tail import Tail
from harvester.errors import Conflict, NotFound
from harvester.harvest import checkpoint, finalize, missed_interval
from harvester.harvest.checkpoint import Parts
from harvester.harvest.crawl import crawl_of_dead
from harvester.harvest.manifest import ALGORITHMS
from harvester.harvest.progress import INTERRUPTED, RUNNING, Outcome, Progress
from harvester.harvest.segment import Finished
from harvester.harvest.workdir import State, Work, left_behind
from harvester.networks.registry import network_of
from harvester.store import Store
from harvester.store.documents import document
from harvester.store.keys import OF_RECORDS, CollectionKeys, HarvestKeys
from harvester.store.pointer import Pointer

log = logging.getLogger("twarc-cloud")


@dataclass(frozen=True)
class Recovered:
    """A dead harvest, whole again on this machine, to be ended.

    `used` is the collection as it was used, `summary` its last harvest.json.
    """

    work: Work
    used: Tree
    summary: HarvestSummary

    @property
    def has_died(self) -> bool:
        """Whether it had not recorded how it ended; else it died, or lost its store, on the last steps."""
        return self.summary["state"] == RUNNING

    def progress(self, store: Store, keys: CollectionKeys) -> Progress:
        """Its progress up to its end, of which harvest.json is made."""
        summary = self.summary
        progress = Progress(
            keys.id,
            store.name,
            self.work.state.harvest,
            task=summary.get("task"),
            refused_fields=summary.get("refused_fields") or (),
            rule_counts=lambda: summary.get("rule_counts") or {},
        )
        progress.uses_version(summary.get("collection_version") or 0)
        progress.change_waits(summary.get("change_waits") or "")
        progress.crawls(summary.get("crawl") or crawl_of_dead(store, keys, progress.started))
        died = Outcome(INTERRUPTED, "the harvest died and was finished by the next one")
        outcome = died if self.has_died else Outcome.of(summary)
        progress.end(outcome, at=timestamp(store.now()), missed=missed_interval.missed_in(summary))
        return progress


def recover(
    store: Store,
    keys: CollectionKeys,
    root: Path,
    *,
    owner: str,
    late_after: datetime | None = None,
    lock: LockContent | None = None,
) -> Recovered | None:
    """The harvest that died, with its files complete; None when the last one ended.

    Where its lock was taken over, `late_after` is when that had expired, and `lock` what it said.
    """
    tree = checkpoint.load(store, keys)
    if tree is None:
        sweep(store, keys, root)
        return None
    here = keys.harvest(moment(tree["state"]["harvest"]))
    checkpoint.abandon_upload(store, here, tree)
    if late_after:
        _remove_late(store, here, late_after)
    known = checkpoint.reached(store, here, tree)
    _hear(known, lock or {})
    summary = _claimed(store, keys, here, known)
    if summary is None or _is_over(store, keys, summary):
        finalize.clear(store, keys, here)
        sweep(store, keys, root)
        return None
    work = _work_of(store, here, known, root, owner=owner, tails=tree.get("tails") or {})
    used = document(store, here.collection, "type")
    log.warning("The harvest of %s did not end; finishing it first.", work.state.harvest)
    before = _Reached.of(known, tree)
    finalize.complete(work)
    # Interrupted: another one that finished it died as well.
    if is_stream(used) and summary["state"] in (RUNNING, INTERRUPTED):
        untold = missed_interval.record_death(store, keys, work, network_of(used))
        summary = {**summary, "missed_interval": untold} if untold else summary
    work.remember()
    _announce(store, keys, here, work, before)
    return Recovered(work, used, summary)


def _hear(known: State, lock: LockContent) -> None:
    """Add what an idle stream said in its lock, and in no checkpoint: that it lived, and missed nothing."""
    heard = lock.get("heard")
    if lock.get("owner") != known.owner or not isinstance(heard, dict):
        return
    until, last_id = str(heard.get("until")), text_in(heard, "last_id")
    with suppress(ValueError):
        if not known.heard or moment(until) > moment(known.heard):
            known.heard, known.last_id = timestamp(moment(until)), last_id or known.last_id


def _remove_late(store: Store, here: HarvestKeys, late_after: datetime) -> None:
    """Remove what was created after the dead one's lock had expired.

    If it is not dead but asleep, it takes that back when it wakes; so it may not be relied on.
    """
    written_over = {here.harvest, *map(here.manifest, ALGORITHMS)}
    for entry in list(store.entries(here.folder)):
        if entry.modified > late_after and entry.key not in written_over:
            log.warning("%s was written after its harvest had lost the lock; removing it.", entry.key)
            store.remove(entry.key, version=entry.version)


@dataclass(frozen=True)
class _Reached:
    """What the checkpoint says that is in the store, as a value: the state is worked on."""

    state: orjson.Fragment
    growing: dict[str, int]
    files: frozenset[str]

    @classmethod
    def of(cls, known: State, tree: Checkpoint) -> "_Reached":
        return cls(
            orjson.Fragment(known.to_json()),
            checkpoint.in_parts(tree, checkpoint.growing(known.sizes, known.segment)),
            frozenset(file.name for file in known.finished),
        )


def _announce(store: Store, keys: CollectionKeys, here: HarvestKeys, work: Work, before: _Reached) -> None:
    """As in the harvest itself: say what comes next before it is there (checkpoint.py)."""
    tree: Tree = {"state": work.state.to_tree()}
    further = [file for file in work.state.finished if file.name not in before.files]
    side = {file.side.name: file.side.size for file in further if file.side}
    tails = _keep_side_files(store, here, work, {**work.state.sizes, **side}, kept=before.growing)
    if further:
        # They are stored in order: if the last one is there, all are.
        tree = {"state": before.state, "closing": {"file": further[-1].to_tree(), **tree}}
    Pointer(store, keys.checkpoint).write({**tree, "tails": tails} if tails else tree)


def _work_of(
    store: Store, here: HarvestKeys, known: State, root: Path, *, owner: str, tails: Mapping[str, Tail]
) -> Work:
    """The dead harvest's work folder, or one made anew; `sweep` removes the others once it has ended."""
    work = None
    is_ending = any(
        list(store.entries(key))
        for key in (here.users, here.events, here.user_changes, here.stats, here.lists)
    )
    for left in left_behind(root):
        if work is None and _continues(left.state, known, is_ending=is_ending):
            work = left
        else:
            left.close()
    work = work or _fetched(store, here, known, root, owner=owner, tails=tails)
    _remove_unnamed(store, here, (*known.finished, *work.state.finished))
    return work


def _remove_unnamed(store: Store, here: HarvestKeys, finished: Iterable[Finished]) -> None:
    """Remove files of records that a recovery on another machine stored, which had known more and died.

    Nothing names them, and what is in them is asked for again, or lies in the gap that is recorded.
    """
    named = {here.file(name) for file in finished for name in file.names}
    for begin in OF_RECORDS:
        for entry in list(store.entries(here.file(begin))):
            if entry.key not in named:
                store.remove(entry.key)


def _claimed(store: Store, keys: CollectionKeys, here: HarvestKeys, known: State) -> HarvestSummary | None:
    """The dead harvest's harvest.json, if it had got its folder, which then holds the collection as used."""
    try:
        summary = document(store, here.harvest, "owner", "state", "harvest_timestamp")
    except NotFound:
        return None
    if summary["owner"] != known.owner:
        return None
    # It died before it stored its copy, so before its first request.
    with suppress(Conflict):
        used = orjson.loads(history.read(store, keys).data)
        Pointer(store, here.collection).create(without_secrets(used))
    return cast(HarvestSummary, summary)


def _is_over(store: Store, keys: CollectionKeys, summary: HarvestSummary) -> bool:
    """Whether that harvest died, or its finisher, when all but clearing up was done."""
    if summary["state"] == RUNNING:
        return False
    return bool(missed_interval.last(store, keys).get("harvest_id") == summary["harvest_timestamp"])


def _continues(left: State, known: State, *, is_ending: bool) -> bool:
    """Whether a work folder is that of the dead harvest, and knows at least what the checkpoint does.

    It may know more, for it is ahead of the checkpoint, unless the end is being stored of just what the
    checkpoint knows.
    """
    if (left.owner, left.harvest) != (known.owner, known.harvest):
        return False
    mine = {file.name: file for file in left.finished}
    stored = {file.name: file for file in known.finished}
    if is_ending:
        return (mine, left.segment, left.sizes) == (stored, known.segment, known.sizes)
    return stored.items() <= mine.items() and _covers(left, known)


def _covers(left: State, known: State) -> bool:
    """Whether the growing files of a work folder are at least as long as those of the checkpoint."""
    finished = [each for file in left.finished for each in (file, file.side) if each]
    sizes = checkpoint.growing(left.sizes, left.segment) | {file.name: file.size for file in finished}
    return all(
        sizes.get(name, 0) >= size for name, size in checkpoint.growing(known.sizes, known.segment).items()
    )


def _fetched(
    store: Store, here: HarvestKeys, known: State, root: Path, *, owner: str, tails: Mapping[str, Tail]
) -> Work:
    """The work folder anew, for its machine is gone."""
    # The state keeps the name of its owner; the folder gets ours, for the other may still exist, asleep.
    return Work.fetched(
        root,
        known,
        owner=owner,
        fill=lambda folder: checkpoint.fetch_parts(store, here, known, folder, tails=tails),
    )


def _keep_side_files(
    store: Store, here: HarvestKeys, work: Work, sizes: dict[str, int], *, kept: dict[str, int]
) -> dict[str, Tail]:
    """Bring the store's copies of the side files up to date; `kept` bytes of each growing file are there.

    Returns the tails that checkpoint.json is to contain.
    """
    for entry in list(store.entries(here.parts)):
        name, _, offset = entry.key.removeprefix(here.parts).rpartition("-")
        if int(offset) >= kept.get(name, 0):
            # Stored by the dead one too late to be counted, so that its length is in no state.
            store.remove(entry.key)
    return Parts(store, here, work.folder, copied=kept).copy_growing(sizes)


def sweep(store: Store, keys: CollectionKeys, root: Path) -> None:
    """Remove the work folders on this machine of harvests that have ended, here or elsewhere."""
    for left in left_behind(root):
        _discard(store, keys, left)


def _discard(store: Store, keys: CollectionKeys, left: Work) -> None:
    """Remove a work folder that no checkpoint names, unless its harvest is not known to have ended."""
    here = keys.harvest(moment(left.state.harvest))
    try:
        state = document(store, here.harvest, "state")["state"]
    except NotFound:
        state = RUNNING
    if state == RUNNING and left.state.posts:
        log.warning("%s contains records of a harvest that is not known to have ended; kept.", left.folder)
        left.close()
    else:
        left.remove()
