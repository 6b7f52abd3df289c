"""A harvest of lists of followers that dies at a named moment loses and doubles no edge, on every store."""

import gzip
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import moment
from harvester.collection import history
from harvester.errors import HarvesterError
from harvester.graph import crawls
from harvester.graph.reopen import reselect, retry
from harvester.harvest.depth_files import packed_ids
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


_STARTED = "2026-11-27T22:00:00+00:00"


def _at_depth_one(scene: Scene) -> None:
    """A crawl whose second depth has the users that are there."""
    scene.order |= {"id": "crash-graph", "graph": True, "checkpoint_seconds": 60}
    crawl = {"started": _STARTED, "depth": 0}
    graph: Tree = {"max_depth": 1, "crawl": crawl}
    history.add(
        scene.store,
        scene.keys,
        {"id": scene.order["id"], "type": "graph", "users": {"4": {}}, "graph": graph},
    )
    here = scene.keys.crawl(moment(_STARTED))
    for depth, users in enumerate((["4"], ["1", "2", "3"])):
        scene.store.create(here.depth(depth), packed_ids(users))


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


def test_a_harvest_that_died_before_its_first_checkpoint_keeps_its_depth(
    scenes: Scenes,  # noqa: F811
    tmp_path: Path,
) -> None:
    scene = scenes("folder")
    _at_depth_one(scene)
    # When pages of it are on this disk, and only here.
    scene.dies({**LOCAL["journal line written"], "when": "after"})
    (path,) = (scene.files() / scene.order["id"]).rglob("harvest.json")
    assert "crawl" not in json.loads(path.read_bytes())
    # Nothing says in the store that the depth is begun, so it is not made again.
    refused = pytest.raises(HarvesterError, match="A harvest of crash-graph did not end")
    with refused as of_selection:
        reselect(_crawl(scene), tmp_path, dry_run=False, tell=lambda *_: None)
    with refused:
        retry(_crawl(scene), tmp_path, dry_run=False)
    assert of_selection.value.hint.endswith("`collection once crash-graph`.")
    assert _crawl(scene).depths() == [0, 1]
    found = scene.ends()
    died, *_ = found.harvests
    assert died["state"] == "interrupted"
    assert died["counts"]["pages"] > 0
    of_crawl = {(each["crawl"]["started"], each["crawl"]["depth"]) for each in found.harvests}
    assert of_crawl == {(_STARTED, 1)}
    # What the depth is closed with: all pages of it, and none twice.
    lists = {line["user"]: line for line in _lines(scene, "lists.jsonl")}
    assert {line["depth"] for line in lists.values()} == {1}
    edges = _lines(scene, "edges-*.jsonl.gz")
    assert sum(len(line["ids"]) for line in edges) == sum(end["received"] for end in lists.values())


def test_a_depth_is_not_closed_before_a_dead_harvest_has_named_its_pages(
    scenes: Scenes,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Its lists are stored before its manifest: the next depth would lack all that they name."""
    scene = scenes("folder")
    _at_depth_one(scene)
    scene.dies({**_ONLY_HERE["lists stored"], "when": "after"})
    assert {line["depth"] for line in _lines(scene, "lists.jsonl")} == {1}
    assert _waiting(scene, tmp_path) == ["1", "2", "3"]
    scene.ends()
    assert _waiting(scene, tmp_path) == []


def _waiting(scene: Scene, scratch: Path) -> list[str]:
    """The users of the depth whose lists keep it from being closed."""
    return [each.user for each in _crawl(scene).waiting(1, scratch)]


def _crawl(scene: Scene) -> crawls.Crawl:
    found = crawls.current(scene.store, scene.keys, history.current(scene.store, scene.keys))
    assert found
    return found
