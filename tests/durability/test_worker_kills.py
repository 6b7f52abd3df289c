"""Workers of a crawl are killed, at random and at each step: no edge is lost, doubled, or too deep.

The workers are real processes on one store, with an emulated network and moto's queue. The truth is what
the emulator knows of its graph. `KILLS=60 PAGES=8 DEPTHS=2 STORE=s3 make check T=...` runs a longer storm:
a kill each time 8 pages were given, to another depth, in a bucket of a real server.
"""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.clock import Stop, SystemClock, moment
from harvester.collection import history
from harvester.collection.workers import worker_ids, worker_tree
from harvester.graph.workers.begin import begin_crawl
from harvester.graph.workers.marks import ABANDONED
from harvester.harvest.depth_files import ids_in
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support import fork_server
from tests.support.crawl_queues import REGION, Queues
from tests.support.invariants import wipe
from tests.support.servers import Bucket, S3Server

pytestmark = pytest.mark.system

_KILLS = int(os.environ.get("KILLS", "6"))
_WORKER = Path(fork_server.__file__).with_name("worker_process.py")
_ID = "libraries"
_DEPTHS, _STORE = int(os.environ.get("DEPTHS", "1")), os.environ.get("STORE", "folder")
# A file has a page or some, so that a depth is closed in parts.
_FILE = 8_000
_WITHIN = 120.0
# A longer storm has more to read, from a network that is so slow that workers are killed as often.
_SHAPE: dict[str, Any] = {
    "degrees": f"pareto:1.2:{6 + _KILLS // 10}",
    "latency": max(0.0, 5.0 * (_KILLS - 6)),
}
_OPTIONS: dict[str, Any] = {"users": 150, "posts_per_user": 0, "limits": False, **_SHAPE}

# Each step of a worker after or before which it dies, in the order of a crawl; and how often it is made until
# then.
CRASH_POINTS = {
    "the queue may be filled, and is not": ("workers/marks.py", "Marks.ticket", "after", 1),
    "a user is received, not claimed": ("workers/marks.py", "Marks.claim", "before", 1),
    "a user is claimed, no page is read": ("workers/marks.py", "Marks.claim", "after", 1),
    "a list is read in half": ("account_list.py", "AccountList._store", "after", 1),
    "a list is stored, its user not done": ("workers/marks.py", "Marks.mark_done", "before", 1),
    "before a depth is closed": ("workers/settle.py", "settle", "after", 1),
    "a part of a closing is divided": ("workers/parts.py", "_Parts._divide", "after", 1),
    "a part of a closing is half stored": ("workers/parts.py", "_Parts._create", "before", 2),
    "a part of a closing is compared": ("workers/parts.py", "_Parts._compare", "after", 1),
    "a depth is closed, its parts not removed": ("workers/parts.py", "_Parts.remove", "before", 1),
    "a dead letter is not buried": ("workers/queue.py", "CrawlQueue.bury", "before", 1),
    "the queue is half sent": ("workers/queue.py", "CrawlQueue._send", "before", 2),
    "a user is done, and claimed": ("workers/marks.py", "Marks._free", "before", 1),
    "a user is done, its message is there": ("shared_crawl.py", "SharedCrawl._forget", "before", 1),
    "the last frontier is written, the crawl not over": ("graph/ending.py", "note_end", "before", 1),
}


