"""Servers that are not quite S3 are found out before anything is written to them, each in words."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from harvester.checks.machine import examine
from harvester.errors import Conflict, Exit, HarvesterError, NotFound
from harvester.harvest.lock import Lock
from harvester.harvest.lock_content import content
from harvester.settings import Settings
from harvester.store.conditions import FOLDER, Unfit
from harvester.store.s3 import S3Store
from tests.support.faulty_s3 import BUCKET, FaultyS3, S3InMemory
from tests.support.servers import VERSITYGW, versitygw, versitygw_program
from tests.support.stores import HandClock

KEY, LOCK = "collections/a/one", "collections/a/lock.json"


@contextmanager
def _served(server: S3InMemory) -> Iterator[S3Store]:
    with server.served() as client:
        yield S3Store(BUCKET, client=client)


def _writes(server: S3InMemory) -> list[str]:
    return [f"{verb} {key}" for verb, key in server.asked if verb in ("PUT", "DELETE")]


def test_a_server_that_keeps_all_conditions_is_written_to_and_asked_once_a_week() -> None:
    server = S3InMemory()
    with server.served() as client:
        S3Store(BUCKET, client=client).create(KEY, b"1")
        probed = len(server.asked)
        assert probed < 120
        again = S3Store(BUCKET, client=client)
        again.create("collections/a/two", b"2")
        again.create("collections/a/three", b"3")
        # One look at what is known, and the writes.
        assert [verb for verb, _ in server.asked[probed:]] == ["GET", "PUT", "PUT"]
        assert sorted(key for key in server.objects if key.startswith(FOLDER)) == [server.remembered]
        server.ahead(days=8)
        S3Store(BUCKET, client=client).create("collections/a/four", b"4")
        assert len(server.asked) > probed + 60
        assert list(S3Store(BUCKET, client=client).folders("collections/")) == ["a"]


def test_another_server_at_the_same_address_is_probed_anew() -> None:
    server = S3InMemory()
    with server.served() as client:
        S3Store(BUCKET, client=client).create(KEY, b"1")
        server.calls_itself, server.faults = "another", FaultyS3(drops={"If-Match"})
        with pytest.raises(Unfit):
            S3Store(BUCKET, client=client).create("collections/a/two", b"2")


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (FaultyS3(drops={"If-None-Match"}), "lets a writer create an object that exists"),
        (FaultyS3(drops={"If-Match"}), "lets a writer replace a changed object"),
        (FaultyS3(drops={"If-None-Match", "If-Match"}), "lets a writer create an object that exists"),
        (FaultyS3(in_two_steps={"If-None-Match"}), "lets two simultaneous writers both succeed"),
        (FaultyS3(in_two_steps={"If-Match"}), "lets two simultaneous writers both succeed"),
        (FaultyS3(leaves_markers=True), "does not create a removed object again"),
        (FaultyS3(lists_removed=True), "lists a removed object"),
        (FaultyS3(no_etag=True), "does not tell the ETag"),
        (FaultyS3(refuses={"If-None-Match": (501, "NotImplemented")}), "docs/stores.md"),
        (FaultyS3(refuses={"If-Match": (501, "NotImplemented")}), "docs/stores.md"),
        (FaultyS3(refuses={"If-None-Match": (412, "PreconditionFailed")}), "does not create an object"),
    ],
)
def test_a_server_that_does_not_keep_writers_apart_is_refused_and_nothing_is_written(
    faults: FaultyS3, words: str, tmp_path: Path
) -> None:
    server = S3InMemory(faults)
    (tmp_path / "file").write_bytes(b"")
    with _served(server) as store:
        for write in (
            lambda: store.create(KEY, b"1"),
            lambda: store.upload(KEY, tmp_path / "file", sha256="e3b0c442" * 8),
            lambda: store.replace(KEY, b"1", version="1"),
            store.probe,
        ):
            with pytest.raises(HarvesterError) as told:
                write()
            assert words in str(told.value)
            assert "s3://" in told.value.message
        # What the probe wrote is gone, and there is nothing else.
        assert server.objects == {}
        assert list(store.entries("collections/")) == []


def test_a_server_that_ignores_conditions_on_removals_is_used_and_looked_at_before_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = S3InMemory(FaultyS3(drops_on_removal=True))
    with _served(server) as store:
        first = store.create(KEY, b"1")
        assert not store.removes_conditionally
        assert "ignores conditions on deletes" in caplog.text
        second = store.replace(KEY, b"2", version=first)
        with pytest.raises(Conflict):
            store.remove(KEY, version=first)
        assert store.read(KEY).data == b"2"
        store.remove(KEY, version=second)
        with pytest.raises(NotFound):
            store.read(KEY)
        store.remove(KEY, version=second)
    # The next one knows without trying.
    with server.served() as client:
        asked = len(server.asked)
        assert not S3Store(BUCKET, client=client).removes_conditionally
        assert len(server.asked) == asked + 1


def test_a_late_owner_leaves_its_successors_lock_alone_there() -> None:
    server, clock = S3InMemory(FaultyS3(drops_on_removal=True)), HandClock()
    with _served(server) as store:
        late, successor, third = (Lock(store, LOCK, owner=owner, clock=clock) for owner in ("a", "b", "c"))
        late.acquire()
        server.ahead(seconds=120)
        held = successor.acquire()
        assert held is not None
        assert held["owner"] == "a"
        late.release()
        assert content(store.read(LOCK))["owner"] == "b"
        with pytest.raises(HarvesterError) as told:
            third.acquire()
        assert told.value.exit_code == Exit.LOCKED
        successor.release()
        third.acquire()
        assert content(store.read(LOCK))["owner"] == "c"


@pytest.mark.parametrize(
    ("faults", "ok", "words"),
    [
        (FaultyS3(), True, "rejects the second of two writers"),
        (FaultyS3(drops_on_removal=True), True, "locks are replaced"),
        (FaultyS3(in_two_steps={"If-Match"}), False, "lets two simultaneous writers both succeed"),
    ],
)
def test_doctor_tries_the_same(
    faults: FaultyS3, ok: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with _served(S3InMemory(faults)) as store:
        *_, check = examine(Settings(x_api_url="http://127.0.0.1:9"), lambda: store)
    assert check.check == "store"
    assert (check.ok, words in check.detail) == (ok, True)


def test_one_wrong_answer_of_a_proxy_refuses_nobody() -> None:
    server = S3InMemory()
    server.answer_wrongly(412, times=1)
    with _served(server) as store:
        store.create(KEY, b"1")


def test_threads_that_write_first_at_once_probe_once() -> None:
    server = S3InMemory()
    with _served(server) as store:
        threads = [
            threading.Thread(target=store.create, args=(f"{KEY}{number}", b"1")) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert _writes(server).count(f"PUT {server.remembered}") == 1


def test_who_only_reads_writes_nothing() -> None:
    server = S3InMemory()
    with _served(server) as store:
        store.require()
        list(store.entries("collections/"))
        store.now()
    assert _writes(server) == []


def test_what_killed_probes_left_is_removed_by_a_later_one() -> None:
    server = S3InMemory()
    with _served(server) as store:
        left = f"{FOLDER}probe-of-a-killed-process"
        server.objects[left] = server.stored(b"1")
        server.ahead(hours=2)
        store.create(KEY, b"1")
        assert left not in server.objects


class TestWithoutMetadata:
    """A server that keeps what is told with an object in memory has forgotten it after a restart."""

    def test_an_upload_of_what_is_there_is_done(self, tmp_path: Path) -> None:
        server = S3InMemory()
        path = tmp_path / "file"
        path.write_bytes(b"x" * 3_000_000)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        with _served(server) as store:
            assert store.upload(KEY, path, sha256=sha256)
            server.forget_metadata()
            assert store.upload(KEY, path, sha256=sha256) == ""
            path.write_bytes(b"other")
            with pytest.raises(Conflict):
                store.upload(KEY, path, sha256=hashlib.sha256(b"other").hexdigest())

    def test_a_write_whose_answer_was_lost_is_known_by_its_content(self) -> None:
        server = S3InMemory(FaultyS3(keeps_no_metadata=True))
        with _served(server) as store:
            store.require()
            server.lose_answer_of(KEY)
            version = store.create(KEY, orjson.dumps({"owner": "me"}))
            assert store.read(KEY).version == version
            with pytest.raises(Conflict):
                store.create(KEY, orjson.dumps({"owner": "you"}))


@pytest.mark.parametrize(
    ("how", "words"), [("versioned", "create a removed object again"), ("nometa", "ETag")]
)
def test_a_real_server_set_up_in_a_way_that_does_not_work_is_refused(
    how: str, words: str, tmp_path: Path
) -> None:
    program = versitygw_program()
    if program is None:
        pytest.skip(f"versitygw is not installed: `make versitygw`, or go install {VERSITYGW}")
    with versitygw(program, tmp_path / "server", how=how) as server:
        client = server.client()
        client.create_bucket(Bucket=BUCKET)
        if how == "versioned":
            client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        store = S3Store(BUCKET, client=server.requests(BUCKET))
        with pytest.raises(HarvesterError, match=words):
            store.create(KEY, b"1")
        assert list(store.folders("collections/")) == []
