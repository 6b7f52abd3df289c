"""A harvest may die at any step, and so may the one that finishes it: nothing is lost, doubled or left."""

import gzip
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.curation.verify import Verdict, verify
from harvester.errors import Exit
from harvester.harvest.harvest import Harvest
from harvester.harvest.recovery import recover
from harvester.networks import Batch
from harvester.networks.gap import Gap
from harvester.networks.x.post_ids import first_id_at
from harvester.settings import Settings
from harvester.store import Entry, Store
from harvester.store.folder import FolderStore
from harvester.store.keys import APPS, CollectionKeys
from harvester.store.reading import reader
from harvester.store.s3 import S3Store
from tests.support import fork_server
from tests.support.crash_points import MATCHED, is_matched
from tests.support.harvest_processes import pause, until
from tests.support.invariants import Found, examined, mirrored, named_but_absent, scratch_left, wipe
from tests.support.servers import Bucket
from tests.support.stalling_clients import Client

Tree = dict[str, Any]

_ROOT = Path(__file__).resolve().parents[2]
_POSTS, _MORE, _PAGE = 420, 90, 50
# Of X, in seconds a page: then a harvest takes half a minute.
_SLOWEST = 1.0

# What is asked of the store, in the order in which a harvest does: verb, key, and what the object holds.
STEPS: dict[str, Tree] = {
    "lock taken": {"verb": "create", "key": r"/lock\.json$"},
    "harvest named in the checkpoint": {"verb": "create", "key": r"/checkpoint\.json$"},
    "harvest folder claimed": {"verb": "create", "key": r"/harvest\.json$"},
    "collection kept as used": {"verb": "create", "key": r"harvests/.*/collection\.json$"},
    "part stored": {"verb": "create", "key": r"/open/tweets-"},
    "checkpoint moved on": {"verb": "replace", "key": r"/checkpoint\.json$", "lacking": '"closing"'},
    "harvest.json kept fresh": {"verb": "replace", "key": r"/harvest\.json$", "holding": '"running"'},
    "segment announced": {"verb": "replace", "key": r"/checkpoint\.json$", "holding": '"closing"'},
    "segment stored": {"verb": "upload", "key": r"/tweets-"},
    "manifest-sha1 begun": {"verb": "create", "key": r"manifest-sha1"},
    "manifest-sha256 begun": {"verb": "create", "key": r"manifest-sha256"},
    "part removed": {"verb": "remove", "key": r"/open/tweets-"},
    "second segment stored": {"verb": "upload", "key": r"/tweets-", "nth": 2},
    "manifest-sha1 continued": {"verb": "replace", "key": r"manifest-sha1"},
    "manifest-sha256 continued": {"verb": "replace", "key": r"manifest-sha256"},
    "users stored": {"verb": "upload", "key": r"/users\.jsonl$"},
    "user changes stored": {"verb": "upload", "key": r"/user_changes\.json$"},
    "changeset written": {"verb": "create", "key": r"/changesets/"},
    "collection replaced": {"verb": "replace", "key": r"crash[^/]*/collection\.json$"},
    "harvest.json final": {"verb": "replace", "key": r"/harvest\.json$", "lacking": '"running"'},
    "last_harvest.json written": {"verb": "create|replace", "key": r"/last_harvest\.json$"},
    "side file's part removed": {"verb": "remove", "key": r"/open/users\.jsonl"},
    "checkpoint removed": {"verb": "remove", "key": r"/checkpoint\.json$"},
    "lock removed": {"verb": "remove", "key": r"/lock\.json$"},
}

