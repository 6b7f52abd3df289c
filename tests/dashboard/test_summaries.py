"""The overview of a bucket reads each ended harvest once, also over several runs of the dashboard."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from harvester.dashboard.overview import Overview
from harvester.settings import Settings
from harvester.store import Store, Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.dashboard_visit import a_place
from tests.support.record_store import store_harvest

_KEYS = CollectionKeys("storms")


class _Billed:
    """A folder whose reads cost money, as those of a bucket do; counts the summaries that are read."""

    is_billed = True

    def __init__(self, store: Store) -> None:
        self._store, self.summaries = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, key: str) -> Stored:
        self.summaries += key.endswith("/harvest.json")
        return self._store.read(key)


class _Desk:
    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, FolderStore(folder / "collections")
        self.cache = folder / "cache"

    def posts(self) -> tuple[int, int]:
        """The posts that a new run of the dashboard shows, and how many summaries it read for that."""
        store = _Billed(self.store)
        place = a_place(
            self.folder, cast("Store", store), settings=replace(Settings(), cache=str(self.cache))
        )
        (row,) = Overview(place).rows()
        return row["posts"], store.summaries

    def file(self) -> Path:
        (found,) = self.cache.glob("*/summaries.json")
        return found


@pytest.fixture
def desk(tmp_path: Path) -> _Desk:
    made = _Desk(tmp_path)
    for hour in range(3):
        store_harvest(made.store, _KEYS, at=f"2026-10-05T0{hour}:00:00Z", tweets=10 * hour + 1)
    return made


def test_a_second_run_reads_only_what_is_new_or_has_changed(desk: _Desk) -> None:
    assert desk.posts() == (33, 3)
    assert desk.posts() == (33, 0)
    harvest = store_harvest(desk.store, _KEYS, at="2026-10-05T03:00:00Z", tweets=100)
    assert desk.posts() == (133, 1)
    old = desk.store.read(harvest.harvest)
    changed = json.dumps({**json.loads(old.data), "tweets": 200}).encode()
    desk.store.replace(harvest.harvest, changed, version=old.version)
    assert desk.posts() == (233, 1)


def test_a_running_harvest_is_read_each_time(desk: _Desk) -> None:
    store_harvest(desk.store, _KEYS, at="2026-10-05T03:00:00Z", state="running", tweets=5)
    desk.posts()
    posts, read = desk.posts()
    assert posts == 38 and read > 0


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"a": 1}', b'{"a": ["b"', b"\xff"])
def test_a_damaged_file_is_made_anew(desk: _Desk, damage: bytes) -> None:
    desk.posts()
    desk.file().write_bytes(damage)
    assert desk.posts() == (33, 3)
    assert desk.posts() == (33, 0)


def test_a_cache_that_cannot_be_written_costs_only_the_reading(desk: _Desk) -> None:
    desk.cache.write_bytes(b"a file")
    assert [desk.posts() for _ in range(2)] == [(33, 3), (33, 3)]
