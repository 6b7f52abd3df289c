"""Reads the minutes of harvests, the oldest first; those of a running one up to its checkpoint."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from harvester.clock import moment, timestamp
from harvester.documents import Checkpoint, Tree, object_in
from harvester.errors import HarvesterError, NotFound
from harvester.harvest import checkpoint
from harvester.harvest.workdir import State
from harvester.statistics.minute import Minute, increases
from harvester.store import Store
from harvester.store.keys import HARVEST, HARVEST_2019, STATS, CollectionKeys, HarvestKeys, harvest_folder

_AT_ONCE = 16


def minutes(
    store: Store, keys: CollectionKeys, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[Minute]:
    """Those from `since` on and before `until`."""
    every = _of_harvests(store, keys, since, until)
    return (each for each in every if since is None or each.at >= since)


def increases_of(
    store: Store,
    keys: CollectionKeys,
    *,
    by: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[tuple[str, dict[str, int | float]]]:
    """What came in each interval from `since` on and before `until`, also of a harvest that began before."""
    return increases(_of_harvests(store, keys, since, until), by=by, since=since)


def _of_harvests(
    store: Store, keys: CollectionKeys, since: datetime | None, until: datetime | None
) -> Iterator[Minute]:
    """All before `until`, of the harvests that may have been running since then."""
    found = _harvests(store, keys, since, until)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for begin in range(0, len(found), _AT_ONCE):
            for of_one in pool.map(lambda here: _read(store, keys, here), found[begin : begin + _AT_ONCE]):
                yield from (each for each in of_one if until is None or each.at < until)


def _harvests(
    store: Store, keys: CollectionKeys, since: datetime | None, until: datetime | None
) -> list[HarvestKeys]:
    """The harvests that may have been running then, in order."""
    folders = {harvest_folder(entry.key) for entry in store.entries(keys.harvests)} - {""}
    found = []
    for folder in sorted(folders):
        with suppress(ValueError):
            digits = "".join(filter(str.isdigit, folder.removeprefix(keys.harvests)))
            found.append(keys.harvest(datetime.strptime(digits + "+0000", "%Y%m%d%H%M%S%z")))
    # One ended before the next one began.
    over = {here for here, following in pairwise(found) if since and following.started < since}
    return [here for here in found if here not in over and (until is None or here.started < until)]


def _read(store: Store, keys: CollectionKeys, here: HarvestKeys) -> list[Minute]:
    harvest = timestamp(here.started)
    with suppress(NotFound):
        return _parsed(here, harvest, store.read(here.stats).data)
    if data := _of_running(store, keys, here, harvest):
        return _parsed(here, harvest, data)
    for name in (HARVEST, HARVEST_2019):
        with suppress(NotFound, ValueError):
            return [Minute.of_summary(harvest, object_in(store.read(here.file(name)).data))]
    return []


def _parsed(here: HarvestKeys, harvest: str, data: bytes) -> list[Minute]:
    found = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            found.append(Minute.of_line(harvest, object_in(line)))
        except ValueError as error:
            raise HarvesterError(
                f"{here.stats}, line {number}, is not a line of statistics: {error}.",
                hint="Restore that file from a copy; `collection verify` shows whether it was changed.",
            ) from error
    return found


def _of_running(store: Store, keys: CollectionKeys, here: HarvestKeys, harvest: str) -> bytes:
    """The minutes in the checkpoint of a harvest that runs, or died; empty if it is for another harvest."""
    tree = checkpoint.load(store, keys)
    if tree is None or moment(tree["state"]["harvest"]) != here.started:
        return b""
    try:
        return _put_together(store, here, harvest, tree)
    except HarvesterError:
        # It ended meanwhile, so its parts were removed.
        with suppress(NotFound):
            return store.read(here.stats).data
        raise


def _put_together(store: Store, here: HarvestKeys, harvest: str, tree: Checkpoint) -> bytes:
    sizes: Tree = tree["state"].get("sizes") or {}
    if not sizes.get(STATS):
        return b""
    state = State(harvest, "", sizes={STATS: sizes[STATS]})
    with tempfile.TemporaryDirectory(prefix="twarc-cloud-") as folder:
        checkpoint.fetch_parts(store, here, state, Path(folder), tails=tree.get("tails"))
        return (Path(folder) / STATS).read_bytes()