# What happens on this machine alone: the function whose begin or end it is.
LOCAL: dict[str, Tree] = {
    "work folder begun": {"code": "Work.begin"},
    "journal begun anew": {"code": "Journal.begin", "nth": 2},
    "segment opened": {"code": "Segment.__init__"},
    "second segment opened": {"code": "Segment.__init__", "nth": 2},
    "records written": {"code": "Segment.write", "nth": 3},
    "segment synced": {"code": "Segment.sync", "nth": 3},
    "journal line written": {"code": "Journal.write", "nth": 4},
    "segment made durable": {"code": "Segment.make_durable"},
    "segment closed": {"code": "Segment.close"},
    "stored segment let go": {"code": "Work.stored"},
    "work folder half removed": {"code": "_rmtree_safe_fd"},
    "work folder removed": {"code": "Work.remove"},
}

# Steps of the harvest that finishes another one.
RECOVERY: dict[str, Tree] = {
    **{
        name: STEPS[name]
        for name in STEPS
        if name
        not in {
            *("lock taken", "harvest named in the checkpoint", "harvest folder claimed"),
            *("collection kept as used", "harvest.json kept fresh", "second segment stored"),
            *("part stored", "checkpoint moved on", "manifest-sha1 begun", "manifest-sha256 begun"),
        }
    },
    "growing file cut": {"code": "complete"},
    "segment made whole": {"code": "completed"},
    "recovery known": {"code": "recover"},
    "work folder removed": {"code": "Work.remove"},
}
OF_ANOTHER_DISK: dict[str, Tree] = {
    "work folder begun": {"code": "Work.fetched"},
    "parts fetched": {"code": "fetch_parts"},
}

# How the first harvest died before the second one dies while it finishes it. With its disk lost, what counts
# is what the checkpoint says, so it shall say that a segment grows.
_ANNOUNCED = {**STEPS["segment announced"], "nth": 2, "when": "after"}
_STORED = {**STEPS["second segment stored"], "when": "after"}
_AHEAD = {"code": "Segment.sync", "nth": 7, "when": "after"}
_CHECKED = {**STEPS["checkpoint moved on"], "holding": '"segment":{', "when": "after"}
_BEHIND = {**STEPS["segment announced"], "when": "before", "slow": 0.05}
# Of a stream alone; the others have no events here.
_APP: dict[str, Tree] = {
    "app taken": {"verb": "create|replace", "key": r"/\.apps/"},
    "app given back": {"verb": "remove", "key": r"/\.apps/"},
}
_SIDE: dict[str, Tree] = {
    "side file's part stored": {"verb": "create", "key": r"/open/matches-"},
    "side file stored": {"verb": "upload", "key": r"/matches-"},
    "side file let go": {"code": "Work.stored", "nth": 2},
    "side file's part removed": {"verb": "remove", "key": r"/open/matches-"},
}
_ENDING = {"verb": "upload", "key": r"/events\.jsonl$"}
FIRST_DEATHS: dict[str, dict[str, Tree]] = {
    "kept": {"growing": _AHEAD, "announced": _ANNOUNCED, "stored": _STORED, "behind": _BEHIND},
    "lost": {"growing": _CHECKED, "announced": _ANNOUNCED, "stored": _STORED},
    # Only after the second death, who had known more than the checkpoint.
    "lost later": {"growing": _AHEAD, "announced": _ANNOUNCED, "stored": _STORED, "behind": _BEHIND},
}


