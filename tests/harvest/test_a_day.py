"""A day of a stream in fast forward, all cadences at their defaults: what it asks of S3, and for how much."""

import hashlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.collection import history
from harvester.compute import cost
from harvester.errors import Conflict, NotFound
from harvester.harvest.harvest import Harvest
from harvester.networks import Batch, Client
from harvester.networks.x.prices import billing
from harvester.networks.x.sources import Job
from harvester.settings import Settings
from harvester.store import Entry, Stored
from harvester.store.keys import CollectionKeys
from tests.support.stores import HandClock

_DAY = 86_400
# Seconds from one batch to the next: a sync each, as a stream of several posts a second has.
_EVERY = 10
_POSTS = 20 * _EVERY


class CountingStore:
    """Objects in memory, dated by a clock that the test moves; `asked` counts what S3 would be asked."""

    name, removes_conditionally, is_billed, composes = "s3://day", True, True, False

    def __init__(self, clock: HandClock) -> None:
        self._clock, self._versions, self._guard = clock, count(1), threading.Condition()
        self._objects: dict[str, tuple[bytes, str, datetime]] = {}
        self.asked: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()

    def wait_for(self, key: str, times: int) -> None:
        """Return once objects whose key ends so have been written so often."""
        with self._guard:
            assert self._guard.wait_for(lambda: self.writes[key] >= times, timeout=60), (key, self.writes)

    def read(self, key: str) -> Stored:
        with self._guard:
            self.asked["GET"] += 1
            if key not in self._objects:
                raise NotFound(f"{key} is not there.")
            return Stored(*self._objects[key])

    def download(self, key: str, path: Path) -> None:
        path.write_bytes(self.read(key).data)

    def create(self, key: str, data: bytes) -> str:
        with self._guard:
            return self._put(key, data, holds=key not in self._objects)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        with self._guard:
            return self._put(key, data, holds=key in self._objects and self._objects[key][1] == version)

    def begin_upload(self, *_: Any, **__: Any) -> str:
        raise NotImplementedError

    def abandon_upload(self, key: str, name: str) -> None:
        raise NotImplementedError

    compose = begin_upload

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        data = path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == sha256
        return self.create(key, data)

    def _put(self, key: str, data: bytes, *, holds: bool) -> str:
        self.asked["PUT"] += 1
        if not holds:
            raise Conflict(f"{key} was written by another process.")
        version = str(next(self._versions))
        self._objects[key] = (data, version, self._clock.now())
        # A file is announced between two checkpoints.
        self.writes[key.rpartition("/")[2]] += b'"closing"' not in data
        self._guard.notify_all()
        return version

    def remove(self, key: str, *, version: str | None = None) -> None:
        with self._guard:
            self.asked["DELETE"] += 1
            if version is not None and key in self._objects and self._objects[key][1] != version:
                raise Conflict(f"{key} was changed.")
            self._objects.pop(key, None)

    def entries(self, prefix: str) -> Iterator[Entry]:
        with self._guard:
            self.asked["LIST"] += 1
            found = sorted((key, it) for key, it in self._objects.items() if key.startswith(prefix))
        for key, (data, version, modified) in found:
            yield Entry(key, len(data), version, modified)

    def folders(self, prefix: str) -> Iterator[str]:
        found = {entry.key[len(prefix) :].partition("/")[0] for entry in self.entries(prefix)}
        yield from sorted(found)

    def now(self) -> datetime:
        return self._clock.now()

    def probe(self) -> bool:
        return self.removes_conditionally


def _streaming(clock: HandClock, store: CountingStore) -> Any:
    """Batches of ten seconds each, for a day; the uploads keep up, as they do where a minute is a minute."""

    def collect(job: Job) -> None:
        begun, checkpoint = clock.seconds, job.clock.elapsed
        for number in range(1, _DAY // _EVERY + 1):
            clock.seconds += _EVERY
            lines = b'{"data":{"id":"%d"}}\n' % number * _POSTS
            job.put(Batch(lines=lines, posts=_POSTS, last_id=str(number)), wait=True)
            # What is due after that batch has been done once another one is taken.
            job.put(Batch(), wait=True)
            store.wait_for(
                "checkpoint.json", 1 + int((checkpoint() - begun) // Settings().checkpoint_seconds)
            )

    return collect


class _Client(Client):
    def __init__(self) -> None:
        self.billing = billing()


@pytest.mark.system
def test_a_day_of_a_stream_asks_of_s3_what_the_model_of_costs_says(tmp_path: Path) -> None:
    clock = HandClock()
    store, keys, settings = CountingStore(clock), CollectionKeys("day"), Settings()
    history.add(store, keys, {"id": "day", "type": "filter", "filter": {"track": "a"}})
    store.asked.clear()
    harvest = Harvest(
        store=store,
        keys=keys,
        client=lambda *_: _Client(),
        settings=settings,
        work_root=tmp_path,
        clock=clock,
        stop=Stop(),
        source=lambda _: _streaming(clock, store),
    )
    assert harvest.run().state == "complete"
    account = harvest.summary()
    assert account["tweets"] == _DAY // _EVERY * _POSTS
    # A file each half an hour, by age; there is no other reason to end one.
    assert account["files"] == _DAY / settings.seconds_per_file

    # The look for a stop waits by the machine's own clock: bench/ counts it. The lock is renewed by whatever
    # is written once it is due, so here each minute, and not each 45 s as the model has it.
    still = replace(settings, stop_poll_seconds=1e9)
    counted = (store.asked["PUT"] + store.asked["LIST"]) * _usd("put") + store.asked["GET"] * _usd("read")
    model = cost.requests_hour(still) * 24
    told = ", ".join(f"{number:,} {kind}" for kind, number in sorted(store.asked.items()))
    sys.stdout.write(f"a day: {account['files']} files; {told}; ${counted:.4f}, by the model ${model:.4f}\n")
    assert 0.8 * model <= counted <= 1.2 * model


def test_a_start_asks_of_s3_twelve_times_and_an_end_19_times(tmp_path: Path) -> None:
    clock = HandClock()
    store, keys = CountingStore(clock), CollectionKeys("often")
    history.add(store, keys, {"id": "often", "type": "filter", "filter": {"track": "a"}})

    def harvest(reason: str) -> tuple[int, int]:
        """How often a harvest asks until it collects, which `reason` ends, and from then on."""
        asked: list[int] = []

        def collect(job: Job) -> None:
            asked.append(store.asked.total())
            job.put(Batch(lines=b'{"data":{"id":"1"}}\n', posts=1, last_id="1", sync=True), wait=True)
            job.stop.request(reason)

        store.asked.clear()
        going = Harvest(
            store=store,
            keys=keys,
            client=lambda *_: _Client(),
            settings=Settings(),
            work_root=tmp_path,
            clock=clock,
            stop=Stop(),
            source=lambda _: collect,
        )
        assert going.run().reason == reason
        clock.seconds += 5
        # Once in each process the server is looked up, too, which is no matter of this store.
        return 1 + asked[0], store.asked.total() - asked[0]

    assert [harvest(reason) for reason in ("SIGTERM", "a stop was requested", "SIGTERM")] == [(12, 19)] * 3


def _usd(figure: str) -> float:
    return float(cost.prices()["figures"][figure]["usd"])
