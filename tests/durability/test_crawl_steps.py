"""A crawl dies at any step of its harvests' endings and of its closings, and the next start loses nothing.

Each step is a write to the store, as a crawl that nothing disturbs makes them: before it the process is
killed, or the store refuses it once. `CRASH_POINTS=all` tries each of them in each way, and
`CRASH_SEQUENCES=200` runs 200 pairs of them.
"""

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harvester.clock import moment
from harvester.collection import history
from harvester.store.keys import CollectionKeys, CrawlKeys
from tests.durability.test_crash_points import (
    Scene,
    Scenes,
    _crashing,  # noqa: F401
    crashing,  # noqa: F401
    scenes,  # noqa: F401
)
from tests.support.invariants import named_but_absent, wipe

pytestmark = pytest.mark.system

Tree = dict[str, Any]

_SEEDS, _FOLLOWERS, _PAGE, _DEPTHS = ("1", "2"), 4, 2, 1
_WRITES = "create|replace|upload|remove"
_ALL = os.environ.get("CRASH_POINTS") == "all"
# What the next step of a crawl is judged by is stored before these.
_TELLING = (
    *("replace harvests/manifest-sha256.txt", "replace harvests/harvest.json", "remove checkpoint.json"),
    *("upload graph/depth-1.txt.gz", "upload graph/order-2.txt.gz", "replace collection.json"),
)
# These are made once more if two harvests begin within a second.
_OF_A_CLAIM = ("create harvests/harvest.json", "replace checkpoint.json")
_DISKS, _WHENS = ("kept", "lost"), ("before", "refused")
_WAYS = tuple(product(_DISKS, _WHENS))
_SEQUENCES = int(os.environ.get("CRASH_SEQUENCES", "2"))


@dataclass(frozen=True)
class Step:
    """The nth write of one kind to one place."""

    name: str
    verb: str
    key: str
    nth: int

    def __str__(self) -> str:
        return f"{self.name} ({self.nth})"


@dataclass(frozen=True)
class Crawled:
    """One crawl in the store of a scene."""

    scene: Scene
    name: str

    def __post_init__(self) -> None:
        folder = self.scene.folder / self.name
        folder.mkdir()
        paths = {name: str(folder / name) for name in ("temp", "served", "log", "steps")}
        self.order.update(paths, id=self.name, crawl=str(folder / "closing"))
        self.order.update(graph=True, posts=_FOLLOWERS, page=_PAGE)
        # All of a harvest is stored in its last steps.
        self.order.update(checkpoint_seconds=60, network=0)
        users: Tree = {seed: {} for seed in _SEEDS}
        graph = {"max_depth": _DEPTHS, "approve": "within_budget"}
        tree = {"id": self.name, "type": "graph", "users": users, "graph": graph, "budget_usd": _COSTS}
        history.add(self.scene.store, self.keys, tree)

    @property
    def order(self) -> Tree:
        return self.scene.order

    @property
    def keys(self) -> CollectionKeys:
        return CollectionKeys(self.name)

    def steps(self) -> list[Step]:
        """The steps of this crawl, which is left alone."""
        mark = str(self.scene.folder / "mark")
        at = {"verb": _WRITES, "key": "", "when": "before", "nth": 0, "mark": mark}
        assert self.scene.crashing.run({**self.order, "at": {**at, "steps": self.order["steps"]}}) == 0
        found, times = [], Counter[str]()
        for line in Path(self.order["steps"]).read_text().splitlines():
            verb, _, key = line.partition(" ")
            key = key.removeprefix(self.keys.folder)
            times[line := f"{verb} {_named(key)}"] += 1
            found.append(Step(line, verb, f"/{_pattern(key)}$", times[line]))
        return found

    def dies(self, step: Step, *, when: str, disk: str) -> bool:
        """Whether the step was reached, at which the crawl ends."""
        mark = self.scene.folder / "mark"
        mark.unlink(missing_ok=True)
        at = {"verb": step.verb, "key": step.key, "nth": step.nth, "when": when, "mark": str(mark)}
        code = self.scene.crashing.run({**self.order, "at": at})
        if code == 0 and not mark.exists():
            return False
        assert (code == -9 or when == "refused") and mark.exists(), self.told(step)
        assert named_but_absent(self.scene.store, self.keys) == [], self.told(step)
        self.scene.store.remove(self.keys.lock)
        if disk == "lost":
            wipe(Path(self.order["temp"]))
        return True

    def goes_on(self) -> None:
        """Start the crawl once more, unless it is over."""
        if not self.is_over:
            assert self.scene.crashing.run(self.order) == 0, self.scene.log

    @property
    def is_over(self) -> bool:
        section = history.current(self.scene.store, self.keys)["graph"]
        return "last_crawl" in section and not section.get("crawl")

    def told(self, step: Step) -> str:
        return f"{step}:\n{self.scene.log}"

    @cached_property
    def here(self) -> CrawlKeys:
        last = history.current(self.scene.store, self.keys)["graph"]["last_crawl"]
        return self.keys.crawl(moment(last["started"]))

    def frontiers(self) -> list[bytes]:
        """The depths as they are stored."""
        return [self.scene.store.read(self.here.depth(depth)).data for depth in range(_DEPTHS + 2)]

    def lines(self, name: str) -> list[Tree]:
        """The lines of all files whose names are like this."""
        found = []
        for entry in self.scene.store.entries(self.keys.harvests):
            if re.search(rf"\d/{name}[^/]*$", entry.key):
                data = self.scene.store.read(entry.key).data
                found += (gzip.decompress(data) if entry.key.endswith(".gz") else data).splitlines()
        return [json.loads(line) for line in found]

    def wrong(self, whole: list[bytes] | None = None) -> list[str]:
        """What does not hold of a crawl that is over, whose depths are to have these bytes."""
        found = [] if self.is_over else ["it is not over"]
        visited = [user for depth in _TRUTH[:-1] for user in depth]
        ends = self.lines(r"lists\.jsonl")
        if Counter(end["user"] for end in ends) != Counter(visited):
            found.append(f"lists of {sorted(end['user'] for end in ends)}")
        edges: dict[str, list[str]] = {user: [] for user in visited}
        for line in self.lines("edges-"):
            edges[line["user"]] += line["ids"]
        if edges != {user: _followers(user) for user in visited}:
            found.append(f"edges {edges}")
        depths = [gzip.decompress(each).decode().split() for each in self.frontiers()]
        if depths != _TRUTH:
            found.append(f"frontiers {depths}")
        elif whole and self.frontiers() != whole:
            found.append("frontiers of other bytes")
        left = [entry.key for entry in self.scene.store.entries(self.keys.folder)]
        found += [key for key in left if "/open/" in key or key in (self.keys.checkpoint, self.keys.lock)]
        found += [str(path) for path in Path(self.order["temp"]).rglob("*") if path.is_file()]
        return found + self.scene.accused()


