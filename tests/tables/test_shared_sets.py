"""Many small harvests of a day share one set of tables, with the rows that sets of their own have."""

import os
import time
from pathlib import Path

import pytest

from harvester.clock import moment
from harvester.store.folder import FolderStore
from harvester.store.keys import TABLES, CollectionKeys, segment_name
from harvester.store.reading import reader
from harvester.store.table_keys import NOTES, TOP, is_of_day
from harvester.tables.catalog import catalog
from harvester.tables.posts import Tables
from tests.support import record_forms
from tests.support.record_store import replace_file, store_harvest
from tests.support.table_rows import asked, build, in_records, in_tables

_KEYS = CollectionKeys("election")
_HOURS = range(9, 18)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Nine harvests of a day, whose pages have the same accounts; the last one still runs."""
    made = FolderStore(tmp_path / "collections")
    lines = record_forms.made_up_lines()
    for hour in _HOURS:
        state = "complete" if hour in _HOURS[:-1] else "running"
        gap = {"from": "2026-10-01T08:00:00Z", "reason": "x"}
        store_harvest(made, _KEYS, lines, lines[:2], at=_at(hour), state=state, gaps=[gap])
    return made


def _at(hour: int) -> str:
    return f"2026-10-01T{hour:02}:00:00Z"


def _sets(store: FolderStore) -> int:
    return len(catalog(store, _KEYS.id).complete())


def _require_whole(store: FolderStore, *, harvests: int) -> None:
    assert in_tables(store, _KEYS) == in_records(store, _KEYS)
    assert asked(store, "SELECT count(*) AS n, count(DISTINCT harvest) AS once FROM harvests") == [
        {"n": harvests, "once": harvests}
    ]


def test_they_have_the_rows_of_sets_of_their_own(store: FolderStore, tmp_path: Path) -> None:
    result = build(store, _KEYS)
    assert (_sets(store), len(result.made), result.failed) == (1, 18, [])
    assert result.rows == len(in_records(store, _KEYS))
    _require_whole(store, harvests=8)
    assert Tables(store, reader(store), tmp_path).posts(_KEYS)
    assert (build(store, _KEYS).made, build(store, _KEYS, dry_run=True).planned) == ([], [])
    alone = FolderStore(tmp_path / "alone")
    lines = record_forms.made_up_lines()
    for hour in _HOURS:
        store_harvest(alone, _KEYS, lines, lines[:2], at=_at(hour))
        if hour in _HOURS[3::4]:
            # Fewer than share one.
            build(alone, _KEYS)
    build(alone, _KEYS)
    assert not any(map(is_of_day, catalog(alone, _KEYS.id).notes))
    for table in ("hashtags", "mentions", "accounts", "referenced"):
        of_table = f"SELECT * EXCLUDE (harvested) FROM {table} ORDER BY ALL"
        assert asked(store, of_table) == asked(alone, of_table), table


def test_a_harvest_that_ends_and_one_that_comes_are_added(store: FolderStore) -> None:
    build(store, _KEYS)
    key = _KEYS.harvest(moment(_at(_HOURS[-1]))).harvest
    told = store.read(key)
    store.replace(key, told.data.replace(b"running", b"complete"), version=told.version)
    store_harvest(store, _KEYS, record_forms.made_up_lines()[:2], at=_at(20))
    assert len(build(store, _KEYS).made) == 1
    assert _sets(store) == 4
    _require_whole(store, harvests=10)


def test_a_bad_record_leaves_out_its_file_alone_until_it_is_repaired(store: FolderStore) -> None:
    harvest = _KEYS.harvest(moment(_at(10)))
    name = segment_name(harvest.started, 2)
    replace_file(store, harvest, name, [b"{", record_forms.made_up_lines()[0]])
    result = build(store, _KEYS)
    assert (result.failed, len(result.made)) == ([harvest.file(name)], 17)
    assert asked(store, "SELECT count(*) AS n FROM harvests") == [{"n": 7}]
    (failed,) = build(store, _KEYS).failed
    assert failed == harvest.file(name)
    replace_file(store, harvest, name, record_forms.made_up_lines()[:2])
    assert len(build(store, _KEYS).made) == 1
    _require_whole(store, harvests=8)


@pytest.mark.system
def test_a_file_that_changes_and_a_harvest_that_goes_leave_no_row_behind(store: FolderStore) -> None:
    build(store, _KEYS)
    harvest = _KEYS.harvest(moment(_at(10)))
    replace_file(store, harvest, segment_name(harvest.started, 2), record_forms.made_up_lines()[2:5])
    build(store, _KEYS)
    _require_whole(store, harvests=8)
    for entry in list(store.entries(_KEYS.harvest(moment(_at(12))).folder)):
        store.remove(entry.key)
    build(store, _KEYS)
    _require_whole(store, harvests=7)
    assert _sets(store) == 1


def test_two_builds_at_once_that_saw_different_harvests_have_each_row_once(
    store: FolderStore, tmp_path: Path
) -> None:
    last = store.file_of(_KEYS.harvest(moment(_at(10))).folder)
    last.rename(tmp_path / "not yet")
    fewer = FolderStore(tmp_path / "fewer", prefix=TABLES)
    build(store, _KEYS, fewer)
    (tmp_path / "not yet").rename(last)
    build(store, _KEYS)
    for entry in list(fewer.entries(TABLES)):
        store.create(entry.key, fewer.read(entry.key).data)
    assert (_sets(store), len(catalog(store, _KEYS.id).notes)) == (1, 2)
    _require_whole(store, harvests=8)
    assert build(store, _KEYS).removed == 1
    assert len(catalog(store, _KEYS.id).data) == 1
    _require_whole(store, harvests=8)


def test_what_a_killed_build_left_goes_a_day_later(store: FolderStore) -> None:
    build(store, _KEYS)
    for entry in list(store.entries(NOTES)):
        store.remove(entry.key)
    left = {entry.key for entry in store.entries(TOP)}
    store_harvest(store, _KEYS, record_forms.made_up_lines()[:2], at=_at(20))
    build(store, _KEYS)
    assert left < {entry.key for entry in store.entries(TOP)}
    for key in left:
        os.utime(store.file_of(key), (0, time.time() - 2 * 86_400))
    build(store, _KEYS)
    assert left.isdisjoint(entry.key for entry in store.entries(TOP))
    _require_whole(store, harvests=9)


def test_what_a_killed_build_left_a_day_ago_is_made_again_under_the_same_name(store: FolderStore) -> None:
    build(store, _KEYS)
    for entry in list(store.entries(NOTES)):
        store.remove(entry.key)
    for entry in list(store.entries(TOP)):
        os.utime(store.file_of(entry.key), (0, time.time() - 2 * 86_400))
    build(store, _KEYS)
    _require_whole(store, harvests=8)


def test_harvests_without_a_file_share_one_and_what_is_left_out_meanwhile_is_named(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    for hour in _HOURS:
        store_harvest(store, _KEYS, at=_at(hour))
    build(store, _KEYS)
    assert (_sets(store), asked(store, "SELECT count(*) AS n FROM harvests")) == (1, [{"n": 9}])
    for entry in list(store.entries(_KEYS.harvest(moment(_at(12))).folder)):
        store.remove(entry.key)
    store_harvest(store, _KEYS, [b"{", record_forms.made_up_lines()[0]], at="2026-10-02T09:00:00Z")
    result = build(store, _KEYS, skip_bad=True)
    # The set of the first day went, so that the collection was looked at again.
    assert (len(result.bad), len(result.made), result.there) == (1, 1, 0)
    assert asked(store, "SELECT count(*) AS n FROM harvests") == [{"n": 9}]
