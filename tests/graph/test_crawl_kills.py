"""A crawl whose process is killed at any moment, and started again, finds what an undisturbed one finds.

`CRAWL_KILLS=200 pytest -s tests/graph/test_crawl_kills.py` kills more often.
"""

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

import emulator
from harvester.clock import moment
from harvester.errors import NotFound
from harvester.graph import crawls
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person
from tests.support.container_process import Desk, ended
from tests.support.crawls import followers_of, lines_in
from tests.support.harvest_stage import came_about, until

_KILLS = int(os.environ.get("CRAWL_KILLS", "5"))
# Seconds after the lock is there; a crawl that is not disturbed has it for two or more.
_LIVES = (0.0, 0.8)


@pytest.mark.system
def test_a_crawl_that_is_killed_again_and_again_finds_the_same(tmp_path: Path) -> None:
    with emulator.running(users=300, degrees="pareto:1.2:4") as emulated:
        seeds = [user["id"] for user in emulated.control.users()[:4]]
        emulated.control.faults([{"on": "GET /2/users/*/followers", "do": "delay", "seconds": 0.15}])
        desk = Desk(tmp_path, emulated.url)
        section = {"max_depth": 1, "approve": "within_budget"}
        users: dict[str, dict[str, str]] = {seed: {} for seed in seeds}
        desk.put(
            "storm", {"id": "storm", "type": "graph", "users": users, "budget_usd": 900, "graph": section}
        )
        killed = _until_it_is_over(desk, random.Random(7))
        truth = followers_of(emulated.control, seeds, depths=1)
    keys, store = CollectionKeys("storm"), FolderStore(tmp_path / "collections")
    crawl = crawls.latest(store, keys, json.loads(store.read(keys.collection).data))
    assert crawl
    assert not crawl.state
    assert killed
    assert [lines_in(store, crawl.here.depth(depth)) for depth in crawl.depths()] == truth
    # One crawl, and each list ended once: nothing was begun anew, no user beyond the last depth was read.
    assert len(list(store.folders(f"{keys.folder}graph/"))) == 1
    ends = Counter(
        (line["user"], line["depth"])
        for each in crawl.harvests()
        for line in _ends(store, keys, each.harvest.timestamp)
    )
    assert ends == {(user, depth): 1 for depth in (0, 1) for user in truth[depth]}
    told = Person(tmp_path)(
        "collection", "verify", "storm", "--collections-path", str(tmp_path / "collections")
    )
    assert told.code == 0, told


def _until_it_is_over(desk: Desk, draw: random.Random) -> int:
    """Kill each process after a while, and at last let one live; how many were killed."""
    killed = 0
    lock = desk.folder / "collections" / "storm" / "lock.json"
    while not _is_over(desk):
        before = _made(lock)
        with desk.started("local", "harvester", "storm", "--temp", str(desk.folder / "temp")) as process:
            if killed >= _KILLS:
                assert ended(process, within=120).code == 0
                continue
            until(lambda: process.poll() is not None or _made(lock) not in (0, before))  # noqa: B023
            killed += not came_about(lambda: process.poll() is not None, within=draw.uniform(*_LIVES))  # noqa: B023
    return killed


def _made(lock: Path) -> int:
    """When the lock was written last; 0 if it is not there."""
    try:
        return lock.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _is_over(desk: Desk) -> bool:
    tree = json.loads((desk.folder / "collections" / "storm" / "collection.json").read_text())
    return tree["graph"].get("crawl") is None and "last_crawl" in tree["graph"]


def _ends(store: FolderStore, keys: CollectionKeys, harvest: str) -> list[dict[str, str]]:
    try:
        data = store.read(keys.harvest(moment(harvest)).lists).data
    except NotFound:
        return []
    return [json.loads(line) for line in data.splitlines()]