def _named(key: str) -> str:
    """A key without its numbers, which are different in each crawl."""
    return re.sub(r"(\b\d{2,}[-./]?)+", "", key).replace("//", "/").removesuffix("-")


def _pattern(key: str) -> str:
    return re.sub(r"\b\d{2,}", r"\\d+", re.escape(key))


def _followers(user: str) -> list[str]:
    """As crash_points.py makes them up."""
    return [str(number * 10 + int(user)) for number in range(_FOLLOWERS, 0, -1)]


def _truth() -> list[list[str]]:
    found, known = [sorted(_SEEDS)], {*_SEEDS}
    for _ in range(_DEPTHS + 1):
        new = {each for user in found[-1] for each in _followers(user)} - known
        known |= new
        found.append(sorted(new))
    return found


_TRUTH = _truth()
# To the cent what it costs: where a list is read once more, it is not enough.
_COSTS = 0.01 * _FOLLOWERS * sum(map(len, _TRUTH[:-1]))


@pytest.fixture(params=["folder", "s3"])
def scene(request: pytest.FixtureRequest, scenes: Scenes) -> Scene:  # noqa: F811
    return scenes(request.param)


def _tried(steps: Iterable[Step], *, in_bucket: bool) -> list[tuple[Step, str, str]]:
    """The steps at which crawls of this run die, how, and what becomes of the disk."""
    if _ALL:
        return [(step, *way) for step in steps for way in _WAYS]
    telling = enumerate(step for step in steps if step.name in _TELLING)
    return [(step, *_WAYS[at % len(_WAYS)]) for at, step in telling if in_bucket == (at % 3 == 0)]


def test_a_crawl_that_dies_at_any_step_finds_what_another_finds(scene: Scene) -> None:
    undisturbed = Crawled(scene, "crash-whole")
    steps = undisturbed.steps()
    assert undisturbed.wrong() == []
    whole, tried = undisturbed.frontiers(), _tried(steps, in_bucket="bucket" in scene.order)
    fired, wrong = set[str](), dict[str, list[str]]()
    for number, (step, disk, when) in enumerate(tried):
        crawled = Crawled(scene, f"crash-{number}")
        if not crawled.dies(step, when=when, disk=disk):
            assert step.name in _OF_A_CLAIM, crawled.told(step)
            continue
        fired.add(step.name)
        crawled.goes_on()
        found = crawled.wrong(whole)
        if disk == "kept" and (again := scene.served_again):
            found.append(f"paid twice: {again}")
        if found:
            wrong[f"{disk} disk, {when} {step}"] = [*found, scene.log]
    assert not wrong, "\n\n".join("\n".join([what, *found]) for what, found in wrong.items())
    assert fired == {step.name for step, _, _ in tried}


# One whose pages are not in its manifest says how it ended, and the one that finishes it dies.
_TWICE = (
    ("upload harvests/users-jsonl.gz (2)", "refused"),
    ("create harvests/manifest-sha1.txt (1)", "before"),
)


def test_a_crawl_that_dies_again_while_it_is_finished_finds_the_same(scenes: Scenes) -> None:  # noqa: F811
    scene = scenes("folder")
    undisturbed = Crawled(scene, "crash-whole")
    steps = {str(step): step for step in undisturbed.steps()}
    whole, names = undisturbed.frontiers(), list(steps)
    for number in range(1 + _SEQUENCES):
        draw = Random(number)
        deaths = _TWICE if not number else [(draw.choice(names), draw.choice(_WHENS)) for _ in range(2)]
        crawled = Crawled(scene, f"crash-{number}")
        fired = [
            crawled.dies(steps[name], when=when, disk=draw.choice(_DISKS) if number else "kept")
            for name, when in deaths
            if not crawled.is_over
        ]
        assert number or fired == [True, True], crawled.told(steps[_TWICE[0][0]])
        crawled.goes_on()
        assert crawled.wrong(whole) == [], f"{deaths}: {scene.log}"
