"""At most one harvest per collection, and a harvest that lost the lock writes nothing more."""

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.curation.delete import Deletion
from harvester.errors import Conflict, Exit, HarvesterError, LockLost, NotFound, StoreAway
from harvester.harvest import owners
from harvester.harvest.fenced_store import FencedStore
from harvester.harvest.lock import Lock
from harvester.harvest.lock_content import content, expiry, holder
from harvester.store import Store, Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.servers import Bucket
from tests.support.stores import ATOMIC, HandClock, Place, Wrapped, lossy, race

pytestmark = pytest.mark.unversioned

KEY, DATA = "collections/a/lock.json", "collections/a/data"
PAST = timedelta(seconds=63)


@pytest.fixture
def store(place: Place) -> Store:
    return place.store()


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "collections")


def _lock(store: Store, owner: str, *, clock: HandClock | None = None, ttl: float = 60.0) -> Lock:
    return Lock(store, KEY, owner=owner, clock=clock or HandClock(), ttl=ttl)


def _taken_over(store: Store, owner: str = "successor") -> Lock:
    """The lock of somebody who finds the store's clock past the expiry of the lock that is there."""
    lock = _lock(Wrapped(store, ahead=PAST), owner)
    lock.acquire()
    return lock


def _holder(store: Store) -> str:
    return str(json.loads(store.read(KEY).data)["owner"])


class TestTaking:
    def test_a_free_lock_is_taken(self, store: Store) -> None:
        assert _lock(store, "me").acquire() is None
        assert _holder(store) == "me"

    def test_a_held_lock_is_refused_in_words(self, store: Store) -> None:
        _lock(store, "first").acquire()
        with pytest.raises(HarvesterError) as refused:
            _lock(store, "second").acquire()
        until = expiry(store.read(KEY)).isoformat(timespec="microseconds")
        assert f"{KEY} is held by first on " in refused.value.message
        assert f"It expires at {until}" in refused.value.message
        assert "unlock" in refused.value.hint
        assert refused.value.exit_code == Exit.LOCKED
        assert _holder(store) == "first"

    def test_an_expired_lock_is_taken_over_and_told(self, store: Store) -> None:
        _lock(store, "dead").acquire()
        before = _lock(Wrapped(store, ahead=PAST), "successor").acquire()
        assert before is not None
        assert before["owner"] == "dead"
        assert _holder(store) == "successor"

    def test_a_lock_within_its_time_is_not_taken_over(self, store: Store) -> None:
        _lock(store, "living").acquire()
        with pytest.raises(HarvesterError, match="held by living"):
            _lock(Wrapped(store, ahead=timedelta(seconds=58)), "other").acquire()

    @pytest.mark.parametrize("minutes", [-10, 10])
    @pytest.mark.parametrize("kind", ["folder", "s3"])
    def test_expiry_is_judged_by_the_stores_clock(
        self, kind: str, minutes: int, tmp_path: Path, s3_environment: Bucket
    ) -> None:
        where = s3_environment.name if kind == "s3" else str(tmp_path)
        off = timedelta(minutes=minutes)
        with time_machine.travel(datetime.now(UTC) + off):
            store = Place(kind, where).store()
            clock = HandClock(wrong_by=off)
            living = _lock(store, "living", clock=clock)
            living.acquire()
            with pytest.raises(HarvesterError, match="held by living"):
                _lock(store, "other", clock=clock).acquire()
            living.release()
            _lock(store, "dead", clock=clock, ttl=0.1).acquire()
            waited = SystemClock().elapsed() + 60
            while SystemClock().elapsed() < waited:
                try:
                    _lock(store, "successor", clock=clock).acquire()
                    break
                except HarvesterError:
                    Stop().wait(0.1)
            assert _holder(store) == "successor"

    @pytest.mark.parametrize("place", ATOMIC, indirect=True)
    def test_of_many_takers_of_a_free_lock_one_wins(self, place: Place) -> None:
        winners = race(place, "lock", KEY, "nobody")
        assert winners == [_holder(place.store())]

    @pytest.mark.parametrize("place", ATOMIC, indirect=True)
    def test_of_many_takers_of_an_expired_lock_one_wins(self, place: Place) -> None:
        _lock(place.store(), "dead", ttl=0.1).acquire()
        winners = race(place, "lock", KEY, "dead")
        assert winners == [_holder(place.store())]