@dataclass
class Scene:
    """A crawl of two seeds by some workers, each started again when it ends too early."""

    folder: Path
    emulated: emulator.Emulated
    queues: Queues
    workers: int
    bucket: Bucket | None = None
    seeds: list[str] = field(default_factory=list)
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    marks: list[Path] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.store: Store = FolderStore(self.folder / "collections")
        if self.bucket:
            self.store = S3Store(self.bucket.name, client=self.bucket.server.requests(self.bucket.name))
        self.keys = CollectionKeys(_ID)
        self.seeds = [user["id"] for user in self.emulated.control.users()[3:5]]
        tree: dict[str, Any] = {
            "id": _ID,
            "type": "graph",
            "users": {seed: {} for seed in self.seeds},
            "graph": {"max_depth": _DEPTHS, "crawl": None},
            "workers": {"profiles": [f"p{number}" for number in range(self.workers)]},
            "budget_usd": 100_000,
        }
        tree["graph"]["approve"] = "within_budget"
        history.add(self.store, self.keys, tree)
        self.ids = worker_ids(tree)
        for number, worker in enumerate(self.ids, 1):
            history.add(self.store, CollectionKeys(worker), worker_tree(tree, number))
        self.started = begin_crawl(self.store, self.keys, self.tree())

    def tree(self) -> Any:
        return history.current(self.store, self.keys)

    def is_over(self) -> bool:
        return not self.tree()["graph"].get("crawl")

    def start(self, worker: str, at: dict[str, Any] | None = None) -> None:
        environment = {
            **os.environ,
            **self.queues.server.environment,
            "X_API_URL": self.emulated.url,
            "BEARER_TOKEN": emulator.CREDENTIALS["bearer_token"],
            "TWARC_CLOUD_GRAPH_QUEUE": self.queues.url,
            "TWARC_CLOUD_REGION": REGION,
            "TWARC_CLOUD_CHECKPOINT_SECONDS": "0.2",
            "TWARC_CLOUD_CONCURRENCY": "3",
            "TWARC_CLOUD_BYTES_PER_FILE": str(_FILE),
            "HOME": str(self.folder),
        }
        where = ["local", "harvester"]
        if self.bucket:
            where = ["aws", "harvester", self.bucket.name]
            server = self.bucket.server
            environment |= {
                **server.environment,
                "AWS_ENDPOINT_URL_SQS": self.queues.server.endpoint,
                # Who was killed can begin again once its lock has expired.
                "TWARC_CLOUD_LOCK_SECONDS": "1",
            }
        command = [*where, worker, "--temp", str(self.folder / "temp")]
        with (self.folder / f"{worker}.log").open("ab") as log:
            self.running[worker] = fork_server.start(
                [sys.executable, str(_WORKER), json.dumps(at or {}), *command],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def keep(self) -> None:
        """Start again whatever has ended, unless the crawl is over."""
        for worker in self.ids:
            process = self.running.get(worker)
            if (process is None or process.poll() is not None) and not self.is_over():
                self.start(worker)

    def kill(self, worker: str) -> None:
        process = self.running.get(worker)
        if process and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.kills += 1

    def finish(self, *, kills: int = 0) -> None:
        """Keep the workers running until the crawl is over, and kill one each time some pages were given.

        Pages and not seconds, so that a crawl on a fast machine is killed as often as one on a slow one.
        """
        dice, clock, stop = random.Random(7), SystemClock(), Stop()
        began, due = clock.elapsed(), _PAGES_A_KILL
        while not self.is_over():
            assert clock.elapsed() - began < _WITHIN + 2.0 * kills, self.log()
            self.keep()
            if self.kills < kills and len(self._pages_given()) >= due:
                # Not at once: just after a page was given, it is rarely stored.
                clock.wait(stop, dice.uniform(0.0, _SOON))
                self.kill(dice.choice(self.ids))
                due = len(self._pages_given()) + _PAGES_A_KILL
            clock.wait(stop, 0.02)
        for process in self.running.values():
            process.wait(timeout=60)

    def let_pass(self, seconds: float) -> None:
        """All in the folder of the store is so much older."""
        for path in filter(Path.is_file, (self.folder / "collections").rglob("*")):
            old = path.stat().st_mtime - seconds
            os.utime(path, (old, old))

    def close(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
            process.wait()

    def log(self) -> str:
        logs = [self.folder / f"{each}.log" for each in self.ids]
        return "\n".join(log.read_text()[-1500:] for log in logs if log.exists())

    def require_true(self) -> None:
        """The frontiers and the edges are those of the graph; each list is there once, and no other."""
        truth, known = [sorted(self.seeds)], {*self.seeds}
        lists = {user: self.emulated.control.followers(user) for user in self.seeds}
        for _ in range(_DEPTHS + 1):
            lists |= {user: self.emulated.control.followers(user) for user in truth[-1] if user not in lists}
            new = {each for user in truth[-1] for each in lists[user]} - known
            known |= new
            truth.append(sorted(new))
        here = self.keys.crawl(moment(self.started))
        assert [list(ids_in(self.store, here.depth(depth))) for depth in range(_DEPTHS + 2)] == truth
        ends = [end for end in self._lines("lists.jsonl") if end["outcome"] == "complete"]
        read = {user for depth in truth[: _DEPTHS + 1] for user in depth}
        assert Counter(end["user"] for end in ends) == dict.fromkeys(read, 1)
        assert {user: len(lists[user]) for user in read} == {end["user"]: end["received"] for end in ends}

    def pages_twice(self) -> int:
        """How many pages the network gave more often than they are stored."""
        stored = sum(len(gzip.decompress(data).splitlines()) for data in self._files("users-*.jsonl.gz"))
        return len(self._pages_given()) - stored

    def _pages_given(self) -> list[str]:
        asked = [each["path"] for each in self.emulated.truth()["requests"]]
        return [path for path in asked if "/followers" in path]

    def _files(self, name: str) -> Iterator[bytes]:
        for keys in map(CollectionKeys, worker_ids(self.tree())):
            for entry in self.store.entries(keys.harvests):
                if fnmatch(entry.key, f"*/{name}"):
                    yield self.store.read(entry.key).data

    def _lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for data in self._files(name) for line in data.splitlines()]


_PAGE = 4
_SOON = 0.2
_PAGES_A_KILL = int(os.environ.get("PAGES", "15"))


@pytest.fixture
def opened(tmp_path: Path, moto_server: S3Server, request: pytest.FixtureRequest) -> Iterator[Any]:
    bucket = request.getfixturevalue("s3") if _STORE == "s3" else None
    with ExitStack() as stack:

        def scene(*, workers: int) -> Scene:
            emulated = stack.enter_context(emulator.running(**_OPTIONS))
            emulated.control.faults([{"on": "*followers*", "do": "short-page", "size": _PAGE}])
            made = Scene(tmp_path, emulated, Queues(moto_server), workers, bucket)
            stack.callback(made.close)
            return made

        yield scene


def test_a_crawl_is_true_after_its_workers_were_killed_at_random(opened: Any) -> None:
    scene = opened(workers=3)
    scene.finish(kills=_KILLS)
    scene.require_true()
    assert scene.kills > 0
    # One page of each list that was being read, as in one process; few lists are that unlucky.
    assert scene.pages_twice() <= max(3, 0.3 * scene.kills), (scene.kills, scene.pages_twice())


def test_workers_that_died_and_did_not_come_back_hold_up_no_depth(opened: Any, tmp_path: Path) -> None:
    scene = opened(workers=3)
    one, *others = scene.ids
    steps = [
        {"file": "harvest/finalize.py", "code": "Ending._store_side_files", "when": "before", "nth": 1},
        {"file": "workers/marks.py", "code": "Marks.mark_done", "when": "before", "nth": 1},
    ]
    for worker, at in zip(others, steps, strict=True):
        mark = tmp_path / f"died-{worker}"
        # The second one closes the depth of the first before it has a list.
        for _ in range(2):
            if not mark.exists():
                scene.start(worker, {**at, "mark": str(mark)})
                scene.running[worker].wait(timeout=60)
        assert mark.exists(), scene.log()
    # With its disk.
    wipe(scene.folder / "temp")
    if _STORE == "folder":
        scene.let_pass(ABANDONED + 60)
    scene.ids = [one]
    scene.finish()
    # The list that had ended when its worker died is not read again.
    scene.require_true()
    assert "died; its last harvest is finished" in scene.log()


def test_a_crawl_is_true_after_a_worker_died_at_each_step(opened: Any, tmp_path: Path) -> None:
    scene = opened(workers=2)
    worker = scene.ids[0]
    for number, (name, (file, code, when, nth)) in enumerate(CRASH_POINTS.items()):
        if "dead letter" in name:
            scene.queues.put("another@1:0:1", dead=True)
        mark = tmp_path / f"died-{number}"
        scene.start(worker, {"file": file, "code": code, "when": when, "nth": nth, "mark": str(mark)})
        scene.running[worker].wait(timeout=60)
        assert mark.exists(), f"{name}: {scene.log()}"
    scene.finish()
    scene.require_true()
    # No message of this crawl is left, and each page was paid for once but for those in flight.
    assert scene.pages_twice() <= len(CRASH_POINTS) * 0.3 + 2
