"""A stop asked for in the store is heard whatever the store answers, and `stop.json` never stays behind."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.errors import LockLost, StoreAway
from harvester.harvest import control
from harvester.harvest.control import StopFile
from harvester.harvest.harvest import Harvest
from harvester.harvest.lock import Lock
from harvester.harvest.lock_content import expiry, holder
from harvester.networks import Batch
from harvester.networks.x.sources import Job
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.stalling_clients import Client
from tests.support.stores import HandClock, Place, Wrapped

KEYS = CollectionKeys("s")
ASKED = "a stop was requested"


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
    thread.join(60)
    assert stop.reason == "a stop was requested"
    assert next(store.failures, None) is None


def test_what_was_asked_of_an_earlier_harvest_is_not_heard(tmp_path: Path) -> None:
    store, stop = _store(tmp_path), Stop()
    control.ask(store, KEYS)
    file = StopFile(store, store, KEYS.stop, stop=stop, every=0.001)
    thread = file.watch()
    thread.join(0.05)
    file.close()
    thread.join(60)
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


class _Billed(Wrapped):
    """A store whose requests are paid for; `reads` are those of `stop.json`."""

    is_billed, reads = True, 0

    def read(self, key: str) -> Any:
        self.reads += key == KEYS.stop
        return self.store.read(key)


class _RemovesBlindly(Wrapped):
    removes_conditionally = False

    def remove(self, key: str, **_: Any) -> None:
        self.store.remove(key)


def _lock(store: Any, owner: str, *, stop: Stop | None = None) -> Lock:
    return Lock(store, KEYS.lock, owner=owner, clock=HandClock(), stop=stop)


class TestAWordInTheLock:
    def test_it_is_heard_at_the_next_renewal_and_stays_until_the_end(self, place: Place) -> None:
        store, stop = place.store(), Stop()
        lock = _lock(store, "first", stop=stop)
        lock.acquire()
        control.ask(store, KEYS)
        assert not stop.requested
        lock.renew()
        assert stop.reason == ASKED
        lock.renew()
        held = json.loads(store.read(KEYS.lock).data)
        assert (held["owner"], bool(held["stop_asked"]), "last_renewed" in held) == ("first", True, False)
        lock.release()
        assert holder(store, KEYS.lock) is None

    def test_it_makes_the_lock_no_younger(self, place: Place) -> None:
        store = place.store()
        _lock(store, "first").acquire()
        before = expiry(store.read(KEYS.lock))
        # As a server tells its time in whole seconds, it must be later than that for this to mean anything.
        Stop().wait(1.1)
        control.ask(store, KEYS)
        found = store.read(KEYS.lock)
        assert expiry(found) == before < found.modified + timedelta(seconds=60)
        assert holder(store, KEYS.lock)
        successor = _lock(Wrapped(store, ahead=timedelta(seconds=63)), "successor")
        assert successor.acquire()
        assert successor.late_after == before + timedelta(seconds=1)

    def test_a_lock_that_expired_is_left_alone(self, place: Place) -> None:
        store = place.store()
        _lock(store, "first").acquire()
        before = store.read(KEYS.lock)
        control.ask(Wrapped(store, ahead=timedelta(seconds=63)), KEYS)
        assert store.read(KEYS.lock).version == before.version

    def test_who_took_over_meanwhile_is_not_written_over(self, tmp_path: Path) -> None:
        store = _store(tmp_path)
        _lock(store, "first").acquire()

        class _Overtaken(Wrapped):
            def replace(self, key: str, data: bytes, *, version: str) -> str:
                if not overtaken:
                    overtaken.append(_lock(Wrapped(store, ahead=timedelta(seconds=63)), "successor"))
                    overtaken[0].acquire()
                return str(self.store.replace(key, data, version=version))

        overtaken: list[Lock] = []
        control.ask(_Overtaken(store), KEYS)
        held = json.loads(store.read(KEYS.lock).data)
        # It was asked of whoever harvests this collection.
        assert (held["owner"], bool(held["stop_asked"])) == ("successor", True)

    @pytest.mark.parametrize("removes", [Wrapped, _RemovesBlindly])
    def test_a_lock_is_given_back_though_a_stop_was_asked_for_at_the_end(
        self, tmp_path: Path, removes: type[Wrapped]
    ) -> None:
        store: Any = removes(_store(tmp_path))
        lock = _lock(store, "first")
        lock.acquire()
        control.ask(store, KEYS)
        lock.release()
        assert holder(store, KEYS.lock) is None
        assert _lock(store, "second").acquire() is None

    def test_it_is_heard_though_the_answer_to_the_taking_was_lost(self, tmp_path: Path) -> None:
        store, stop = _store(tmp_path), Stop()

        class _Lossy(Wrapped):
            def create(self, key: str, data: bytes) -> str:
                self.store.create(key, data)
                control.ask(store, KEYS)
                raise StoreAway("the answer is lost")

        lock = _lock(_Lossy(store), "first", stop=stop)
        with pytest.raises(StoreAway):
            lock.acquire()
        lock.acquire()
        assert stop.reason == ASKED

    @pytest.mark.parametrize(
        "left", [b'{"owner": "a", "last_renewed": 7}', b'{"last_renewed": "soon"}', b"[]"]
    )
    def test_what_makes_no_sense_there_changes_nothing(self, tmp_path: Path, left: bytes) -> None:
        store = _store(tmp_path)
        store.create(KEYS.lock, left)
        found = store.read(KEYS.lock)
        assert expiry(found) == found.modified + timedelta(seconds=60)
        control.ask(store, KEYS)
        assert holder(store, KEYS.lock)


def _stopped(tmp_path: Path, store: Store, **settings: Any) -> str:
    """Why a harvest stopped whose source asks for that in the store."""

    def source(job: Job) -> None:
        control.ask(store, KEYS)
        job.stop.wait(20)

    harvest = Harvest(
        store=store,
        keys=KEYS,
        client=lambda *_: Client(),
        settings=Settings(**settings),
        work_root=tmp_path / "temp",
        clock=SystemClock(),
        stop=Stop(),
        source=lambda _: source,
    )
    return harvest.run().reason


def test_where_requests_are_billed_the_lock_tells_of_it_and_nothing_is_polled(tmp_path: Path) -> None:
    store: Any = _Billed(_store(tmp_path))
    assert _stopped(tmp_path, store, lock_seconds=1.0) == ASKED
    assert store.reads == 0


def test_where_requests_are_free_it_is_heard_within_a_second(tmp_path: Path) -> None:
    store = _store(tmp_path)
    assert _stopped(tmp_path, store) == ASKED
    assert control.heard_within(store, Settings()) == 1
    assert control.heard_within(_Billed(store), Settings()) == 45
