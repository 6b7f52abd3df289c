"""Real processes that crawl to depth 2 are killed again and again: no edge is lost or doubled.

`KILLS=500` kills as often.
"""

import gzip
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import emulator
from harvester.collection import history
from tests.durability.test_graph_crashes import lines_below
from tests.support.harvest_processes import Site, end, pause, until
from tests.support.invariants import examined

pytestmark = pytest.mark.system

_KILLS = int(os.environ.get("KILLS", "8"))
_CHAINS = 8
# Pages are as small as X never makes them, so that a list has many.
_PAGE = 3
_SMALL = [{"on": "GET /2/users/*/followers", "do": "short-page"}]


@pytest.fixture
def emulated() -> Iterator[emulator.Emulated]:
    # As much to read as there are kills: each harvest brings a hundred pages or so until it dies.
    shape = ("--users", str(60 + _KILLS), "--degrees", f"pareto:1.5:{8 + _KILLS // 10}")
    options = (*shape, "--posts-per-user", "0", "--latency", "30", "--no-limits")
    with emulator.spawned(*options) as found:
        found.control.faults(_SMALL)
        yield found


def test_killed_crawls_lose_and_double_no_edge(tmp_path: Path, emulated: emulator.Emulated) -> None:
    seeds = [user["id"] for user in emulated.control.users(count=2)]
    settings = {"concurrency": _CHAINS, "checkpoint_seconds": 0.2, "lock_seconds": 0.6}
    site = Site("graph", tmp_path, emulated.url, settings=settings)
    users: dict[str, dict[str, str]] = {user: {} for user in seeds}
    graph = {"max_depth": 2, "approve": "within_budget"}
    tree = {"id": "graph", "type": "graph", "users": users, "graph": graph, "budget_usd": 1_000_000}
    history.add(site.store, site.keys, tree)
    killed, left = _storm(site, random.Random(7))
    found = examined(site.collections(), "graph", temp=site.temp)
    assert found.wrong == []
    assert "last_crawl" in found.collection["graph"], site.said()
    depths = _truth(emulated, seeds)
    (crawl,) = (site.collections() / "graph/graph").iterdir()
    for depth, ids in enumerate(depths):
        packed = (crawl / f"depth-{depth}.txt.gz").read_bytes()
        assert gzip.decompress(packed).decode() == "".join(f"{each}\n" for each in sorted(ids))
    visited = [user for ids in depths[:-1] for user in ids]
    lists = lines_below(site.collections() / "graph/harvests", "lists.jsonl")
    assert Counter(line["user"] for line in lists) == Counter(visited)
    edges: dict[str, list[str]] = {user: [] for user in visited}
    for line in lines_below(site.collections(), "edges-*.jsonl.gz"):
        edges[line["user"]] += line["ids"]
    assert edges == {user: emulated.control.followers(user) for user in visited}
    served: dict[str, dict[str, int]] = emulated.truth(detail=True)["served"]["followers"]
    again = sum(times - 1 for of_list in served.values() for times in of_list.values())
    assert again <= killed * _CHAINS * _PAGE
    # Else the storm was over before the crawl was.
    assert left, f"{killed} kills, {again} accounts paid for twice"


def _storm(site: Site, draw: random.Random) -> tuple[int, bool]:
    """Kill harvests, then harvest to the end; how many were killed, and whether there was anything left."""
    killed, ended = 0, 0
    for _ in range(_KILLS):
        process = site.start()
        until(partial(_has_begun, site, process), "a harvest that has the lock")
        pause(draw.uniform(0.0, 0.8))
        if process.poll() is None:
            killed += 1
        end(process)
        if process.returncode == 0:
            ended += 1
            break
    while not ended:
        try:
            assert site.harvest() == 0, site.said()
            break
        except subprocess.TimeoutExpired:
            # On a busy machine a minute is not enough for the rest, and it is killed once more.
            killed += 1
            assert killed <= 2 * _KILLS + 10, site.said()
    return killed, not ended


def _has_begun(site: Site, process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None or site.is_held_by(process)


def _truth(emulated: emulator.Emulated, seeds: list[str]) -> list[set[str]]:
    """The accounts of each depth, from that of the seeds to the one that is not visited any more."""
    depths, known = [set(seeds)], set(seeds)
    for _ in range(3):
        found = {each for user in depths[-1] for each in emulated.control.followers(user)}
        depths.append(found - known)
        known |= found
    return depths
