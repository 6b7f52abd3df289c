"""Real processes that read lists of followers are killed again and again: no edge is lost or doubled.

`KILLS=500` kills as often.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import emulator
from harvester.collection import history
from tests.durability.test_graph_crashes import lines_below
from tests.support.harvest_processes import Site, end, pause
from tests.support.invariants import examined

pytestmark = pytest.mark.system

_KILLS = int(os.environ.get("KILLS", "8"))
_CHAINS = 8
_USERS = 12
# Pages are as small as X never makes them, so that a list has many.
_PAGE = 3
_SMALL = [{"on": "GET /2/users/*/followers", "do": "short-page"}]


@pytest.fixture
def emulated() -> Iterator[emulator.Emulated]:
    # As long as the kills: each harvest brings a few hundred accounts until it dies.
    hubs = ",".join(f"{number}:{(20 + number) * _KILLS}" for number in range(_USERS))
    options = ("--users", str(100 + 40 * _KILLS), "--posts-per-user", "0", "--hubs", hubs, "--latency", "30")
    with emulator.spawned(*options, "--no-limits") as found:
        found.control.faults(_SMALL)
        yield found


def test_killed_harvests_lose_and_double_no_edge(tmp_path: Path, emulated: emulator.Emulated) -> None:
    seeds = [user["id"] for user in emulated.control.users(count=_USERS)]
    settings = {"concurrency": _CHAINS, "checkpoint_seconds": 0.2, "lock_seconds": 0.6}
    site = Site("graph", tmp_path, emulated.url, settings=settings)
    users: dict[str, dict[str, str]] = {user: {} for user in seeds}
    history.add(site.store, site.keys, {"id": "graph", "type": "graph", "users": users})
    draw = random.Random(7)
    kills = crawls = 0
    while kills < _KILLS:
        process = site.start()
        pause(draw.uniform(0.1, 1.2))
        if process.poll() is None:
            kills += 1
        end(process)
    while site.harvest():
        crawls += 1
        assert crawls < 3, site.said()
    found = examined(site.collections(), "graph", temp=site.temp)
    assert found.wrong == []
    ends = {line["user"]: line for line in lines_below(site.collections(), "lists.jsonl")}
    assert Counter(line["user"] for line in lines_below(site.collections(), "lists.jsonl")) == Counter(seeds)
    edges = lines_below(site.collections(), "edges-*.jsonl.gz")
    for user in seeds:
        ids = [each for line in edges if line["user"] == user for each in line["ids"]]
        assert (ids, ends[user]["outcome"]) == (emulated.control.followers(user), "complete")
    served: dict[str, dict[str, int]] = emulated.truth(detail=True)["served"]["followers"]
    again = sum(times - 1 for of_list in served.values() for times in of_list.values())
    assert again <= kills * _CHAINS * _PAGE
