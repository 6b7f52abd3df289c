"""`graph reselect` and `graph retry` may die at any write: the next start, or the command itself, goes on."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import moment
from harvester.collection import history
from harvester.collection.workers import worker_tree
from harvester.graph.crawls import Crawl
from harvester.graph.reopen import reselect, retry
from harvester.graph.workers.begin import begin_crawl
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.crawls import crawl, frontiers, latest, truth
from tests.support.harvest_stage import Stage, staged

Tree = dict[str, Any]


class Killed(BaseException):
    """A process that dies."""


class Dying(FolderStore):
    """Dies before its nth write."""

    left = 0

    def _write(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def create(self, key: str, data: bytes) -> str:
        self._write()
        return super().create(key, data)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        self._write()
        return super().replace(key, data, version=version)

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        self._write()
        return super().upload(key, path, sha256=sha256)

    def remove(self, key: str, *, version: str | None = None) -> None:
        self._write()
        super().remove(key, version=version)


def dying(of: Crawl, write: int) -> Crawl:
    store = Dying(Path(of.store.name))
    store.left = write
    return replace(of, store=store)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("reopen"), users=200, degrees="pareto:1.2:4") as found:
        yield found


def depth_one(stage: Stage, name: str) -> dict[str, bytes]:
    """The files of depth 1."""
    found = stage.store.entries(latest(stage, name).here.folder)
    return {
        each.key.rpartition("/")[2]: stage.store.read(each.key).data for each in found if "-1." in each.key
    }


@pytest.mark.parametrize("before", [{}, {"min_followers": 6}])
def test_a_selection_that_dies_at_any_write_is_the_old_one_or_the_new_one(stage: Stage, before: Tree) -> None:
    """A depth has the files of one selection, and none of another."""
    name, after = f"select-{len(before)}", {} if before else {"min_followers": 6}

    def select(conditions: Tree, write: int = 0) -> dict[str, bytes]:
        stage.edit(name, lambda tree: {**tree, "graph": {**tree["graph"], "select": conditions}})
        reselect(dying(latest(stage, name), write), stage.work / name, dry_run=False, tell=lambda *_: None)
        return depth_one(stage, name)

    users: Tree = {user: {} for user in stage.accounts[:3]}
    stage.add(name, type="graph", users=users, graph={"max_depth": 1, "select": before})
    assert crawl(stage, name).limit == "approval"
    old = depth_one(stage, name)
    new = select(after)
    assert old != new
    deaths = 0
    for write in count(1):
        assert select(before) == old
        try:
            assert select(after, write) == new
            break
        except Killed:
            deaths += 1
        # The next start closes the depth, if it is not there.
        assert crawl(stage, name).limit == "approval"
        assert depth_one(stage, name) in (old, new)
        assert select(after) == new
    # The changeset, the collection, the old depth, three files of which two are replaced, and the verdicts.
    assert deaths >= 8


def test_a_retry_that_died_at_any_write_is_done_again(stage: Stage) -> None:
    seeds = stage.accounts[30:33]
    for write in count(1):
        name = f"retry-{write}"
        stage.add(name, type="graph", users={seed: {} for seed in seeds}, graph={})
        stage.control.faults([{"on": f"GET /2/users/{seeds[1]}/followers", "do": "internal-error"}])
        assert crawl(stage, name).state == "partial"
        stage.control.faults([])
        try:
            retry(dying(latest(stage, name), write), stage.work / name, dry_run=False)
            break
        except Killed:
            depth, lists = retry(latest(stage, name), stage.work / name, dry_run=False)
        assert (depth, [each.user for each in lists]) == (0, [seeds[1]])
        crawl(stage, name)
        assert frontiers(stage, name) == truth(stage, seeds, depths=0)
        assert retry(latest(stage, name), stage.work / name, dry_run=False) == (0, [])
    # The changeset, the collection, and the depth after it.
    assert write > 3


def _store_list(store: FolderStore, keys: CollectionKeys, started: str, *, user: str) -> None:
    """A harvest of a worker in which the list of a user ended."""
    here = keys.harvest(moment(started))
    line = {"user": user, "direction": "followers", "depth": 0, "outcome": "complete"}
    store.create(here.lists, json.dumps(line).encode())
    crawl = {"started": started, "depth": 0}
    store.create(here.harvest, json.dumps({"harvest_timestamp": started, "crawl": crawl}).encode())


def test_a_retry_of_users_that_were_given_up_is_done_again(tmp_path: Path) -> None:
    """Their markers are all that names them."""
    for write in count(1):
        store, keys = FolderStore(tmp_path / str(write)), CollectionKeys("libraries")
        tree: Tree = {"id": keys.id, "type": "graph", "users": {"7": {}, "8": {}}, "graph": {"max_depth": 1}}
        tree["workers"] = {"profiles": ["a"]}
        stored: Any = history.add(store, keys, tree)
        worker = CollectionKeys("libraries.1")
        history.add(store, worker, worker_tree(tree, 1))
        started = begin_crawl(store, keys, stored)
        of = Crawl(store, keys, history.current(store, keys), started, (worker,))
        of.marks(0).mark_done("7", {"outcome": "failed", "why": "8 workers ended"})
        of.marks(0).mark_done("8", {"outcome": "complete"})
        _store_list(store, worker, started, user="8")
        store.create(of.here.depth(1), b"closed without the list of 7")
        try:
            retry(dying(of, write), tmp_path, dry_run=False)
            break
        except Killed:
            pass
        if [each.user for each in of.waiting(0, tmp_path)] == ["7"]:
            # A worker may collect it before the command is typed again.
            of.marks(0).mark_done("7", {"outcome": "complete"})
            assert of.marks(0).failed() == {}
            assert of.depths() == [0]
            continue
        _, lists = retry(of, tmp_path, dry_run=False)
        assert [each.user for each in lists] == ["7"]
        assert [each.user for each in of.waiting(0, tmp_path)] == ["7"]
        assert (of.depths(), of.marks(0).failed()) == ([0], {})
    # The changeset, the collection, the depth, and two markers.
    assert write > 5