class Crashing:
    """The process that forks those which are to die."""

    def __init__(self) -> None:
        self._process = fork_server.start(
            [sys.executable, "-m", "tests.support.crash_points"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, order: Tree) -> int:
        """Harvest as ordered; the exit code, -9 for a death by SIGKILL."""
        self.begin(order)
        return self.ended()

    def begin(self, order: Tree) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def ended(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def ended_by_now(self) -> int | None:
        """The exit code, or None after a moment without one."""
        assert self._process.stdout
        return self.ended() if select.select([self._process.stdout], [], [], 0.01)[0] else None

    def end(self) -> None:
        self._process.communicate()


def _crashing() -> Iterator[Crashing]:
    process = Crashing()
    try:
        yield process
    finally:
        process.end()


crashing = pytest.fixture(_crashing, scope="module", name="crashing")
overtaking = pytest.fixture(_crashing, scope="module", name="overtaking")


@dataclass
class Scene:
    """One collection in one store, and the processes that harvest it and die."""

    crashing: Crashing
    store: Store
    order: Tree
    folder: Path
    files: Callable[[], Path]
    deaths: int = 0

    @property
    def fine(self) -> set[int]:
        # A stream that tells of a gap is partial.
        return {0, 3} if "stream" in self.order else {0}

    @property
    def collection(self) -> CollectionKeys:
        return CollectionKeys(self.order["id"])

    @property
    def keys(self) -> CollectionKeys:
        """Of what is harvested: the collection, or its repairs."""
        return self.collection.repairs if "repair" in self.order else self.collection

    def moves_to(self, machine: str) -> None:
        """Whatever harvests next has another work folder."""
        self.order["temp"] = str(self.folder / machine)

    def dies(self, point: Tree, *, machine: str = "temp") -> None:
        """Harvest until the point is reached, and be sure that it was."""
        self.moves_to(machine)
        mark = self.folder / "mark"
        code = self.crashing.run(self._until(point, mark))
        while code in self.fine and self._has_more():
            code = self.crashing.run(self._until(point, mark))
        assert (code, mark.exists()) == (-9, True), f"not reached:\n{self.log}"
        mark.unlink()
        assert named_but_absent(self.store, self.keys) == []
        self.deaths += 1
        # As `unlock` does, so that the tests do not wait until the dead one's lock expires.
        self.store.remove(self.keys.lock)

    def may_die(self, point: Tree) -> None:
        """Harvest, and die if the point is reached."""
        mark = self.folder / "mark"
        code = self.crashing.run(self._until(point, mark))
        assert code in {-9, *self.fine}, self.log
        mark.unlink(missing_ok=True)
        if code == -9:
            assert named_but_absent(self.store, self.keys) == []
            self.store.remove(self.keys.lock)

    def accused(self) -> list[str]:
        """What `collection verify` finds besides gaps."""
        report = verify(reader(self.store), self.collection, stop=Stop())
        return [
            f"{part.folder}{finding.name}: {finding.verdict}: {finding.reason}"
            for part, finding in report.findings()
            if finding.verdict not in (Verdict.FOUND, Verdict.GAP, Verdict.REPAIRED)
        ]

    def falls_asleep(self, point: Tree) -> int:
        """Harvest until the point is reached, and sleep there; the number of the process."""
        mark = self.folder / "mark"
        self.crashing.begin(self._until({**point, "sleeps": True}, mark))
        while not mark.exists():
            if (code := self.crashing.ended_by_now()) is not None:
                assert code in self.fine and self._has_more(), f"not reached:\n{self.log}"
                self.crashing.begin(self._until({**point, "sleeps": True}, mark))
        return int(mark.read_text())

    def _until(self, point: Tree, mark: Path) -> Tree:
        return {**self.order, "at": {**point, "mark": str(mark)}}

    def _has_more(self) -> bool:
        """On a slow machine a file may be through before a part of it was stored; then X has more, slower."""
        # Lists are read whole each time: with a few more, no page begins where one of before began.
        self.order["posts"] += 7 if "graph" in self.order else _POSTS
        self.order["network"] = 3 * self.order.get("network", 0.004)
        return bool(self.order["network"] < _SLOWEST)

    def is_overtaken(self, overtaking: Crashing) -> None:
        """Another process harvests to the end, as soon as the lock of the one that sleeps has expired."""
        deadline = time.monotonic() + 60
        while (code := overtaking.run(self.order)) == Exit.LOCKED:
            assert time.monotonic() < deadline, self.log
            pause(0.1)
        assert code in self.fine, self.log

    def objects(self) -> list[Entry]:
        return list(self.store.entries(self.keys.folder))

    def loses_its_disk(self) -> None:
        wipe(Path(self.order["temp"]))

    def ends(self) -> Found:
        """Harvest to the end, with posts that came since, and judge all that is there then."""
        self.order["posts"] += _MORE
        # The first goes on with the users after whom it was cut, the second begins with the first user.
        for _ in range(2):
            code = self.crashing.run(self.order)
            assert code in self.fine, self.log
        where, name = self.files(), self.order["id"]
        where, name = (where / name, "repairs") if "repair" in self.order else (where, name)
        found = examined(where, name, temp=Path(self.order["temp"]))
        assert found.wrong == [], self.log
        assert found.doubled == []
        # However it died, no harvest costs less than what it stored.
        told = [(summary["tweets"], summary["billed"].get("posts", 0)) for summary in found.harvests]
        assert [each for each in told if each[0] > each[1]] == []
        return found

    @property
    def log(self) -> str:
        return Path(self.order["log"]).read_text()[-6000:]

    @property
    def served_again(self) -> Counter[str]:
        served = Counter(Path(self.order["served"]).read_text().splitlines())
        return Counter({page: times - 1 for page, times in served.items() if times > 1})


Scenes = Callable[[str], Scene]


@pytest.fixture
def scenes(request: pytest.FixtureRequest, crashing: Crashing, tmp_path: Path) -> Scenes:
    """Makes the scene on the kind of store that is named."""
    paths = {name: str(tmp_path / name) for name in ("temp", "log", "served")}

    def on(kind: str) -> Scene:
        if kind == "folder":
            top = tmp_path / "collections"
            order = {"posts": _POSTS, "collections": str(top), **paths}
            return Scene(crashing, FolderStore(top), order, tmp_path, lambda: top)
        bucket: Bucket = request.getfixturevalue("s3")
        server = bucket.server
        keys = [server.endpoint, server.access_key, server.secret_key]
        order = {"posts": _POSTS, "bucket": bucket.name, "server": keys, **paths}
        store = S3Store(bucket.name, client=server.requests(bucket.name))
        return Scene(crashing, store, order, tmp_path, lambda: mirrored(bucket, tmp_path / "mirror"))

    return on


def _timelines(scene: Scene, **users: Tree) -> None:
    scene.order["id"] = "crash-timelines"
    users = users or {"1": {}, "2": {}, "5": {}}
    history.add(scene.store, scene.keys, {"id": scene.order["id"], "type": "user_timeline", "users": users})


def _search(scene: Scene) -> None:
    scene.order["id"] = "crash-search"
    search = {"query": "flood"}
    history.add(scene.store, scene.keys, {"id": scene.order["id"], "type": "search", "search": search})


def _stream(scene: Scene) -> None:
    scene.order |= {"id": "crash-stream", "stream": True}
    track = {"track": "flood"}
    history.add(scene.store, scene.keys, {"id": scene.order["id"], "type": "filter", "filter": track})


def _repair(scene: Scene) -> None:
    """The repair of a gap, in the first millisecond of which all was published that X has."""
    scene.order["id"] = "crash-repair"
    track = {"track": "flood"}
    history.add(scene.store, scene.collection, {"id": "crash-repair", "type": "filter", "filter": track})
    since = datetime(2026, 11, 1, tzinfo=UTC)
    gap = Gap(since, since + timedelta(seconds=60), "closed").event()
    missed = Harvest(
        store=scene.store,
        keys=scene.collection,
        client=lambda *_: Client(),
        settings=Settings(),
        work_root=scene.folder / "stream",
        clock=SystemClock(),
        stop=Stop(),
        source=lambda _: lambda job: job.put(Batch(events=(gap,))),
    )
    assert missed.run().exit_code == Exit.PARTIAL
    began = missed.summary()["harvest_timestamp"]
    ends = {"from": gap["from"], "to": gap["to"]}
    planned = {"harvest": began, **ends, "spans": [{**ends, "queries": [0]}], "rules": ["flood"]}
    section = {"archive": False, "gaps": [planned], "queries": [{"query": "flood", "rules": ["flood"]}]}
    described = {"id": "crash-repair", "type": "repair", "repair": section}
    history.add(scene.store, scene.collection.repairs, described)
    scene.order |= {"repair": True, "posts": _before_the_gap(gap) + _POSTS}


def _before_the_gap(gap: Tree) -> int:
    """The number of the last post before it, as X's stand-in numbers them."""
    return (first_id_at(datetime.fromisoformat(gap["from"])) - 1) // 10


def _repair_is_whole(scene: Scene) -> Found:
    found = scene.ends()
    (folder,) = [
        entry.key
        for entry in scene.store.entries(scene.collection.harvests)
        if entry.key.endswith("/harvest.json")
    ]
    (gap,) = json.loads(scene.store.read(folder).data)["gaps"]
    before = _before_the_gap(gap)
    assert found.lost(str(number * 10) for number in range(before + 1, before + _POSTS + 1)) == []
    assert (gap["repaired"]["state"], gap["repaired"]["stored"]) == ("repaired", found.posts.total())
    assert [event["stored"] for summary in found.harvests for event in summary.get("repairs", ())] == [
        found.posts.total()
    ]
    assert scene.accused() == []
    return found


def _matches_are_whole(scene: Scene) -> None:
    """Each stored record that matched rules is in the side file of its segment, and nothing else is."""
    folder = scene.files() / scene.order["id"]
    told = 0
    for segment in folder.rglob("tweets-*.jsonl.gz"):
        posts = [
            json.loads(line)["data"]["id"] for line in gzip.decompress(segment.read_bytes()).splitlines()
        ]
        expected = [
            {"line": number, "id": post, "rules": MATCHED}
            for number, post in enumerate(posts, 1)
            if is_matched(post)
        ]
        side = segment.with_name(segment.name.replace("tweets-", "matches-"))
        lines = gzip.decompress(side.read_bytes()).splitlines() if side.exists() else []
        assert [json.loads(line) for line in lines] == expected, scene.log
        told += len(expected)
    assert told > 200
    assert len([*folder.rglob("matches-*")]) <= len([*folder.rglob("tweets-*")])


def _timelines_are_whole(scene: Scene) -> Found:
    found = scene.ends()
    numbers = range(1, scene.order["posts"] + 1)
    assert found.lost(str(number * 10 + user) for user in (1, 2) for number in numbers) == []
    newest = {str(user): str(scene.order["posts"] * 10 + user) for user in (1, 2)}
    users = found.collection["users"]
    assert {user: users[user].get("since_id") for user in newest} == newest
    assert [user for user in users if "resume" in users[user]] == []
    assert "sweep" not in found.collection
    return found


def _search_is_whole(scene: Scene) -> Found:
    found = scene.ends()
    assert found.lost(str(number * 10) for number in range(1, scene.order["posts"] + 1)) == []
    assert found.collection["search"]["since_id"] == str(scene.order["posts"] * 10)
    assert "resume" not in found.collection["search"]
    return found


@dataclass(frozen=True)
class Point:
    """A moment to die at; the whole of them is a matter of minutes, so some are left to CRASH_POINTS=all."""

    name: str
    when: str
    store: str = "folder"
    disk: str = "kept"
    first: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.store, self.disk, self.first, self.when, self.name)))


