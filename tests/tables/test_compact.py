"""A day's small files become one, and every row stays there once, whatever comes afterwards."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester.errors import Conflict
from harvester.store import Entry
from harvester.store.folder import FolderStore
from harvester.store.keys import TABLES, CollectionKeys, segment_name
from harvester.store.table_keys import is_of_day, notes_of, partition_of
from harvester.tables.catalog import catalog
from harvester.tables.columns import TABLES as TABLE_NAMES
from harvester.tables.compact import compact, days_to_compact
from tests.support import record_forms
from tests.support.record_store import replace_file, store_harvest
from tests.support.table_rows import asked, build, in_records, in_tables

_KEYS = CollectionKeys("election")
_MONTH = "2026-10"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> FolderStore:
    """Three harvests of one day and one of the next, with tables; only to be read and copied."""
    made = FolderStore(tmp_path_factory.mktemp("built") / "collections")
    lines = record_forms.made_up_lines()
    for at in ("01T09", "01T10", "01T11", "02T09"):
        store_harvest(made, _KEYS, lines, lines[:3], at=f"2026-10-{at}:00:00Z")
    build(made, _KEYS)
    return made


@pytest.fixture(scope="module")
def compacted(built: FolderStore, tmp_path_factory: pytest.TempPathFactory) -> FolderStore:
    """The same after each day was compacted; only to be copied."""
    made = _copy(built, tmp_path_factory.mktemp("compacted"))
    first, second = compact(made, _KEYS.id, _MONTH)
    assert (first.day, len(first.sets), second.day, len(second.sets)) == ("2026-10-01", 9, "2026-10-02", 3)
    return made


@pytest.fixture
def store(compacted: FolderStore, tmp_path: Path) -> FolderStore:
    return _copy(compacted, tmp_path)


def _copy(store: FolderStore, folder: Path) -> FolderStore:
    """The files are linked, for the version of one is that of its inode, too."""
    shutil.copytree(store.root, folder / "collections", copy_function=os.link)
    return FolderStore(folder / "collections")


def _a_day_passes(store: FolderStore) -> None:
    """All notes are two days older."""
    then = time.time() - 2 * 86_400
    for notes in catalog(store, _KEYS.id).notes.values():
        for entry in notes.values():
            path = store.file_of(entry.key)
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data)
            os.utime(path, (then, then))


def _require_whole(store: FolderStore) -> None:
    assert in_tables(store, _KEYS) == in_records(store, _KEYS)
    (harvests,) = asked(store, "SELECT count(*) AS n, count(DISTINCT harvest) AS once FROM harvests")
    assert harvests["n"] == harvests["once"]


def test_a_day_becomes_one_set_and_has_the_same_rows(built: FolderStore, store: FolderStore) -> None:
    before = {table: asked(built, f"SELECT count(*) AS n FROM {table}") for table in ("hashtags", "accounts")}
    _require_whole(store)
    assert {table: asked(store, f"SELECT count(*) AS n FROM {table}") for table in before} == before
    assert len([made for made in catalog(store, _KEYS.id).complete() if made.day == "2026-10-01"]) == 1
    assert list(days_to_compact(store, _KEYS.id, _MONTH)) == []
    assert compact(store, _KEYS.id, _MONTH) == []


def test_the_small_files_are_removed_by_a_build_a_day_later(store: FolderStore) -> None:
    assert build(store, _KEYS).removed == 0
    _a_day_passes(store)
    result = build(store, _KEYS)
    assert (result.made, result.removed) == ([], 12)
    _require_whole(store)
    sets = [made for made in catalog(store, _KEYS.id).data if made.day == "2026-10-01"]
    assert len(sets) == 1 and is_of_day(sets[0])
    assert build(store, _KEYS).removed == 0


@pytest.mark.system
@pytest.mark.parametrize("removed", [False, True], ids=["the small files are there", "they are removed"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_file_that_changes_afterwards_leaves_no_row_out(
    store: FolderStore, *, removed: bool, which: int
) -> None:
    if removed:
        _a_day_passes(store)
        build(store, _KEYS)
    began = datetime(2026, 10, 1, 9 + which, tzinfo=UTC)
    replace_file(store, _KEYS.harvest(began), segment_name(began, 1), record_forms.made_up_lines()[:5])
    build(store, _KEYS)
    _require_whole(store)


@pytest.mark.system
def test_a_harvest_that_comes_later_on_that_day_is_added(store: FolderStore) -> None:
    store_harvest(store, _KEYS, record_forms.made_up_lines()[:4], at="2026-10-01T23:00:00Z")
    build(store, _KEYS)
    _require_whole(store)
    (day,) = compact(store, _KEYS.id, _MONTH)
    assert len(day.sets) == 3
    _require_whole(store)


def test_a_day_that_was_compacted_twice_has_one_set_a_day_later(store: FolderStore) -> None:
    store_harvest(store, _KEYS, record_forms.made_up_lines()[:4], at="2026-10-01T23:00:00Z")
    build(store, _KEYS)
    compact(store, _KEYS.id, _MONTH)
    _a_day_passes(store)
    assert build(store, _KEYS).made == []
    _require_whole(store)
    assert len([made for made in catalog(store, _KEYS.id).data if made.day == "2026-10-01"]) == 1


class _Beside(FolderStore):
    """Each time that a prefix was listed, one of the `changes` is made."""

    def __init__(self, store: FolderStore, prefix: str, *changes: Callable[[], object]) -> None:
        super().__init__(store.root)
        self._prefix, self._changes = prefix, list(changes)

    def entries(self, prefix: str) -> Iterator[Entry]:
        yield from super().entries(prefix)
        if prefix == self._prefix and self._changes:
            self._changes.pop(0)()


_FIRST_DAY = "2026-10-01"
_NOTES_LISTED = notes_of(_KEYS.id, f"{_FIRST_DAY}/")
_ALL_LISTED = partition_of(list(TABLE_NAMES)[-1], _KEYS.id, f"{_FIRST_DAY}/")


@pytest.mark.parametrize("listed", [_NOTES_LISTED, _ALL_LISTED], ids=["the notes are", "all is"])
def test_sets_that_a_build_removes_once_they_were_listed_are_left_out(
    built: FolderStore, tmp_path: Path, listed: str
) -> None:
    store = _copy(built, tmp_path)

    def delete_harvest() -> None:
        for entry in list(store.entries(_KEYS.harvest(datetime(2026, 10, 1, 9, tzinfo=UTC)).folder)):
            store.remove(entry.key)
        build(store, _KEYS)

    first, _ = compact(_Beside(store, listed, delete_harvest), _KEYS.id, _MONTH)
    assert (first.day, len(first.sets)) == (_FIRST_DAY, 6)
    _require_whole(store)


def test_tables_that_change_again_and_again_are_not_compacted(built: FolderStore, tmp_path: Path) -> None:
    store = _copy(built, tmp_path)
    path = store.file_of(catalog(store, _KEYS.id).files("posts")[0].key)

    def replace() -> None:
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)

    with pytest.raises(Conflict, match="The tables of 2026-10-01 are changed by another process"):
        compact(_Beside(store, _ALL_LISTED, *[replace] * 10), _KEYS.id, _MONTH)
    _require_whole(store)


def test_a_day_compacted_while_one_of_its_files_changes_has_the_rows_of_now(store: FolderStore) -> None:
    late = {entry.key: store.read(entry.key).data for entry in store.entries(TABLES) if "/day-" in entry.key}
    began = datetime(2026, 10, 1, 9, tzinfo=UTC)
    replace_file(store, _KEYS.harvest(began), segment_name(began, 1), record_forms.made_up_lines()[:5])
    build(store, _KEYS)
    for key, data in late.items():
        with suppress(Conflict):
            store.create(key, data)
    build(store, _KEYS)
    _require_whole(store)
