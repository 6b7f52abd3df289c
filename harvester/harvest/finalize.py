"""A harvest is finalized in an order in which nothing is named before it exists; steps may be repeated.

Files, then the manifests that name them, then the changeset, then `collection.json`, then `harvest.json` and
`last_harvest.json`, then the checkpoint goes. The lock is the caller's, and goes last.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from harvester.clock import moment
from harvester.collection import history
from harvester.collection.description import with_harvest
from harvester.collection.kinds import has_users, is_stream
from harvester.documents import HarvestSummary, LastHarvest, written
from harvester.errors import Conflict
from harvester.harvest import missed_interval, workdir
from harvester.harvest.manifest import Manifests
from harvester.harvest.segment import Finished, completed, finished
from harvester.harvest.workdir import SIDE_FILES, State, Work
from harvester.store import Store
from harvester.store.keys import (
    COLLECTION,
    EVENTS,
    HARVEST,
    LAST_HARVEST,
    LISTS,
    STATS,
    USER_CHANGES,
    USERS,
    CollectionKeys,
    HarvestKeys,
    side_name,
)
from harvester.store.pointer import Pointer

log = logging.getLogger("twarc-cloud")

Step = tuple[str, Callable[[], None]]


@dataclass
class Ending:
    """The steps from a work folder that is complete to a harvest that is over."""

    store: Store
    keys: CollectionKeys
    work: Work
    # It may hold API keys.
    used: Mapping[str, Any] = field(repr=False)
    summary: Callable[[State], HarvestSummary]
    # As the harvest itself has written them; one that died is finished without.
    manifests: Manifests | None = None

    def __post_init__(self) -> None:
        self._here: HarvestKeys = self.keys.harvest(moment(self.work.state.harvest))
        self._others: list[Finished] = []

    def steps(self) -> Iterator[Step]:
        for file in self.work.state.finished:
            for each in filter(None, (file, file.side)):
                if self.work.path(each.name).exists():
                    yield each.name, lambda each=each: self._store_segment(each)  # type: ignore[misc]
        yield "the side files", self._store_side_files
        yield "the manifests", self._write_manifests
        yield "the changeset", self._change_collection
        yield HARVEST, self._write_summary
        yield LAST_HARVEST, self._write_last
        yield "the end of the checkpoint", lambda: clear(self.store, self.keys, self._here)

    def _store_segment(self, file: Finished) -> None:
        self.store.upload(self._here.file(file.name), self.work.path(file.name), sha256=file.sha256)

    def _store_side_files(self) -> None:
        folder = self.work.path("side")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._others = []
        for name in (USERS, EVENTS, STATS, LISTS):
            if self.work.state.sizes.get(name):
                shutil.copyfile(self.work.path(name), folder / name)
                self._others.append(self._stored_or_adopted(folder / name))
        if has_users(self.used):
            path = folder / USER_CHANGES
            _write_list(self.work.path(workdir.USER_CHANGES), path)
            self._others.append(self._stored_or_adopted(path))
        snapshot = folder / COLLECTION
        self.store.download(self._here.collection, snapshot)
        self._others.append(finished(snapshot))

    def _stored_or_adopted(self, path: Path) -> Finished:
        """Store the file, unless an earlier try at this ending stored one, which then is the one."""
        file = finished(path)
        try:
            self.store.upload(self._here.file(path.name), path, sha256=file.sha256)
        except Conflict:
            self.store.download(self._here.file(path.name), path)
            file = finished(path)
        return file

    def _write_manifests(self) -> None:
        (self.manifests or Manifests(self.store, self._here)).add(*self.work.state.finished, *self._others)

    def _change_collection(self) -> None:
        history.edit(
            self.store,
            self.keys,
            lambda current: with_harvest(current, self.used, self.work.state.patch),
            note="Changes based on harvest.",
            harvest=self.work.state.harvest,
            compact=True,
        )

    def _write_summary(self) -> None:
        Pointer(self.store, self._here.harvest).write(self.summary(self.work.state))

    def _write_last(self) -> None:
        state = self.work.state
        summary = self.summary(state)
        last: LastHarvest = {"harvest_id": state.harvest, "state": summary["state"]}
        if is_stream(self.used):
            # The next harvest need not read harvest.json for it.
            last["missed_interval"] = missed_interval.missed_in(summary) or {}
        Pointer(self.store, self.keys.last_harvest).write(last)


def _write_list(lines: Path, path: Path) -> None:
    """Write lines of JSON, if there are any, as a list, as documents are stored."""
    with path.open("wb") as file, (lines if lines.exists() else Path(os.devnull)).open("rb") as found:
        before = b"["
        for line in found:
            # A list of one, without the bracket before and the end.
            file.write(before + written([orjson.loads(line)])[1:-3])
            before = b","
        file.write(b"[]\n" if before == b"[" else b"\n]\n")


def clear(store: Store, keys: CollectionKeys, here: HarvestKeys) -> None:
    """Remove what only a successor of this harvest would have needed."""
    for entry in list(store.entries(here.parts)):
        store.remove(entry.key, version=entry.version)
    store.remove(keys.checkpoint)


def complete(work: Work) -> Finished | None:
    """Make what a dead process left of its growing files whole, up to what it had synced."""
    state = work.state
    for name in SIDE_FILES:
        path = work.path(name)
        if path.exists():
            with path.open("r+b") as file:
                file.truncate(state.sizes.get(name, 0))
    if not state.segment:
        return None
    segment = state.segment
    whole = completed(work.path(segment["name"]), size=segment["size"], posts=segment["posts"])
    if "side" in segment:
        path = work.path(side_name(segment["name"]))
        whole = replace(whole, side=completed(path, size=segment["side"], posts=0))
    state.finish(whole)
    return whole