_WHEN = ("before", "after")
_STORES = ("folder", "s3")
_ALL = {**STEPS, **LOCAL}
_SECOND = {"kept": RECOVERY, "lost": {**RECOVERY, **OF_ANOTHER_DISK}, "lost later": RECOVERY}
_EACH = os.environ.get("CRASH_POINTS") == "all"

_AT_ONCE = [
    *(Point(name, when) for name in _ALL for when in _WHEN),
    *(
        Point(name, when, "s3")
        for number, name in enumerate(STEPS)
        for when in _WHEN
        if _EACH or (when == "after" and number % 2 == 0)
    ),
]
# In a bucket each step once, with its disk or without.
_WITH_DISK = [
    Point(name, when, store, "lost")
    for store in _STORES
    for number, name in enumerate(STEPS)
    for when in _WHEN
    if _EACH or (when == "after" and (store == "folder" or number % 2))
]
_TWICE = [
    Point(name, when, store, disk, first)
    for store in _STORES
    for place, disk in enumerate(FIRST_DEATHS)
    for number, name in enumerate(_SECOND[disk])
    for turn, first in enumerate(FIRST_DEATHS[disk])
    for when in _WHEN
    # Only of a file that grew when the first one died anything has to be made whole.
    if first == "growing" or name != "segment made whole"
    if _EACH
    or (name == "segment made whole" and store == "folder")
    or (
        when == "after"
        and turn == number % len(FIRST_DEATHS[disk])
        # In a bucket every other step, each with one of the disks.
        and (store == "folder" or number % 6 == 2 * place + 1)
    )
]


