"""One contract for every kind of store: two writers of a key cannot both win, and what is told as done is."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harvester.errors import Conflict, HarvesterError, NotFound
from harvester.store import Store
from harvester.store.keys import REPORTS, ROOT, TABLES
from tests.support.stores import ATOMIC, Place, on_a_small_disk, placed, race

A, B, C = (f"collections/a/{name}" for name in ("one", "two", "two/three"))


# A second real server, for what is true of one may be a habit of it.
_KINDS = ("folder", "moto", "s3", "versitygw")


@pytest.fixture(params=_KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return placed(request.param, request, tmp_path, monkeypatch)


@pytest.fixture
def store(place: Place) -> Store:
    return place.store()


def _file(folder: Path, data: bytes) -> tuple[Path, str]:
    path = folder / f"upload-{len(data)}"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


class TestContract:
    def test_what_was_created_is_read(self, store: Store) -> None:
        version = store.create(A, b"data")
        stored = store.read(A)
        assert (stored.data, stored.version) == (b"data", version)

    def test_the_second_creation_loses_and_changes_nothing(self, store: Store) -> None:
        store.create(A, b"first")
        with pytest.raises(Conflict):
            store.create(A, b"second")
        assert store.read(A).data == b"first"

    def test_the_second_creation_of_the_same_bytes_loses_too(self, store: Store) -> None:
        store.create(A, b"same")
        with pytest.raises(Conflict):
            store.create(A, b"same")

    @pytest.mark.parametrize("root", [TABLES, REPORTS])
    def test_what_is_beside_the_collections_is_not_among_them(
        self, store: Store, root: str, tmp_path: Path
    ) -> None:
        path, sha256 = _file(tmp_path, b"rows")
        store.create(A, b"record")
        store.create(f"{root}v1/one", b"note")
        store.upload(f"{root}v1/two", path, sha256=sha256)
        assert [entry.key for entry in store.entries(root)] == [f"{root}v1/one", f"{root}v1/two"]
        assert list(store.folders(root)) == ["v1"] and store.read(f"{root}v1/two").data == b"rows"
        assert [entry.key for entry in store.entries(ROOT)] == [A]
        assert list(store.folders(ROOT)) == ["a"]
        store.remove(f"{root}v1/one")
        store.remove(f"{root}v1/two")
        assert not list(store.entries(root)) and store.read(A).data == b"record"

    def test_what_is_not_there_is_not_found(self, store: Store, tmp_path: Path) -> None:
        store.create(A, b"")
        with pytest.raises(NotFound, match="two"):
            store.read(B)
        with pytest.raises(NotFound, match="two"):
            store.download(B, tmp_path / "download")
        assert not (tmp_path / "download").exists()

    def test_a_replacement_gives_a_new_version(self, store: Store) -> None:
        first = store.create(A, b"1")
        second = store.replace(A, b"2", version=first)
        assert first != second
        assert store.read(A).data == b"2"
        assert store.read(A).version == second

    def test_a_replacement_of_an_old_version_loses(self, store: Store) -> None:
        first = store.create(A, b"1")
        store.replace(A, b"2", version=first)
        with pytest.raises(Conflict):
            store.replace(A, b"3", version=first)
        assert store.read(A).data == b"2"

    def test_a_replacement_of_an_old_version_by_the_same_bytes_loses_too(self, store: Store) -> None:
        first = store.create(A, b"1")
        store.replace(A, b"2", version=first)
        with pytest.raises(Conflict):
            store.replace(A, b"2", version=first)

    def test_what_was_removed_is_not_replaced(self, store: Store) -> None:
        version = store.create(A, b"1")
        store.remove(A)
        with pytest.raises(Conflict):
            store.replace(A, b"2", version=version)
        with pytest.raises(NotFound):
            store.read(A)

    @pytest.mark.parametrize("place", [*ATOMIC, "versitygw"], indirect=True)
    def test_of_many_creators_of_a_key_one_wins(self, place: Place) -> None:
        won = race(place, "create", "collections/a/", 40)
        assert sorted(won) == [f"collections/a/{number:03d}" for number in range(40)]

    @pytest.mark.parametrize("place", [*ATOMIC, "versitygw"], indirect=True)
    def test_no_increment_of_a_counter_is_lost(self, place: Place, store: Store) -> None:
        store.create(A, b"0")
        race(place, "count", A, 3)
        assert store.read(A).data == b"48"

    def test_removing_needs_the_version_where_one_is_given(self, store: Store) -> None:
        first = store.create(A, b"1")
        second = store.replace(A, b"2", version=first)
        with pytest.raises(Conflict):
            store.remove(A, version=first)
        assert store.read(A).data == b"2"
        store.remove(A, version=second)
        with pytest.raises(NotFound):
            store.read(A)

    def test_removing_what_is_not_there_is_no_error(self, store: Store) -> None:
        store.remove(B)
        version = store.create(A, b"1")
        store.remove(A)
        store.remove(A)
        store.remove(A, version=version)

    def test_an_upload_is_the_file(self, store: Store, tmp_path: Path) -> None:
        path, sha256 = _file(tmp_path, b"x" * 3_000_000)
        version = store.upload(A, path, sha256=sha256)
        assert store.read(A).data == b"x" * 3_000_000
        assert store.read(A).version == version

    def test_an_upload_may_be_repeated(self, store: Store, tmp_path: Path) -> None:
        path, sha256 = _file(tmp_path, b"data")
        assert store.upload(A, path, sha256=sha256)
        assert store.upload(A, path, sha256=sha256) == ""
        assert store.read(A).data == b"data"

    def test_an_upload_finds_what_was_created_otherwise(self, store: Store, tmp_path: Path) -> None:
        path, sha256 = _file(tmp_path, b"data")
        store.create(A, b"data")
        assert store.upload(A, path, sha256=sha256) == ""

    def test_an_upload_does_not_write_over_another_file(self, store: Store, tmp_path: Path) -> None:
        path, sha256 = _file(tmp_path, b"data")
        store.upload(A, path, sha256=sha256)
        path, sha256 = _file(tmp_path, b"other")
        with pytest.raises(Conflict):
            store.upload(A, path, sha256=sha256)
        assert store.read(A).data == b"data"

    def test_the_file_of_an_upload_stays_and_may_go(self, store: Store, tmp_path: Path) -> None:
        path, sha256 = _file(tmp_path, b"data")
        store.upload(A, path, sha256=sha256)
        assert path.read_bytes() == b"data"
        path.unlink()
        assert store.read(A).data == b"data"

    def test_entries_are_all_that_begin_so_in_order(self, store: Store) -> None:
        for name in ("b/2", "b/10", "b-1", "c", "b/1/x"):
            store.create(f"collections/{name}", name.encode())
        assert {entry.key for entry in store.entries("collections/b")} == {
            "collections/b-1", "collections/b/1/x", "collections/b/10", "collections/b/2"
        }  # fmt: skip
        assert [entry.key for entry in store.entries("collections/b/1")] == [
            "collections/b/1/x", "collections/b/10"
        ]  # fmt: skip
        assert list(store.entries("collections/none/")) == []

    def test_an_entry_tells_size_version_and_time(self, store: Store) -> None:
        version = store.create(A, b"12345")
        entry, stored = next(store.entries(A)), store.read(A)
        assert (entry.key, entry.size, entry.version) == (A, 5, version)
        assert abs(entry.modified - stored.modified) < timedelta(seconds=1)

    @pytest.mark.parametrize("place", ["folder", "s3"], indirect=True)
    def test_more_than_a_thousand_entries_are_all_told(self, store: Store) -> None:
        keys = [f"collections/a/{number:04d}" for number in range(1005)]
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda key: store.create(key, b""), keys))
        assert [entry.key for entry in store.entries("collections/a/")] == keys

    def test_folders_are_the_names_below(self, store: Store) -> None:
        for name in ("b/1", "a/1/2", "a/2", "file"):
            store.create(f"collections/{name}", b"")
        assert list(store.folders("collections/")) == ["a", "b"]
        assert list(store.folders("collections/a/")) == ["1"]
        assert list(store.folders("collections/none/")) == []

    def test_a_download_is_the_object(self, store: Store, tmp_path: Path) -> None:
        data = bytes(range(256)) * 10_000
        store.create(A, data)
        store.download(A, tmp_path / "new" / "download")
        assert (tmp_path / "new" / "download").read_bytes() == data
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["download"]

    def test_a_download_to_a_full_disk_is_told_and_leaves_no_file(
        self, place: Place, store: Store, tmp_path: Path
    ) -> None:
        store.create(A, bytes(200_000))
        disk = tmp_path / "disk"
        words, *there = on_a_small_disk(disk, place, "fetch", A, disk / "download")
        assert "No space left on device. The disk is full: free some space" in words
        assert there == []

    def test_the_store_has_a_clock(self, store: Store) -> None:
        store.create(A, b"")
        assert abs(store.now() - datetime.now(UTC)) < timedelta(seconds=20)
        assert abs(store.now() - store.read(A).modified) < timedelta(seconds=20)

    def test_a_key_that_leads_out_is_refused(self, store: Store, tmp_path: Path) -> None:
        path, sha256 = _file(tmp_path, b"")
        uses: tuple[Callable[[str], object], ...] = (
            store.read,
            lambda key: store.create(key, b""),
            lambda key: store.replace(key, b"", version="1"),
            lambda key: store.upload(key, path, sha256=sha256),
            lambda key: store.download(key, tmp_path / "download"),
            store.remove,
            lambda key: list(store.entries(key)),
            lambda key: list(store.folders(key)),
        )
        for key in (
            *("collections/../x", "collections/a/../../x", "collections/a/..", "collections//etc/passwd"),
            *("tables/../collections/a", "tables//a", "tables", "reports/./a"),
            *("/etc/passwd", "elsewhere/a", "collections/./a", "collections", "collections/a\0b", ""),
        ):
            for use in uses:
                with pytest.raises(HarvesterError, match="points outside the store"):
                    use(key)
