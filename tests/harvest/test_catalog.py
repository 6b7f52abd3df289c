"""What harvests say of themselves is found without reading or listing more than was asked for."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from harvester.clock import SystemClock, timestamp
from harvester.collection import history
from harvester.harvest import catalog
from harvester.harvest.lock import Lock
from harvester.store import Entry, Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_KEYS = CollectionKeys("museums")


class Counted(FolderStore):
    """A store that counts what is asked of it, and the entries that it listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.calls: Counter[str] = Counter()

    def read(self, key: str) -> Stored:
        self.calls["read"] += 1
        return super().read(key)

    def entries(self, prefix: str) -> Iterator[Entry]:
        self.calls["entries"] += 1
        for entry in super().entries(prefix):
            self.calls["listed"] += 1
            yield entry

    def folders(self, prefix: str) -> Iterator[str]:
        self.calls["folders"] += 1
        return super().folders(prefix)


def _harvested_daily(root: Path, days: int) -> Counted:
    store = Counted(root)
    tree = {"id": "museums", "type": "user_timeline", "users": {}}
    history.add(store, _KEYS, tree)
    for day in range(days):
        here = _KEYS.harvest(datetime(2026, 1, 20, 9, 5, 7, tzinfo=UTC) + timedelta(days=day))
        summary = {"harvest_timestamp": timestamp(here.started), "state": "complete"}
        store.create(here.harvest, orjson.dumps(summary))
        store.create(here.manifest("sha1"), b"")
    store.calls.clear()
    return store


def test_the_newest_harvests_are_found_without_listing_all_others(tmp_path: Path) -> None:
    store = _harvested_daily(tmp_path, 60)
    found = catalog.all_of(store, _KEYS, newest=2)
    assert [summary["harvest_timestamp"][:10] for summary in found] == ["2026-03-20", "2026-03-19"]
    # Years, months and days once each, two days of two files, and one day that a thread was ahead.
    assert store.calls["folders"] == 3
    assert store.calls["entries"] <= 3
    assert store.calls["listed"] <= 6
    assert store.calls["read"] == 3


def test_all_are_found_over_years_and_months_newest_first(tmp_path: Path) -> None:
    store = _harvested_daily(tmp_path, 60)
    everything = catalog.all_of(store, _KEYS)
    assert len(everything) == 60
    assert catalog.all_of(store, _KEYS, newest=100) == everything
    assert catalog.all_of(store, _KEYS, newest=45) == everything[:45]


def test_what_died_is_not_called_running(tmp_path: Path) -> None:
    store = _harvested_daily(tmp_path, 1)
    for day, owner in (5, "dead"), (6, "alive"):
        here = _KEYS.harvest(datetime(2026, 2, day, tzinfo=UTC))
        summary = {"harvest_timestamp": timestamp(here.started), "state": "running", "owner": owner}
        store.create(here.harvest, orjson.dumps(summary))

    def states() -> list[str]:
        return [summary["state"] for summary in catalog.all_of(store, _KEYS)]

    assert states() == ["interrupted", "interrupted", "complete"]
    assert catalog.all_of(store, _KEYS)[0]["reason"] == "it died; the next harvest stores what it left"
    lock = Lock(store, _KEYS.lock, owner="alive", clock=SystemClock())
    lock.acquire()
    assert states() == ["running", "interrupted", "complete"]
    lock.release()
    assert states() == ["interrupted", "interrupted", "complete"]


