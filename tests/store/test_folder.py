"""What only a folder has to do: full disks, clocks that tick in milliseconds, folders that come and go."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from harvester.errors import HarvesterError, StoreAway
from harvester.store.disk import make_folder
from harvester.store.folder import FolderStore
from harvester.store.keys import ROOT, TABLES
from tests.support.stores import Place, on_a_small_disk, race


def test_no_two_versions_look_alike(tmp_path: Path) -> None:
    """Many at once, so that files get the numbers of others removed within one tick of the clock."""
    store = FolderStore(tmp_path)

    def write(thread: int) -> list[str]:
        versions = [store.create(f"collections/{thread}", b"0")]
        for _ in range(150):
            versions.append(store.replace(f"collections/{thread}", b"0", version=versions[-1]))
        return versions

    with ThreadPoolExecutor(8) as threads:
        versions = [version for each in threads.map(write, range(8)) for version in each]
    assert len(set(versions)) == len(versions)


def test_a_folder_goes_with_its_last_object(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create("collections/a/1/2", b"")
    store.create("collections/b/1", b"")
    store.remove("collections/a/1/2")
    assert list(store.folders("collections/")) == ["b"]


def test_a_file_whose_name_is_no_text_is_listed_and_removed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    store.create("collections/a/one", b"1")
    try:
        (tmp_path / "collections/a" / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has no such names")
    for entry in list(store.entries("collections/a/")):
        store.remove(entry.key)
    assert list(store.entries("collections/a/")) == []


def test_one_creates_where_another_removes(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)

    def come_and_go(name: int) -> None:
        for _ in range(100):
            store.create(f"collections/a/b/{name}", b"")
            store.remove(f"collections/a/b/{name}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(come_and_go, range(4)))
    assert list(store.entries("collections/")) == []


def test_a_folder_that_comes_and_goes_is_not_taken_for_a_file_in_the_way(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Python's own mkdir takes it for one when it was there, and is not any more a moment later."""
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    folder = tmp_path / "a" / "b"

    def come_and_go(_: int) -> None:
        for _ in range(500):
            with suppress(FileNotFoundError):
                make_folder(folder)
            for each in (folder, folder.parent):
                with suppress(OSError):
                    each.rmdir()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(come_and_go, range(4)))
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").symlink_to("nowhere")
    for name in "ab":
        with pytest.raises(NotADirectoryError):
            make_folder(tmp_path / name)


def test_what_a_killed_writer_left_is_forgotten_after_a_day(tmp_path: Path) -> None:
    FolderStore(tmp_path).now()
    old, new = tmp_path / ".scratch" / "old", tmp_path / ".scratch" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    store = FolderStore(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)
    assert list(store.entries("collections/")) == []
    assert list(store.folders("collections/")) == []


def test_an_upload_from_another_file_system_is_the_file(tmp_path: Path) -> None:
    places = [Path(each) for each in ("/dev/shm", "/var/tmp", "/tmp") if Path(each).is_dir()]
    others = [each for each in places if each.stat().st_dev != tmp_path.stat().st_dev]
    if not others:
        pytest.skip("there is no second file system to write to")
    elsewhere = others[0]
    source = elsewhere / f"upload-{os.getpid()}"
    try:
        source.write_bytes(b"data")
        store = FolderStore(tmp_path)
        assert store.upload("collections/a", source, sha256="")
        assert store.read("collections/a").data == b"data"
    finally:
        source.unlink()


def test_a_file_that_may_not_be_so_large_is_told_and_not_there(tmp_path: Path) -> None:
    printed = race(Place("folder", str(tmp_path / "store")), "limit", 5000, processes=1)
    assert len(printed) == 1
    assert (
        "collections/a cannot be used: File too large. Files of this size are not allowed here" in printed[0]
    )
    assert [path.name for path in (tmp_path / "store" / ".scratch").iterdir()] == []


def test_a_full_disk_is_told_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    big, disk = tmp_path / "big", tmp_path / "disk"
    big.write_bytes(bytes(200_000))
    created, uploaded, *there = on_a_small_disk(disk, Place("folder", f"{disk}/store"), "fill", 200_000, big)
    full = "cannot be used: No space left on device. The disk is full: free some space"
    assert created.startswith(f"collections/a/created {full}")
    assert uploaded.startswith(f"collections/a/uploaded {full}")
    assert there == ["collections/a/small"]


def test_a_file_in_the_place_of_a_folder_is_no_conflict(tmp_path: Path) -> None:
    """Who takes another name after a conflict would go on without end."""
    store = FolderStore(tmp_path)
    store.create("collections/it/harvests", b"a file")
    with pytest.raises(StoreAway, match="harvests is in the way and is not a folder"):
        store.create("collections/it/harvests/2026/harvest.json", b"{}")


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (tmp_path / "it").mkdir()
    os.mkfifo(tmp_path / "it/lock.json")
    with pytest.raises(StoreAway, match=r"lock\.json cannot be used: it is not a file"):
        store.read("collections/it/lock.json")


def test_a_pipe_in_the_place_of_a_guard_is_not_waited_for(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    version = store.create("collections/it/lock.json", b"{}")
    guards = tmp_path / ".scratch/guards"
    guards.mkdir(parents=True)
    for number in range(64):
        os.mkfifo(guards / f"{number:02d}")
    for write in (
        lambda: store.replace("collections/it/lock.json", b"{}", version=version),
        lambda: store.remove("collections/it/lock.json"),
    ):
        with pytest.raises(StoreAway, match=r"guards/\d\d cannot be used: it is not a file") as found:
            write()
        assert found.value.lasting


def test_a_folder_may_stand_for_one_other_root_alone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, prefix=TABLES)
    store.create(f"{TABLES}v1/one", b"rows")
    assert (tmp_path / "v1" / "one").read_bytes() == b"rows"
    assert [entry.key for entry in store.entries(TABLES)] == [f"{TABLES}v1/one"]
    for use in (store.read, lambda key: list(store.entries(key)), lambda key: store.create(key, b"")):
        with pytest.raises(HarvesterError, match="points outside the store"):
            use(f"{ROOT}a/one")