# Each name once, on one of the stores. Who sleeps before it has the lock is not overtaken.
_ASLEEP = [
    Point(name, when, store)
    for turn, store in enumerate(_STORES)
    for number, name in enumerate(STEPS)
    for when in _WHEN
    if (name, when) != ("lock taken", "before")
    if _EACH or (when == "after" and number % 2 == turn)
]


@pytest.mark.parametrize("point", _AT_ONCE, ids=str)
def test_a_harvest_that_dies_at_any_step_loses_and_doubles_nothing(scenes: Scenes, point: Point) -> None:
    scene = scenes(point.store)
    _timelines(scene)
    scene.dies({**_ALL[point.name], "when": point.when})
    _timelines_are_whole(scene)
    # One page of each of the two users that are read at a time.
    assert scene.served_again.total() <= 2
    if point.store == "folder":
        assert scratch_left(scene.files()) <= scene.deaths


@pytest.mark.unversioned
@pytest.mark.parametrize("point", _ASLEEP, ids=str)
def test_who_sleeps_at_any_step_and_is_overtaken_changes_nothing(
    scenes: Scenes, overtaking: Crashing, point: Point
) -> None:
    scene = scenes(point.store)
    _timelines(scene)
    scene.order["lock_seconds"] = 0.3
    asleep = scene.falls_asleep({**STEPS[point.name], "when": point.when})
    try:
        scene.is_overtaken(overtaking)
        # A store dates by the second: what is created from now on is later than all that was seen.
        then = scene.store.now() + timedelta(seconds=1)
        until(lambda: scene.store.now() > then, "the store's clock stands still")
        before = scene.objects()
    finally:
        os.kill(asleep, signal.SIGCONT)
        code = scene.crashing.ended()
    # Who had only to give the lock back has ended well.
    assert code in {Exit.LOCKED, Exit.OK}, scene.log
    assert scene.objects() == before, scene.log
    _timelines_are_whole(scene)


