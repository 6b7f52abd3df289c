"""A stream that has left its task is told from one that only failed, from what the store holds."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.clock import timestamp
from harvester.compute.stream_end import Membership, is_over
from harvester.errors import Exit
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_KEYS = CollectionKeys("live")
_STREAMS = ["live", "other"]
_OURS = {"cpu": 256, "streams": _STREAMS}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def _ended(store: FolderStore, seconds: float = 0.0, **summary: Any) -> None:
    """The last harvest ended so many seconds from now."""
    here = _KEYS.harvest(store.now().replace(microsecond=0))
    end = timestamp(store.now() + timedelta(seconds=seconds))
    tree = {"harvest_timestamp": timestamp(here.started), "harvest_end_timestamp": end, "task": _OURS}
    store.create(here.harvest, orjson.dumps(tree | summary))
    store.create(_KEYS.last_harvest, orjson.dumps({"harvest_id": timestamp(here.started)}))


def _has_left(store: FolderStore) -> bool:
    since = store.now() - timedelta(seconds=60)
    return Membership(since, _STREAMS).has_left(store, _KEYS)


@pytest.mark.parametrize(
    ("summary", "left"),
    [
        ({"state": "complete", "exit_code": 0}, True),
        ({"state": "partial", "exit_code": 3}, True),
        ({"state": "stopped", "exit_code": 0}, True),
        ({"state": "stopped", "exit_code": 5, "limit": "budget"}, True),
        ({"state": "stopped", "exit_code": 143}, False),
        ({"state": "stopped", "exit_code": 5}, False),
        ({"state": "failed", "exit_code": 1}, False),
        ({"state": "failed", "exit_code": 99}, False),
        ({"state": "interrupted", "exit_code": 0}, False),
        # Another start of it is another's to start again.
        ({"state": "stopped", "exit_code": 143, "task": {"cpu": 256}}, True),
        ({"state": "interrupted", "exit_code": 0, "task": None}, True),
    ],
)
def test_it_has_left_once_its_end_was_meant_or_it_ran_elsewhere(
    store: FolderStore, summary: dict[str, Any], left: bool
) -> None:
    _ended(store, **summary)
    assert _has_left(store) is left


def test_what_ended_before_the_task_was_started_is_forgotten(store: FolderStore) -> None:
    assert not _has_left(store)
    _ended(store, -120, state="complete", exit_code=0)
    assert not _has_left(store)


def test_a_stop_that_was_asked_for_while_nothing_ran_counts_until_the_next_start(store: FolderStore) -> None:
    _ended(store, state="failed", exit_code=1)
    store.create(_KEYS.stop, b"{}")
    assert _has_left(store)
    assert not Membership(store.now() + timedelta(seconds=60), _STREAMS).has_left(store, _KEYS)
    # A harvest that runs hears it itself.
    lock = {"owner": "it", "acquired": timestamp(store.now()), "ttl": 60}
    store.create(_KEYS.lock, orjson.dumps(lock))
    assert not _has_left(store)


@pytest.mark.parametrize(
    ("seconds", "task", "left"),
    [(0, _OURS, False), (0, {"cpu": 256}, True), (-120, {"cpu": 256}, False)],
)
def test_a_harvest_that_runs_is_the_tasks_unless_it_was_started_elsewhere_since(
    store: FolderStore, seconds: int, task: dict[str, Any], left: bool
) -> None:
    here = _KEYS.harvest((store.now() + timedelta(seconds=seconds)).replace(microsecond=0))
    begun = timestamp(here.started)
    store.create(here.harvest, orjson.dumps({"harvest_timestamp": begun, "state": "running", "task": task}))
    store.create(_KEYS.checkpoint, orjson.dumps({"state": {"harvest": begun}}))
    lock = {"owner": "it", "acquired": timestamp(store.now()), "ttl": 60}
    store.create(_KEYS.lock, orjson.dumps(lock))
    assert _has_left(store) is left


def test_a_harvest_that_spent_a_limit_is_the_last_and_one_that_was_refused_is_not(store: FolderStore) -> None:
    assert [is_over(store, _KEYS, code) for code in (Exit.OK, Exit.PARTIAL, Exit.ERROR, -9)] == [
        *(True, True, False, False)
    ]
    assert not is_over(store, _KEYS, Exit.RETRY_LATER)
    _ended(store, state="stopped", exit_code=5, limit="budget")
    assert is_over(store, _KEYS, Exit.RETRY_LATER)
