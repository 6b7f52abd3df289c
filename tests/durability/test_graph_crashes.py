"""A harvest of lists of followers that dies at a named moment loses and doubles no edge, on every store."""

import gzip
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from harvester.collection import history
from tests.durability.test_crash_points import (
    _EACH,
    LOCAL,
    STEPS,
    Scene,
    Scenes,
    _crashing,  # noqa: F401
    crashing,  # noqa: F401
    scenes,  # noqa: F401
)

pytestmark = pytest.mark.system

Tree = dict[str, Any]

_ONLY_HERE: dict[str, Tree] = {
    "depth of the seeds stored": {"verb": "create", "key": r"/graph/\d+/depth-0\.txt\.gz$"},
    "part of edges stored": {"verb": "create", "key": r"/open/edges-"},
    "edges stored": {"verb": "upload", "key": r"/edges-"},
    "part of edges removed": {"verb": "remove", "key": r"/open/edges-"},
    "part of lists stored": {"verb": "create", "key": r"/open/lists\.jsonl"},
    "lists stored": {"verb": "upload", "key": r"/lists\.jsonl$"},
    "part of lists removed": {"verb": "remove", "key": r"/open/lists\.jsonl"},
}
_SHARED = (
    *("part stored", "segment announced", "segment stored", "manifest-sha256 begun", "part removed"),
    *("changeset written", "collection replaced", "last_harvest.json written", "checkpoint removed"),
    *("segment synced", "journal line written", "work folder removed"),
)


def _of_accounts(point: Tree) -> Tree:
    return {**point, "key": point["key"].replace("tweets-", "users-")} if "key" in point else point


_POINTS = {**{name: _of_accounts({**STEPS, **LOCAL}[name]) for name in _SHARED}, **_ONLY_HERE}
_WAYS = tuple(product(("folder", "s3"), ("kept", "lost"), ("before", "after")))
_CASES = [
    (store, disk, name, when)
    for number, name in enumerate(_POINTS)
    for turn, (store, disk, when) in enumerate(
        product(("folder", "s3"), ("kept", "lost"), ("before", "after"))
    )
    # All with CRASH_POINTS=all; else what is of crawls alone twice, and what every harvest has once.
    if _EACH or turn == number * 3 % 8 or (name in _ONLY_HERE and turn == (number * 3 + 5) % 8)
]


def _graph(scene: Scene) -> None:
    scene.order |= {"id": "crash-graph", "graph": True}
    users: Tree = {"1": {}, "2": {}, "3": {}, "5": {}}
    history.add(scene.store, scene.keys, {"id": scene.order["id"], "type": "graph", "users": users})


def lines_below(folder: Path, name: str) -> list[Tree]:
    """The lines of all files with such a name."""
    found = [(path.suffix, path.read_bytes()) for path in sorted(folder.rglob(name))]
    whole = [gzip.decompress(each) if suffix == ".gz" else each for suffix, each in found]
    return [json.loads(line) for each in whole for line in each.splitlines()]


def _lines(scene: Scene, name: str) -> list[Tree]:
    return lines_below(scene.files() / scene.order["id"], name)


@pytest.mark.parametrize(("store", "disk", "name", "when"), _CASES)
def test_no_edge_is_lost_or_doubled(scenes: Scenes, store: str, disk: str, name: str, when: str) -> None:  # noqa: F811
    scene = scenes(store)
    _graph(scene)
    scene.dies({**_POINTS[name], "when": when})
    if disk == "lost":
        scene.loses_its_disk()
    found = scene.ends()
    ends = {line["user"]: line for line in _lines(scene, "lists.jsonl")}
    assert len(_lines(scene, "lists.jsonl")) == len(ends) == 4
    assert ends["5"]["outcome"] == "not_found"
    edges = _lines(scene, "edges-*.jsonl.gz")
    for user in "123":
        of = [line["ids"] for line in edges if (line["user"], line["list"]) == (user, ends[user]["from"])]
        ids = [each for page in of for each in page]
        assert ids == [str(number * 10 + int(user)) for number in range(len(ids), 0, -1)]
        assert (ends[user]["outcome"], ends[user]["received"]) == ("complete", len(ids))
    counts = [summary["counts"].get("edges", 0) for summary in found.harvests]
    assert (
        sum(counts)
        == sum(len(line["ids"]) for line in edges)
        == sum(end["received"] for end in ends.values())
    )
    assert found.collection["graph"]["crawl"]["chains"] == {}
    if disk == "kept":
        # A page that each of two chains was about to store.
        assert sum(scene.served_again.values()) <= 2
    assert scene.accused() == []