def test_what_came_after_the_lock_had_expired_is_not_counted(
    scenes: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    scene = scenes("folder")
    _timelines(scene)
    scene.dies({**STEPS["second segment stored"], "when": "after"})
    # A sleeper would take it back.
    late = max(
        (entry for entry in scene.objects() if "/tweets-" in entry.key), key=lambda entry: entry.modified
    )
    expired = late.modified - timedelta(microseconds=1)
    recovered = recover(scene.store, scene.keys, scene.folder / "x", owner="successor", late_after=expired)
    assert recovered
    recovered.work.close()
    assert late.key not in {entry.key for entry in scene.objects()}
    assert f"{late.key} was written after its harvest had lost the lock; removing it." in caplog.messages
    scene.loses_its_disk()
    _timelines_are_whole(scene)


@pytest.mark.parametrize("store", _STORES)
@pytest.mark.parametrize("name", ["part stored", "segment announced", "segment stored", "changeset written"])
def test_a_search_that_dies_loses_and_doubles_nothing(scenes: Scenes, store: str, name: str) -> None:
    scene = scenes(store)
    _search(scene)
    for when in _WHEN:
        scene.dies({**STEPS[name], "when": when})
        scene.order["posts"] += _MORE
    _search_is_whole(scene)
    assert scene.served_again.total() <= 2 * scene.deaths


_OF_STREAMS = [
    "segment synced",
    "checkpoint moved on",
    "segment stored",
    "events stored",
    "last death",
    *_APP,
    *_SIDE,
]


@pytest.mark.parametrize(
    ("store", "disk", "name"),
    [
        (store, disk, name)
        for store in _STORES
        for turn, disk in enumerate(["kept", "lost"])
        for number, name in enumerate(_OF_STREAMS)
        if _EACH or store == "folder" or number % 2 == turn
    ],
)
def test_a_stream_that_dies_loses_nothing_but_what_it_tells(
    scenes: Scenes, store: str, disk: str, name: str
) -> None:
    scene = scenes(store)
    _stream(scene)
    points = {**_ALL, **_APP, **_SIDE, "events stored": _ENDING, "last death": STEPS["lock removed"]}
    for when in _WHEN:
        scene.dies({**points[name], "when": when})
        if disk == "lost":
            scene.loses_its_disk()
    found = scene.ends()
    existed = Path(scene.order["served"]).read_text().splitlines()
    assert len(existed) > 500
    assert found.lost_unsaid(existed) == []
    died = [summary for summary in found.harvests if summary["state"] == "interrupted"]
    assert all(summary["gaps"] for summary in died)
    assert len(died) in ([0] if name in ("last death", "app given back") else [1, 2])
    assert [entry.key for entry in scene.store.entries(APPS)] == []
    _matches_are_whole(scene)
    assert scene.accused() == []


@pytest.mark.parametrize("point", _WITH_DISK, ids=str)
def test_a_harvest_that_dies_with_its_disk_loses_and_doubles_nothing(scenes: Scenes, point: Point) -> None:
    scene = scenes(point.store)
    _timelines(scene)
    scene.dies({**STEPS[point.name], "when": point.when})
    scene.loses_its_disk()
    _timelines_are_whole(scene)


_OF_REPAIRS = {
    **{
        name: point
        for name, point in STEPS.items()
        if name not in ("users stored", "user changes stored", "side file's part removed")
    },
    "events stored": _ENDING,
    "collection replaced": {"verb": "replace", "key": r"repairs/collection\.json$"},
    "gap closed": {"verb": "replace", "key": r"crash-repair/harvests/.*/harvest\.json$"},
}


# Their own ones, and every other one of all.
_SOME_OF_REPAIRS = [*[*_OF_REPAIRS][:-3:2], *[*_OF_REPAIRS][-3:]]


@pytest.mark.parametrize("name", _OF_REPAIRS if _EACH else _SOME_OF_REPAIRS)
def test_a_repair_that_dies_at_any_step_goes_on_and_closes_its_gap(scenes: Scenes, name: str) -> None:
    for when in _WHEN if _EACH else _WHEN[1:]:
        scene = scenes("folder")
        _repair(scene)
        scene.dies({**_OF_REPAIRS[name], "when": when})
        _repair_is_whole(scene)


@pytest.mark.parametrize("name", ["part stored", "segment stored", "changeset written", "events stored"])
def test_a_repair_that_dies_with_its_disk_asks_again_for_what_is_lost(scenes: Scenes, name: str) -> None:
    scene = scenes("folder")
    _repair(scene)
    scene.dies({**_OF_REPAIRS[name], "when": "after"})
    scene.loses_its_disk()
    _repair_is_whole(scene)


def test_what_came_after_the_last_file_is_known_before_the_end(scenes: Scenes) -> None:
    scene = scenes("folder")
    # The last page fills the last file; then an account is looked up, while the store is still busy.
    scene.order["posts"] = 400
    _timelines(scene, **{"1": {"screen_name": "u1"}, "2": {"screen_name": "u2"}, "6": {"screen_name": "u6"}})
    scene.dies({**STEPS["users stored"], "when": "after", "slow": 0.03})
    scene.loses_its_disk()
    _timelines_are_whole(scene)


@pytest.mark.parametrize("point", _TWICE, ids=str)
def test_a_recovery_that_dies_at_any_step_is_recovered_from(scenes: Scenes, point: Point) -> None:
    scene = scenes(point.store)
    _timelines(scene)
    scene.dies(FIRST_DEATHS[point.disk][point.first])
    if point.disk == "lost":
        scene.loses_its_disk()
    scene.dies({**_SECOND[point.disk][point.name], "when": point.when})
    if point.disk != "kept":
        scene.loses_its_disk()
    _timelines_are_whole(scene)


def test_an_older_work_folder_than_what_is_stored_is_not_gone_on_with(scenes: Scenes) -> None:
    scene = scenes("folder")
    _timelines(scene)
    third = r"/tweets-\d+-000003"
    # One machine has a third file that the checkpoint does not know, so that the other one knows of two.
    scene.dies({"verb": "create", "key": f"/open{third}", "when": "before"}, machine="one")
    scene.dies({"code": "recover", "when": "after"}, machine="other")
    scene.dies({"verb": "upload", "key": third, "when": "after"}, machine="one")
    scene.moves_to("other")
    _timelines_are_whole(scene)


@pytest.mark.parametrize(("store", "disk"), [("folder", "kept"), ("folder", "lost"), ("s3", "lost")])
@pytest.mark.parametrize("deaths", [1, 2])
def test_the_gap_of_a_stream_whose_ending_was_cut_is_told_once(
    scenes: Scenes, store: str, disk: str, deaths: int
) -> None:
    scene = scenes(store)
    _stream(scene)
    # The first time its own ending, the second time that of the one that finishes it.
    for when in ("after", "before")[:deaths]:
        scene.dies({**_ENDING, "when": when})
        if disk == "lost":
            scene.loses_its_disk()
    found = scene.ends()
    assert found.lost_unsaid(Path(scene.order["served"]).read_text().splitlines()) == []
    dead, following, *_ = found.harvests
    assert (dead["state"], dead["gaps"]) == ("interrupted", [])
    assert [gap["from"] for gap in following["gaps"]] == [dead["missed_interval"]["since"]]
    assert scene.accused() == []


_ANYWHERE = [*_ALL.values(), *_SIDE.values(), *RECOVERY.values(), *OF_ANOTHER_DISK.values(), _ENDING]
_KINDS: tuple[tuple[Callable[[Scene], None], Callable[[Scene], Found]], ...] = (
    (_stream, Scene.ends),
    (_timelines, _timelines_are_whole),
    (_search, _search_is_whole),
)
_SEQUENCES = int(os.environ.get("CRASH_SEQUENCES", "10"))


@pytest.mark.parametrize("number", range(_SEQUENCES))
def test_after_any_deaths_on_any_machines_one_good_harvest_makes_it_whole(
    scenes: Scenes, number: int
) -> None:
    scene, draw = scenes(_STORES[number % 5 == 4]), Random(number)
    made, judged = _KINDS[number % 3]
    made(scene)
    machines = ["one", "another", "a third"][: draw.randint(1, 3)]
    for _ in range(draw.randint(1, 5)):
        scene.moves_to(draw.choice(machines))
        if draw.random() < 0.2:
            scene.loses_its_disk()
        point = draw.choice(_ANYWHERE)
        nth = draw.choice([1, 1, 2, 3, point.get("nth", 1)])
        scene.may_die({**point, "nth": nth, "when": draw.choice(_WHEN)})
        scene.order["posts"] += draw.choice([0, _MORE])
    for machine in sorted(machines, key=lambda _: draw.random()):
        scene.moves_to(machine)
        found = judged(scene)
    if made is _stream:
        assert found.lost_unsaid(Path(scene.order["served"]).read_text().splitlines()) == [], scene.log
        _matches_are_whole(scene)
    assert scene.accused() == [], scene.log
