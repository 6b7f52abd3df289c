"""What one harvest notes of itself, so that the next one knows what it did and did not hear."""

import gzip
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from harvester.clock import Clock, Stop, SystemClock, moment
from harvester.collection import history
from harvester.errors import Exit, StoreAway
from harvester.harvest.harvest import Harvest
from harvester.harvest.lock_content import content
from harvester.harvest.segment import finished
from harvester.networks import Batch
from harvester.networks.x.sources import Job
from harvester.settings import Settings
from harvester.store import Entry
from harvester.store.folder import FolderStore
from harvester.store.keys import SEGMENTS, CollectionKeys
from tests.support.harvest_stage import until
from tests.support.stalling_clients import Client
from tests.support.stores import HandClock, Wrapped

KEYS = CollectionKeys("s")


def _store(folder: Path) -> FolderStore:
    store = FolderStore(folder / "collections")
    history.add(store, KEYS, {"id": "s", "type": "filter", "filter": {"track": "a"}})
    return store


@dataclass
class Site:
    """A stream's store and work folder."""

    store: Any
    folder: Path
    clock: Clock = field(default_factory=HandClock)

    def harvest(self, source: Callable[[Job], None], **settings: Any) -> Harvest:
        return Harvest(
            store=self.store,
            keys=KEYS,
            client=lambda *_: Client(),
            settings=Settings(**settings),
            work_root=self.folder / "temp",
            clock=self.clock,
            stop=Stop(),
            source=lambda _: source,
        )

    def summaries(self) -> list[dict[str, Any]]:
        found = [
            entry.key for entry in self.store.entries(KEYS.folder) if entry.key.endswith("/harvest.json")
        ]
        return [orjson.loads(self.store.read(key).data) for key in sorted(found)]


def _post(number: int, **more: Any) -> Batch:
    return Batch(lines=b'{"data":{"id":"%d"}}\n' % number, posts=1, last_id=str(number), **more)


class _NoRoom(Wrapped):
    """A store that takes small objects and no files."""

    def upload(self, key: str, *_: Any, **__: Any) -> str:
        raise StoreAway(f"There is no room for {key}.")


def test_a_stream_that_failed_for_its_store_notes_what_it_missed(tmp_path: Path) -> None:
    store, told = _store(tmp_path), []

    def cut(job: Job) -> None:
        job.put(_post(5, sync=True), wait=True)
        job.stop.wait(20)

    def following(job: Job) -> None:
        told.append((job.gap_from, job.last_id, job.gap_why))

    failed = Site(_NoRoom(store), tmp_path).harvest(cut, store_patience=0.01, tweets_per_file=1).run()
    assert (failed.state, failed.exit_code) == ("failed", Exit.ERROR)
    (summary,) = Site(store, tmp_path).summaries()
    assert (summary["state"], summary["missed_interval"]["last_id"], summary["missed_interval"]["why"]) == (
        "failed",
        "5",
        "failed",
    )
    Site(store, tmp_path).harvest(following).run()
    # The next one stores what was left first, and still knows.
    first, _ = Site(store, tmp_path).summaries()
    assert (first["state"], first["tweets"], first["missed_interval"]) == (
        "failed",
        1,
        summary["missed_interval"],
    )
    assert told == [(moment(summary["missed_interval"]["since"]), "5", "the harvest before failed")]


class _SlowCheckpoint(Wrapped):
    """A store whose checkpoints take until `goes_on`, and are over before the lock is released."""

    def __init__(self, store: FolderStore) -> None:
        super().__init__(store)
        self.begun, self.goes_on, self.over = threading.Event(), threading.Event(), threading.Event()

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        if key == KEYS.checkpoint:
            self.begun.set()
            assert self.goes_on.wait(60)
        try:
            return self.store.replace(key, data, version=version)
        finally:
            if self.goes_on.is_set() and key.endswith("/harvest.json"):
                self.over.set()

    def entries(self, prefix: str) -> Iterator[Entry]:
        # Looked for before the lock is released.
        if prefix == KEYS.stop and self.begun.is_set():
            assert self.over.wait(60)
        return self.store.entries(prefix)


