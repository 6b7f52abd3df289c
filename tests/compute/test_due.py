"""What was due and brought no harvest is told, and nothing else is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.clock import timestamp
from harvester.compute import Scheduled
from harvester.compute.schedules.due import PATIENCE, due_before, missed
from harvester.compute.schedules.expression import coming, parsed
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
_SINCE = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
_DUE = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
_KEYS = CollectionKeys("s")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def _told(
    store: FolderStore, *, now: datetime = _NOW, since: datetime = _SINCE, paused: bool = False
) -> list[str]:
    schedule = Scheduled("s", parsed("cron(0 6 * * ? *)"), since, paused=paused)
    return [each.text for each in missed(store, [schedule], now)]


def _harvested(store: FolderStore, begun: datetime, ended: datetime | None) -> None:
    here = _KEYS.harvest(begun)
    summary: dict[str, Any] = {"harvest_timestamp": timestamp(begun), "state": "running"}
    if ended:
        summary |= {"harvest_end_timestamp": timestamp(ended), "state": "complete"}
        store.create(_KEYS.last_harvest, orjson.dumps({"harvest_id": timestamp(begun)}))
    store.create(here.harvest, orjson.dumps(summary))
    store.create(_KEYS.collection, b"{}")


_HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("begun", "ended", "late"),
    [
        (_DUE - 25 * _HOUR, _DUE - 24 * _HOUR, True),
        (_DUE + timedelta(seconds=40), _DUE + _HOUR, False),
        # One that ran at that time turned the other away.
        (_DUE - _HOUR, _DUE + _HOUR, False),
        # One that was killed began all the same.
        (_DUE + timedelta(seconds=40), None, False),
        # Somebody made up for it.
        (_DUE + 3 * _HOUR, _DUE + 4 * _HOUR, False),
    ],
)
def test_a_schedule_is_missed_if_no_harvest_came_of_its_last_time(
    begun: datetime, ended: datetime | None, late: bool, store: FolderStore
) -> None:
    _harvested(store, begun, ended)
    assert _told(store) == ["was due at 2026-11-25 06:00:00 UTC, but no harvest ran"] * late


def test_nothing_is_missed_that_was_not_due_or_may_still_begin(store: FolderStore) -> None:
    store.create(_KEYS.collection, b"{}")
    assert len(_told(store)) == 1
    assert _told(store, since=_DUE + _HOUR) == []
    assert _told(store, paused=True) == []
    first = _DUE - timedelta(minutes=1)
    assert _told(store, since=first, now=_DUE + PATIENCE / 2) == []
    assert len(_told(store, since=first, now=_DUE + PATIENCE)) == 1


def test_a_harvest_that_runs_is_enough(store: FolderStore) -> None:
    store.create(_KEYS.collection, b"{}")
    store.create(_KEYS.lock, b"{}")
    assert _told(store) == []


_EXPRESSIONS = st.sampled_from(
    (
        *("rate(1 minute)", "rate(7 days)", "rate(13 hours)", "cron(0 6 * * ? *)", "cron(*/7 3-5 * * ? *)"),
        *("cron(0 0 L * ? *)", "cron(0 9 29 2 ? *)", "cron(0 9 ? * 3#2 *)", "at(2026-11-20T06:00:00)"),
    )
)


@settings(max_examples=60)
@given(_EXPRESSIONS, st.integers(0, 3_000_000), st.integers(0, 3_000_000))
def test_the_time_before_is_the_last_of_those_that_came(expression: str, age: int, later: int) -> None:
    schedule, since = parsed(expression), _SINCE + timedelta(seconds=age)
    until = since + timedelta(seconds=later)
    found = due_before(schedule, until, since=since)
    before = since - timedelta(microseconds=1)
    if found is None:
        assert [due for due in coming(schedule, before, since=since, times=1) if due <= until] == []
    else:
        assert since <= found <= until
        assert all(due > until for due in coming(schedule, found, since=since, times=1))
