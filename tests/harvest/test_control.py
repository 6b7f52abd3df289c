"""A stop asked for in the store is heard whatever the store answers, and `stop.json` never stays behind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.errors import LockLost, StoreAway
from harvester.harvest import control
from harvester.harvest.control import StopFile
from harvester.harvest.harvest import Harvest
from harvester.networks import Batch
from harvester.networks.x.sources import Job
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.stalling_clients import Client
from tests.support.stores import Wrapped

KEYS = CollectionKeys("s")


class _Odd(Wrapped):
    """A store that fails its first reads of `stop.json`, each in its own way."""

    failures: Iterator[Exception] = iter(())

    def read(self, key: str) -> Any:
        if key == KEYS.stop and (failure := next(self.failures, None)):
            raise failure
        return self.store.read(key)


def _store(folder: Path) -> FolderStore:
    store = FolderStore(folder / "collections")
    history.add(store, KEYS, {"id": "s", "type": "filter", "filter": {"track": "a"}})
    return store


def test_it_is_heard_after_whatever_errors_of_the_store(tmp_path: Path) -> None:
    store, stop = _Odd(_store(tmp_path)), Stop()
    # What botocore lets through of an answer that breaks off is no error of its own.
    store.failures = iter([StoreAway("away"), ConnectionResetError(), RuntimeError("broken"), ValueError()])
    file = StopFile(store, store, KEYS.stop, stop=stop, every=0.001)
    thread = file.watch()
    control.ask(store, KEYS)
    thread.join(20)
    assert stop.reason == "a stop was requested"
    assert next(store.failures, None) is None


def test_what_was_asked_of_an_earlier_harvest_is_not_heard(tmp_path: Path) -> None:
    store, stop = _store(tmp_path), Stop()
    control.ask(store, KEYS)
    file = StopFile(store, store, KEYS.stop, stop=stop, every=0.001)
    thread = file.watch()
    thread.join(0.05)
    file.close()
    thread.join(20)
    assert not stop.requested


def test_what_is_asked_too_late_is_taken_back_but_not_what_another_asked(tmp_path: Path) -> None:
    store = _store(tmp_path)
    written = control.ask(store, KEYS)
    assert control.ask(store, KEYS) == ""
    control.take_back(store, KEYS, "")
    assert store.read(KEYS.stop)
    control.take_back(store, KEYS, written)
    assert not list(store.entries(KEYS.stop))
    control.take_back(store, KEYS, written)
    store.create(KEYS.stop, b"another's")
    control.take_back(store, KEYS, written)
    assert store.read(KEYS.stop).data == b"another's"


def _by_the_file(job: Job, ask: Callable[[], object]) -> None:
    ask()
    job.stop.wait(20)


def _by_the_port_a_moment_earlier(job: Job, ask: Callable[[], object]) -> None:
    ask()
    job.stop.request("a stop was requested")


def _by_a_signal(job: Job, ask: Callable[[], object]) -> None:
    ask()
    job.stop.request("SIGTERM")


def _by_itself(_: Job, ask: Callable[[], object]) -> None:
    ask()


def _with_an_error(_: Job, ask: Callable[[], object]) -> None:
    ask()
    raise StoreAway("gone")


_ENDS = [_by_the_file, _by_the_port_a_moment_earlier, _by_a_signal, _by_itself, _with_an_error]


@pytest.mark.parametrize("ends", _ENDS)
def test_nothing_is_left_however_a_harvest_ends(tmp_path: Path, ends: Any) -> None:
    store = _store(tmp_path)

    def source(job: Job) -> None:
        job.put(Batch(sync=True), wait=True)
        ends(job, lambda: control.ask(store, KEYS))

    harvest = Harvest(
        store=store,
        keys=KEYS,
        client=lambda *_: Client(),
        settings=Settings(stop_poll_seconds=0.01 if ends is _by_the_file else 1e6),
        work_root=tmp_path / "temp",
        clock=SystemClock(),
        stop=Stop(),
        source=lambda _: source,
    )
    harvest.run()
    left = {entry.key for entry in store.entries(KEYS.folder)}
    assert {KEYS.stop, KEYS.lock, KEYS.checkpoint} & left == set()


def test_who_lost_the_lock_leaves_the_file_to_the_successor(tmp_path: Path) -> None:
    store = _store(tmp_path)

    class _Lost(Wrapped):
        def remove(self, key: str, **_: Any) -> None:
            raise LockLost(f"{key} is another's")

    file = StopFile(store, _Lost(store), KEYS.stop, stop=Stop(), every=1e6)
    control.ask(store, KEYS)
    file.close()
    assert store.read(KEYS.stop)
