"""A line of figures a minute: counted right, stored with the harvest, and not lost or doubled by a death."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.clock import Stop, timestamp
from harvester.collection import history
from harvester.collection.secrets import without_secrets
from harvester.documents import Tree
from harvester.harvest.checkpoint import Parts, growing
from harvester.harvest.finalize import Ending
from harvester.harvest.harvest import Harvest
from harvester.harvest.minutes import Minutes
from harvester.harvest.progress import COMPLETE, PARTIAL, Outcome, Progress
from harvester.harvest.recovery import recover
from harvester.harvest.workdir import State, Work
from harvester.networks import Batch
from harvester.networks.x.sources import Job
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import STATS, CollectionKeys
from harvester.store.pointer import Pointer
from tests.harvest.test_a_day import CountingStore
from tests.support.stalling_clients import Client
from tests.support.stores import HandClock

KEYS = CollectionKeys("s")
_TREE = {"id": "s", "type": "filter", "filter": {"track": "a"}}


def _minutes(data: bytes) -> list[Tree]:
    return [orjson.loads(line) for line in data.splitlines()]


def _streamed(store: CountingStore, clock: HandClock, folder: Path, *, seconds: int, every: int) -> str:
    """A stream that delivers two posts at the given interval; the folder of its harvest."""

    def collect(job: Job) -> None:
        for second in range(1, seconds + 1):
            clock.seconds += 1
            if every and second % every == 0:
                job.client.billing.add("stream", posts=2)
                job.put(Batch(lines=b'{"data":{"id":"1"}}\n' * 2, posts=2, counts={"pages": 1}), wait=True)
            job.put(Batch(heard=timestamp(clock.now())), wait=True)
            # What is due by then has been done once another one is taken.
            job.put(Batch(), wait=True)

    history.add(store, KEYS, _TREE)
    store.asked.clear()
    harvest = Harvest(
        store=store,
        keys=KEYS,
        client=lambda *_: Client(),
        settings=Settings(),
        work_root=folder,
        clock=clock,
        stop=Stop(),
        source=lambda _: collect,
    )
    assert harvest.run().state == COMPLETE
    (key,) = (entry.key for entry in store.entries(KEYS.harvests) if entry.key.endswith("/harvest.json"))
    return key.removesuffix("harvest.json")


def test_each_minute_has_a_line_and_the_end_has_one(tmp_path: Path) -> None:
    clock = HandClock()
    store = CountingStore(clock)
    folder = _streamed(store, clock, tmp_path, seconds=600, every=30)
    found = _minutes(store.read(folder + STATS).data)
    posts = [each["tweets"] for each in found]
    # Whether the batch of that second was written before the look is a matter of threads.
    assert len(posts) == 11 and posts[-1] == 40
    assert all(abs(number - 4 * minute) <= 2 for minute, number in enumerate(posts[:-1], 1))
    last = found[-1]
    assert (last["pages"], last["gaps"], last["usd"], last["files"]) == (20, 0, 0.2, 1)
    assert last["file_bytes"] > 0 and last["waiting_s"] == 0 and last["rss_mb"] > 10
    assert [each["at"] for each in found] == sorted(each["at"] for each in found)
    for algorithm in ("sha1", "sha256"):
        assert f"  {STATS}\n" in store.read(f"{folder}manifest-{algorithm}.txt").data.decode()


def test_a_harvest_of_less_than_a_minute_has_no_such_file(tmp_path: Path) -> None:
    clock = HandClock()
    store = CountingStore(clock)
    folder = _streamed(store, clock, tmp_path, seconds=59, every=10)
    assert not [entry for entry in store.entries(folder) if entry.key.endswith(STATS)]


def test_an_idle_hour_asks_nothing_of_the_store_for_its_lines(tmp_path: Path) -> None:
    """They are in the checkpoints that are written anyway."""
    clock = HandClock()
    store = CountingStore(clock)
    folder = _streamed(store, clock, tmp_path, seconds=3600, every=0)
    assert len(_minutes(store.read(folder + STATS).data)) == 61
    # One at the end, and not one part of it before that.
    assert [(name, times) for name, times in store.writes.items() if STATS in name] == [(STATS, 1)]


def test_waiting_is_measured(tmp_path: Path) -> None:
    progress = Progress("s", "here", "")
    minutes = Minutes(progress, begun=0.0)
    state = State(harvest=timestamp(HandClock().now()), owner="me")
    due = []
    for second in range(1, 200):
        if second == 30:
            progress.waits("rate limit", 60)
        if second == 90:
            progress.waits("rate limit", 0)
        if minutes.is_due(float(second)):
            due.append((second, minutes.line(state, at=HandClock().now())["waiting_s"]))
    assert due == [(60, 31.0), (120, 60.0), (180, 60.0)]
    # A machine that slept has no lines of that time, and not all of them at once.
    assert [minutes.is_due(7200.0), minutes.is_due(7201.0)] == [True, False]


class _Dying:
    """A harvest of minutes only, which dies somewhere, as do those that finish it on other machines."""

    def __init__(self, folder: Path, draw: Random) -> None:
        self._folder, self._draw = folder, draw
        self.store = FolderStore(folder / "collections")
        history.add(self.store, KEYS, _TREE)
        self.began = HandClock().now().replace(microsecond=0)
        self.here = KEYS.harvest(self.began)
        self.work = Work.begin(folder / "0", State(harvest=timestamp(self.began), owner="me"))
        self.work.sync(now=self.began)
        self._parts = Parts(self.store, self.here, self.work.folder)
        self._pointer = Pointer(self.store, KEYS.checkpoint)
        progress = Progress(KEYS.id, self.store.name, self.work.state.harvest)
        self.running = progress.summary(self.work.state)
        Pointer(self.store, self.here.harvest).create(self.running)
        Pointer(self.store, self.here.collection).create(without_secrets(_TREE))
        # As of the last checkpoint, and of the last sync on its machine.
        self.lines = self.synced = b""
        self._checkpoint()

    def live(self) -> None:
        """Lines, syncs, and checkpoints of them."""
        for number in range(self._draw.randrange(1, 30)):
            self.work.add_minute({"at": "x", "tweets": number, "text": "é" * self._draw.randrange(9)})
            if self._draw.random() < 0.4:
                self._checkpoint(dies=self._draw.random() < 0.1)
            elif self._draw.random() < 0.4:
                self._sync()

    def _sync(self) -> None:
        self.work.sync(now=self.began)
        path = self.work.path(STATS)
        self.synced = path.read_bytes() if path.exists() else b""

    def _checkpoint(self, *, dies: bool = False) -> None:
        self._sync()
        state = self.work.state
        tails = self._parts.copy_growing(growing(state.sizes, state.segment), longest_tail=60)
        if dies:
            return
        self._pointer.write({"state": state.to_tree(), "tails": tails})
        self.lines = self.synced

    def finish(self, *, here: bool) -> bytes:
        self.work.close()
        for number in range(not here, self._draw.randrange(2, 5)):
            # It dies before it has stored anything of the end.
            found = recover(self.store, KEYS, self._folder / f"{number}", owner=f"finisher {number}")
            assert found
            found.work.close()
        found = recover(self.store, KEYS, self._folder / "last", owner="last")
        assert found
        progress = Progress(KEYS.id, self.store.name, found.work.state.harvest)
        progress.end(Outcome(PARTIAL))
        for _, step in Ending(self.store, KEYS, found.work, _TREE, progress.summary).steps():
            step()
        stored = list(self.store.entries(self.here.stats))
        return self.store.read(self.here.stats).data if stored else b""


@settings(max_examples=40)
@given(st.integers(0, 1 << 32), st.booleans())
def test_what_a_harvest_that_died_had_is_stored_by_whoever_finishes_it(seed: int, here: bool) -> None:  # noqa: FBT001
    with TemporaryDirectory() as folder:
        harvest = _Dying(Path(folder), Random(seed))
        harvest.live()
        assert harvest.finish(here=here) == (harvest.synced if here else harvest.lines)
        assert not [entry.key for entry in harvest.store.entries(harvest.here.parts)]