class TestTheDeadOfThisMachine:
    def _held_by(self, folder: FolderStore, **changed: Any) -> None:
        lock = {"owner": "other", "ttl": 60.0, **owners.this_process(), **changed}
        folder.create(KEY, json.dumps(lock).encode())

    def _is_free(self, folder: FolderStore) -> bool:
        lives = holder(folder, KEY) is not None
        try:
            _lock(folder, "me").acquire()
        except HarvesterError:
            assert lives
            return False
        assert not lives
        return True

    @pytest.fixture
    def child(self) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        yield process
        process.kill()
        process.communicate()

    def _of(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        status = Path(f"/proc/{child.pid}/stat")
        if not status.exists():
            pytest.skip("no /proc here, so that nothing is known of other processes")
        return {"process": child.pid, "process_started": status.read_text().rpartition(")")[2].split()[19]}

    def test_who_is_gone_holds_nothing(self, folder: FolderStore, child: subprocess.Popen[bytes]) -> None:
        of_child = self._of(child)
        self._held_by(folder, **of_child)
        assert not self._is_free(folder)
        child.kill()
        child.wait()
        clock = HandClock()
        assert holder(folder, KEY) is None
        _lock(folder, "me", clock=clock).acquire()
        # What the dead one had sent may arrive meanwhile.
        assert clock.waits == [2.0]

    def test_who_is_not_reaped_yet_is_gone(self, folder: FolderStore, child: subprocess.Popen[bytes]) -> None:
        self._held_by(folder, **self._of(child))
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert self._is_free(folder)

    def test_who_is_stopped_lives(self, folder: FolderStore, child: subprocess.Popen[bytes]) -> None:
        self._held_by(folder, **self._of(child))
        child.send_signal(signal.SIGSTOP)
        assert not self._is_free(folder)

    def test_a_number_given_to_another_process_is_not_taken_for_it(
        self, folder: FolderStore, child: subprocess.Popen[bytes]
    ) -> None:
        self._held_by(folder, **{**self._of(child), "process_started": "1"})
        assert self._is_free(folder)

    @pytest.mark.parametrize("machine", ["another", "", None])
    def test_of_another_machine_or_container_nothing_is_known(
        self, folder: FolderStore, machine: str | None
    ) -> None:
        self._held_by(folder, process=2**22 + 1, machine=machine)
        assert not self._is_free(folder)

    def test_of_an_earlier_version_nothing_is_known(self, folder: FolderStore) -> None:
        folder.create(KEY, json.dumps({"owner": "o", "host": platform.node(), "process": 2**22 + 1}).encode())
        assert not self._is_free(folder)


class TestClocksThatWerePutBack:
    def _dated_ahead(self, folder: FolderStore, hours: float = 1) -> Path:
        _lock(folder, "dead").acquire()
        path = folder.root / KEY.removeprefix("collections/")
        ahead = path.stat().st_mtime + hours * 3600
        os.utime(path, (ahead, ahead))
        return path

    def test_a_lock_of_the_future_is_taken_over_when_nobody_renews_it(
        self, folder: FolderStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        self._dated_ahead(folder)
        clock = HandClock()
        assert holder(folder, KEY) is None
        before = _lock(folder, "successor", clock=clock).acquire()
        assert before
        assert (before["owner"], clock.waits) == ("dead", [62.0])
        assert "is dated 3600 s ahead of the store's clock" in caplog.text

    def test_one_that_is_renewed_meanwhile_is_held(self, folder: FolderStore) -> None:
        path = self._dated_ahead(folder)
        held = path.read_bytes()

        class Renewing(HandClock):
            def wait(self, stop: Stop, seconds: float) -> bool:
                path.write_bytes(held + b" ")
                return super().wait(stop, seconds)

        with pytest.raises(HarvesterError, match="held by dead"):
            _lock(folder, "other", clock=Renewing()).acquire()

    def test_a_stop_ends_the_wait(self, folder: FolderStore) -> None:
        self._dated_ahead(folder)
        stop = Stop()
        stop.request("enough")
        with pytest.raises(HarvesterError, match="held by dead"):
            Lock(folder, KEY, owner="other", clock=HandClock(), stop=stop).acquire()

    def test_who_is_a_few_seconds_ahead_lives(self, folder: FolderStore) -> None:
        self._dated_ahead(folder, hours=10 / 3600)
        assert holder(folder, KEY) is not None


class _Slow(Wrapped):
    """A store whose answers to writes take twenty seconds."""

    def __init__(self, store: Store, clock: HandClock) -> None:
        super().__init__(store, after=self._take)
        self._clock = clock

    def _take(self) -> None:
        self._clock.seconds += 20

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        version = self.store.replace(key, data, version=version)
        self._take()
        return version


def test_the_time_of_a_lock_counts_from_the_request_and_not_from_its_answer(folder: FolderStore) -> None:
    clock = HandClock()
    lock = _lock(_Slow(folder, clock), "me", clock=clock)
    for ask in (lock.acquire, lock.renew):
        asked = clock.seconds
        ask()
        assert clock.seconds == asked + 20
        clock.seconds = asked + 59.9
        assert lock.in_time
        clock.seconds = asked + 60
        assert not lock.in_time


def test_a_lock_whose_answer_was_lost_is_known_for_ones_own(folder: FolderStore) -> None:
    class Mute(Wrapped):
        lost = 1

        def create(self, key: str, data: bytes) -> str:
            version = self.store.create(key, data)
            self.lost -= 1
            if self.lost >= 0:
                raise StoreAway("no answer")
            return version

    lock = _lock(Mute(folder), "me")
    with pytest.raises(StoreAway):
        lock.acquire()
    assert lock.acquire() is None
    lock.renew()
    assert lock.in_time


def test_the_background_goes_on_after_whatever_errors(folder: FolderStore) -> None:
    class Odd(Wrapped):
        failures = iter([RuntimeError("broken"), StoreAway("away"), ConnectionResetError()])

        def replace(self, key: str, data: bytes, *, version: str) -> str:
            if failure := next(self.failures, None):
                raise failure
            return self.store.replace(key, data, version=version)

    lock = _lock(Odd(folder), "me", ttl=0.03)
    lock.acquire()
    lock.keep()
    assert _soon(lambda: content(folder.read(KEY)).get("renewed", 0) >= 4)
    lock.release()


class _RemovesBlindly(Wrapped):
    """A store that ignores the condition of a removal."""

    removes_conditionally = False

    def remove(self, key: str, **_: Any) -> None:
        self.store.remove(key)


class TestWhereRemovalsHaveNoCondition:
    def test_a_released_lock_stays_and_is_free(self, folder: FolderStore) -> None:
        store = _RemovesBlindly(folder)
        lock = _lock(store, "first")
        lock.acquire()
        lock.release()
        assert json.loads(folder.read(KEY).data)["released"]
        assert holder(store, KEY) is None
        clock = HandClock()
        assert _lock(store, "second", clock=clock).acquire() is None
        assert (clock.waits, _holder(folder)) == ([], "second")
        with pytest.raises(HarvesterError, match="held by second"):
            _lock(store, "third").acquire()

    def test_who_releases_late_takes_nothing_from_the_successor(self, folder: FolderStore) -> None:
        store = _RemovesBlindly(folder)
        late = _lock(store, "late")
        late.acquire()
        successor = _taken_over(store)
        late.release()
        assert _holder(folder) == "successor"
        successor.renew()

    def test_a_deleted_collection_leaves_no_lock(self, folder: FolderStore) -> None:
        store, keys = _RemovesBlindly(folder), CollectionKeys("a")
        history.add(store, keys, {"id": "a", "type": "search", "search": {"query": "a"}})
        Deletion(store, keys).carry_out()
        assert list(folder.entries("collections/")) == []


class TestForeignLocks:
    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (b"", "an unknown owner"),
            (b"not JSON", "an unknown owner"),
            (b"[1, 2]", "an unknown owner"),
            (b'"text"', "an unknown owner"),
            (b'{"harvest_id": "2019-05-01T10:00:00"}', "the harvest of 2019-05-01T10:00:00"),
            (b'{"owner": "x", "ttl": "soon"}', "x on an unknown host"),
        ],
    )
    def test_a_lock_of_another_kind_is_held_and_expires(
        self, folder: FolderStore, data: bytes, told: str
    ) -> None:
        folder.create(KEY, data)
        with pytest.raises(HarvesterError, match=f"is held by {told}. It expires at ") as refused:
            _lock(folder, "me").acquire()
        assert refused.value.exit_code == Exit.LOCKED
        assert folder.read(KEY).data == data
        _taken_over(folder, "me")
        assert _holder(folder) == "me"

    @pytest.mark.parametrize(
        ("ttl", "seconds"),
        [(30, 30), (0.5, 0.5), (3600, 3600), (3601, 60), (0, 60), (-1, 60), (True, 60), ("9", 60)],
    )
    def test_a_lock_says_how_long_it_lives_within_reason(self, ttl: object, seconds: float) -> None:
        written = datetime(2026, 1, 1, tzinfo=UTC)
        lock = Stored(json.dumps({"ttl": ttl}).encode(), "1", written)
        assert expiry(lock) - written == timedelta(seconds=seconds)


