"""Builds that are killed at random moments, two at once among them, come to what a fresh build makes.

`TABLE_KILLS=200 pytest -s tests/tables/test_kills.py` kills more often.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harvester.store.folder import FolderStore
from harvester.store.keys import TABLES, CollectionKeys
from tests.support import record_forms
from tests.support.record_store import store_harvest
from tests.support.table_rows import asked, build, in_records, in_tables

_KILLS = int(os.environ.get("TABLE_KILLS", "8"))
_ROOT = Path(__file__).resolve().parents[2]
_KEYS = CollectionKeys("election")

pytestmark = [pytest.mark.slow, pytest.mark.system]


def test_killed_builds_come_to_what_a_fresh_one_makes(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    lines = record_forms.made_up_lines()
    for day in range(1, 3):
        store_harvest(store, _KEYS, lines, lines[:2], at=f"2026-10-0{day}T09:00:00Z")
    # These share one set.
    for hour in range(10, 18):
        store_harvest(store, _KEYS, lines[:4], at=f"2026-10-03T{hour}:00:00Z")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.table_kills", str(_KILLS), str(store.root), "election"],
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=500 + 3 * _KILLS,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    sys.stdout.write(f"{told}\n")
    assert told["killed"] >= _KILLS and told["codes"] == [0, 0]
    fresh = FolderStore(tmp_path / "fresh", prefix=TABLES)
    build(store, _KEYS, fresh)
    assert [entry.key for entry in store.entries(TABLES)] == [entry.key for entry in fresh.entries(TABLES)]
    assert in_tables(store, _KEYS) == in_tables(fresh, _KEYS) == in_records(store, _KEYS)
    for table in ("hashtags", "accounts", "harvests"):
        count = f"SELECT count(*) AS n FROM {table}"
        assert asked(store, count) == asked(fresh, count)