def test_a_checkpoint_on_its_way_when_the_work_folder_fails_does_not_say_that_it_runs(tmp_path: Path) -> None:
    store = _SlowCheckpoint(_store(tmp_path))
    site = Site(store, tmp_path, SystemClock())

    def source(job: Job) -> None:
        job.put(_post(5, sync=True), wait=True)
        assert store.begun.wait(60)
        shutil.rmtree(tmp_path / "temp")
        threading.Timer(0.3, store.goes_on.set).start()
        job.put(_post(6, sync=True))
        job.put(_post(7, sync=True))

    before = set(threading.enumerate())
    outcome = site.harvest(source, checkpoint_seconds=0.01, tweets_per_file=2).run()
    assert (outcome.state, outcome.exit_code) == ("failed", Exit.ERROR)
    assert "No such file or directory" in outcome.reason
    assert [summary["state"] for summary in site.summaries()] == ["failed"]
    assert not [each for each in set(threading.enumerate()) - before if each.name == "uploads"]


def test_what_a_harvest_said_of_itself_stays_when_the_next_one_finishes_it(tmp_path: Path) -> None:
    store = _store(tmp_path)
    Site(_NoRoom(store), tmp_path).harvest(lambda job: job.put(_post(5)), store_patience=0.01).run()
    (summary,) = Site(store, tmp_path).summaries()
    key = KEYS.harvest(moment(summary["harvest_timestamp"])).harvest
    said = {**summary, "limit": "budget", "needs_change": True, "refused_fields": ["tweet.fields=entities"]}
    said["rule_counts"] = {"all": {"total": 3}}
    store.replace(key, orjson.dumps(said), version=store.read(key).version)
    Site(store, tmp_path).harvest(lambda _: None).run()
    finished = Site(store, tmp_path).summaries()[0]
    assert finished["tweets"] == 1
    changed = {name for name in said if said[name] != finished.get(name)}
    assert changed <= {
        "tweets",
        "files",
        "file_bytes",
        "counts",
        "billed",
        "updated",
        "harvest_end_timestamp",
    }


def test_a_gap_in_the_last_thing_that_a_source_hands_over_is_told(tmp_path: Path) -> None:
    gap = {"event": "gap", "from": "2026-01-01", "to": "2026-01-02", "reason": "cut"}
    site = Site(_store(tmp_path), tmp_path)
    outcome = site.harvest(lambda job: job.put(_post(1, events=(gap,)))).run()
    assert (outcome.state, outcome.reason, outcome.exit_code) == ("partial", "1 gap", Exit.PARTIAL)
    assert site.summaries()[0]["gaps"] == [gap]


def test_a_harvest_that_has_nothing_to_do_renews_its_lock(tmp_path: Path) -> None:
    store = _store(tmp_path)
    site = Site(store, tmp_path, SystemClock())

    def quiet(_: Job) -> None:
        until(lambda: content(store.read(KEYS.lock)).get("renewed", 0) >= 3)

    assert site.harvest(quiet, lock_seconds=0.3, checkpoint_seconds=1e6).run().state == "complete"


def test_a_work_folder_that_knew_less_than_the_store_goes_with_its_harvest(tmp_path: Path) -> None:
    """A machine on which a harvest died is back, after another one finished more of it and died, too."""
    store = _store(tmp_path)
    Site(_NoRoom(store), tmp_path).harvest(lambda job: job.put(_post(5)), store_patience=0.01).run()
    (summary,) = Site(store, tmp_path).summaries()
    here = KEYS.harvest(moment(summary["harvest_timestamp"]))
    segment = tmp_path / f"{SEGMENTS}20260101000000-000001.jsonl.gz"
    segment.write_bytes(gzip.compress(b'{"data":{"id":"5"}}\n{"data":{"id":"6"}}\n'))
    further = finished(segment, posts=2)
    store.upload(here.file(further.name), segment, sha256=further.sha256)
    left = orjson.loads(store.read(KEYS.checkpoint).data)
    state = {**left["state"], "finished": [vars(further)], "segment": None, "segments": 1}
    for key, tree in ((here.harvest, {**summary, "state": "running"}), (KEYS.checkpoint, {"state": state})):
        store.replace(key, orjson.dumps(tree), version=store.read(key).version)
    assert len(list((tmp_path / "temp").iterdir())) == 1
    Site(store, tmp_path).harvest(lambda _: None).run()
    assert Site(store, tmp_path).summaries()[0]["tweets"] == 2
    assert list((tmp_path / "temp").iterdir()) == []