class TestKeeping:
    def test_a_renewed_lock_begins_its_time_anew(self, folder: FolderStore) -> None:
        lock = _lock(folder, "me")
        lock.acquire()
        before = folder.read(KEY)
        lock.renew()
        after = folder.read(KEY)
        assert after.version != before.version
        # A folder draws what is below a millisecond, so that no two versions are the same.
        assert after.modified > before.modified - timedelta(milliseconds=1)
        assert content(after) == {**content(before), "renewed": 1}

    def test_a_lock_that_was_taken_over_is_lost(self, store: Store) -> None:
        lock = _lock(store, "me")
        lock.acquire()
        _taken_over(store)
        with pytest.raises(LockLost, match="Another harvest has taken over") as lost:
            lock.renew()
        assert lost.value.exit_code == Exit.LOCKED
        assert lock.lost
        assert _holder(store) == "successor"
        with pytest.raises(LockLost):
            lock.renew()

    def test_a_lock_that_was_removed_by_hand_is_lost(self, store: Store) -> None:
        lock = _lock(store, "me")
        lock.acquire()
        store.remove(KEY)
        with pytest.raises(LockLost):
            lock.renew()

    def test_a_released_lock_is_free(self, store: Store) -> None:
        first = _lock(store, "first")
        first.acquire()
        first.release()
        first.release()
        assert _lock(store, "second").acquire() is None

    def test_a_lock_that_was_taken_over_is_not_released(self, store: Store) -> None:
        lock = _lock(store, "me")
        lock.acquire()
        _taken_over(store)
        lock.release()
        assert _holder(store) == "successor"

    def test_a_renewal_whose_answer_never_came_is_no_loss(
        self, s3_environment: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with lossy(s3_environment.server.endpoint) as proxy:
            s3_environment.known_at(proxy.endpoint)
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
            store = Place("s3", s3_environment.name).store()
            lock = _lock(store, "me")
            lock.acquire()
            for last in (lock.renew, lock.release):
                proxy.lose, proxy.lost = 3, 0
                with pytest.raises(StoreAway):
                    lock.renew()
                last()
            with pytest.raises(NotFound):
                store.read(KEY)

    def test_it_is_renewed_in_the_background_until_it_is_released(self, folder: FolderStore) -> None:
        lock = _lock(folder, "me", ttl=0.05)
        lock.acquire()
        thread = lock.keep()
        assert _soon(lambda: content(folder.read(KEY)).get("renewed", 0) >= 2)
        lock.release()
        thread.join(60)
        assert not thread.is_alive()

    def test_the_background_ends_when_the_lock_is_lost_or_left(self, folder: FolderStore) -> None:
        lost, left = _lock(folder, "lost", ttl=0.05), _lock(folder, "left", ttl=0.05)
        lost.acquire()
        folder.remove(KEY)
        left.acquire()
        threads = [lost.keep(), left.keep()]
        threads[0].join(60)
        left.abandon()
        threads[1].join(60)
        assert not any(thread.is_alive() for thread in threads)
        assert _holder(folder) == "left"

    def test_the_background_outlives_a_store_that_is_away(self, folder: FolderStore) -> None:
        store = _Away(folder)
        lock = Lock(store, KEY, owner="me", clock=HandClock(), ttl=0.05)
        lock.acquire()
        store.away = True
        lock.keep()
        assert _soon(lambda: store.refused >= 2)
        store.away = False
        assert _soon(lambda: content(folder.read(KEY)).get("renewed", 0) >= 3)
        lock.release()


class _Away(Wrapped):
    away, refused = False, 0

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        if self.away:
            self.refused += 1
            raise StoreAway("away")
        return self.store.replace(key, data, version=version)


def _soon(holds: Callable[[], bool]) -> bool:
    deadline = SystemClock().elapsed() + 30
    while not holds():
        if SystemClock().elapsed() > deadline:
            return False
        Stop().wait(0.01)
    return True


class TestFence:
    def _writes(self, fenced: FencedStore, path: Path) -> list[Callable[[], object]]:
        version = fenced.read("collections/a/there").version
        return [
            lambda: fenced.create(DATA, b"late"),
            lambda: fenced.upload(DATA, path, sha256=hashlib.sha256(b"late").hexdigest()),
            lambda: fenced.replace("collections/a/there", b"late", version=version),
            lambda: fenced.remove("collections/a/there"),
        ]

    @pytest.mark.parametrize("write", range(4))
    def test_who_lost_the_lock_writes_nothing(self, store: Store, tmp_path: Path, write: int) -> None:
        (tmp_path / "file").write_bytes(b"late")
        store.create("collections/a/there", b"there")
        clock = HandClock()
        lock = _lock(store, "me", clock=clock)
        lock.acquire()
        fenced = FencedStore(store, lock)
        _taken_over(store)
        clock.seconds += 61
        with pytest.raises(LockLost):
            self._writes(fenced, tmp_path / "file")[write]()
        assert [entry.key for entry in store.entries("collections/a/")] == [KEY, "collections/a/there"]
        assert store.read("collections/a/there").data == b"there"
        assert _holder(store) == "successor"

    def test_who_holds_the_lock_writes(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"late")
        store.create("collections/a/there", b"there")
        lock = _lock(store, "me")
        lock.acquire()
        fenced = FencedStore(store, lock)
        fenced.create(DATA, b"late")
        create, upload, replace, remove = self._writes(fenced, tmp_path / "file")
        for write in (upload, replace, remove):
            write()
        with pytest.raises(Conflict):
            create()
        assert [entry.key for entry in fenced.entries("collections/a/")] == [DATA, KEY]

    def test_a_lock_whose_time_is_up_is_renewed_before_a_write(self, folder: FolderStore) -> None:
        clock = HandClock()
        lock = _lock(folder, "me", clock=clock)
        lock.acquire()
        clock.seconds += 61
        FencedStore(folder, lock).create(DATA, b"")
        assert content(folder.read(KEY))["renewed"] == 1
        assert lock.in_time

    def _late(
        self,
        store: Store,
        *,
        asleep: Callable[[], object] = lambda: None,
        afterwards: Callable[[], object] = lambda: None,
    ) -> FencedStore:
        """A store whose user sleeps before each create, long past the end of the lock."""
        clock = HandClock()

        def sleep() -> None:
            clock.seconds += 61
            asleep()

        lock = _lock(Wrapped(store, ahead=-2 * PAST), "me", clock=clock)
        lock.acquire()
        return FencedStore(Wrapped(store, asleep=sleep, after=afterwards), lock)

    def test_what_was_created_too_late_is_taken_back(self, store: Store) -> None:
        fenced = self._late(store, asleep=lambda: _taken_over(store))
        with pytest.raises(LockLost):
            fenced.create(DATA, b"late")
        assert [entry.key for entry in store.entries("collections/a/")] == [KEY]

    def test_what_was_uploaded_too_late_is_taken_back(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"late")
        fenced = self._late(store, asleep=lambda: _taken_over(store))
        with pytest.raises(LockLost):
            fenced.upload(DATA, tmp_path / "file", sha256=hashlib.sha256(b"late").hexdigest())
        assert [entry.key for entry in store.entries("collections/a/")] == [KEY]

    def test_what_was_stored_in_time_stays_however_late_the_answer_is_read(
        self, store: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_bytes(b"in time")
        sha256 = hashlib.sha256(b"in time").hexdigest()
        clock = HandClock()
        lock = _lock(store, "me", clock=clock)
        lock.acquire()

        def sleep() -> None:
            # A successor has seen it by now, and counts on it.
            clock.seconds += 61
            _taken_over(store)

        with pytest.raises(LockLost):
            FencedStore(Wrapped(store, after=sleep), lock).upload(DATA, tmp_path / "file", sha256=sha256)
        assert store.read(DATA).data == b"in time"

    def test_a_renewal_without_an_answer_may_have_made_time(self, folder: FolderStore) -> None:
        clock, store = HandClock(), _Away(folder)
        lock = _lock(store, "me", clock=clock)
        lock.acquire()
        now = folder.now()
        assert lock.is_late(now + timedelta(seconds=70))
        clock.seconds += 30
        store.away = True
        with pytest.raises(StoreAway):
            lock.renew()
        assert not lock.is_late(now + timedelta(seconds=70))
        assert lock.is_late(now + timedelta(seconds=100))

    def test_the_same_file_of_a_successor_is_not_taken_back(self, store: Store, tmp_path: Path) -> None:
        path, sha256 = tmp_path / "file", hashlib.sha256(b"same").hexdigest()
        path.write_bytes(b"same")
        fenced = self._late(store, asleep=lambda: _taken_over(store))
        store.upload(DATA, path, sha256=sha256)
        with pytest.raises(LockLost):
            fenced.upload(DATA, path, sha256=sha256)
        assert store.read(DATA).data == b"same"

    def test_what_a_successor_has_written_over_is_not_taken_back(self, store: Store) -> None:
        def write_over() -> None:
            store.replace(DATA, b"successor's", version=store.read(DATA).version)

        with pytest.raises(LockLost):
            self._late(store, asleep=lambda: _taken_over(store), afterwards=write_over).create(DATA, b"late")
        assert store.read(DATA).data == b"successor's"

    def test_what_was_created_late_but_by_the_owner_stays(self, folder: FolderStore) -> None:
        self._late(folder).create(DATA, b"late")
        assert folder.read(DATA).data == b"late"

    def test_what_a_successor_put_there_is_not_removed_by_a_late_removal(self, store: Store) -> None:
        clock = HandClock()
        lock = _lock(store, "me", clock=clock)
        lock.acquire()
        store.create(DATA, b"mine")
        with pytest.raises(Conflict):
            FencedStore(_Sleepy(store), lock).remove(DATA)
        assert store.read(DATA).data == b"successor's"

    def test_removing_what_is_not_there_is_no_error(self, store: Store) -> None:
        lock = _lock(store, "me")
        lock.acquire()
        fenced = FencedStore(store, lock)
        fenced.create(f"{DATA}-longer", b"")
        fenced.remove(DATA)
        assert [entry.key for entry in store.entries(DATA)] == [f"{DATA}-longer"]


class _Sleepy(Wrapped):
    """Its user is stopped just before a removal is sent, until a successor has written the object anew."""

    def remove(self, key: str, *, version: str | None = None) -> None:
        _taken_over(self.store)
        self.store.replace(key, b"successor's", version=self.store.read(key).version)
        self.store.remove(key, version=version)