@pytest.mark.parametrize("left", ["a checkpoint", "a lock", "nothing"])
def test_a_harvest_that_died_is_known_by_what_it_left_until_another_runs(left: str, tmp_path: Path) -> None:
    store = _harvested_daily(tmp_path, 1)
    begun = store.now().replace(microsecond=0)
    here = _KEYS.harvest(begun)
    lock = Lock(store, _KEYS.lock, owner="dead", clock=SystemClock())
    if left == "a lock":
        store.create(_KEYS.lock, orjson.dumps({"owner": "dead", "acquired": timestamp(begun), "ttl": 1e-9}))
    elif left == "a checkpoint":
        store.create(_KEYS.checkpoint, orjson.dumps({"state": {"harvest": timestamp(begun)}}))
        record = {"harvest_timestamp": timestamp(begun), "state": "running", "owner": "dead"}
        store.create(here.harvest, orjson.dumps(record))
    found = catalog.died(store, _KEYS)
    if left == "nothing":
        assert found is None
        return
    assert found
    assert (found["state"], found["harvest_timestamp"]) == ("interrupted", timestamp(begun))
    if left == "a lock":
        assert found["reason"] == "it died before it collected anything"
        record = {"harvest_timestamp": timestamp(begun), "state": "complete", "owner": "dead"}
        store.create(here.harvest, orjson.dumps(record))
        # It died when all was done, except for the removal of its lock.
        assert catalog.died(store, _KEYS) is None
    else:
        lock.acquire()
        assert catalog.died(store, _KEYS) is None


def test_the_last_harvest_is_also_one_that_could_not_store_all(tmp_path: Path) -> None:
    store = _harvested_daily(tmp_path, 2)
    first, second = (_KEYS.harvest(datetime(2026, 1, day, 9, 5, 7, tzinfo=UTC)) for day in (20, 21))
    store.create(_KEYS.last_harvest, orjson.dumps({"harvest_id": timestamp(first.started)}))
    store.create(_KEYS.checkpoint, orjson.dumps({"state": {"harvest": timestamp(second.started)}}))
    begun = {"harvest_timestamp": timestamp(second.started)}

    def found_with(**state: str) -> tuple[str, str]:
        version = store.read(second.harvest).version
        store.replace(second.harvest, orjson.dumps({**begun, **state}), version=version)
        last = catalog.last(store, _KEYS)
        assert last
        return last["harvest_timestamp"], last["state"]

    assert found_with(state="running") == (timestamp(first.started), "complete")
    assert found_with(state="failed") == (timestamp(second.started), "failed")
    store.replace(second.harvest, b"{", version=store.read(second.harvest).version)
    assert (catalog.last(store, _KEYS) or {}).get("harvest_timestamp") == timestamp(first.started)
    store.remove(_KEYS.checkpoint)
    assert found_with(state="failed") == (timestamp(first.started), "complete")


def test_a_last_harvest_whose_folder_is_gone_is_not_taken_for_a_failed_one(tmp_path: Path) -> None:
    store = _harvested_daily(tmp_path, 0)
    pointer = {"harvest_id": "2026-01-20T09:05:07.000000+00:00", "state": "complete"}
    store.create(_KEYS.last_harvest, orjson.dumps(pointer))
    found = catalog.last(store, _KEYS)
    assert found and (found["state"], found["reason"]) == ("complete", "its harvest.json is missing")


def test_after_a_mark_only_a_harvest_that_began_since_is_found(tmp_path: Path) -> None:
    store = _harvested_daily(tmp_path, 2)
    marked = catalog.mark(store, _KEYS)
    assert catalog.first_after(store, _KEYS, marked) is None
    begun = store.now().replace(microsecond=0)
    lock = Lock(store, _KEYS.lock, owner="0", clock=SystemClock())
    lock.acquire()
    for number in range(3):
        here = _KEYS.harvest(begun + timedelta(seconds=number))
        summary = {"harvest_timestamp": timestamp(here.started), "state": "running", "owner": str(number)}
        store.create(here.harvest, orjson.dumps(summary))
    found = catalog.first_after(store, _KEYS, marked)
    assert found
    # Its process is known to be gone, so the lock that it left says nothing.
    assert (found["harvest_timestamp"], found["state"]) == (timestamp(begun), "interrupted")
    assert catalog.first_after(store, _KEYS, catalog.mark(store, _KEYS)) is None
