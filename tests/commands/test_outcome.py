"""How a harvest ended is said in one sentence, whatever its harvest.json has for a reason."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.clock import moment
from harvester.commands.cli.harvest_rows import how_it_ended
from harvester.commands.cli.outcome import outcome_line
from harvester.commands.cli.workspace import Workspace
from harvester.harvest import catalog
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_KEYS, _BEGAN = CollectionKeys("c"), "2026-11-26T00:00:00+00:00"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("X is down.", " (X is down)."), ("stopped", " (stopped)."), (7, " (7)."), (None, ".")],
)
def test_a_reason_ends_with_one_full_stop_and_may_be_damaged(tmp_path: Path, reason: Any, shown: str) -> None:
    store, workspace = FolderStore(tmp_path), Workspace(Settings(collections_path=str(tmp_path)))
    store.create(_KEYS.last_harvest, orjson.dumps({"harvest_id": _BEGAN, "state": "failed"}))
    summary = {"harvest_timestamp": _BEGAN, "state": "failed", "reason": reason}
    store.create(_KEYS.harvest(moment(_BEGAN)).harvest, orjson.dumps(summary))
    last = catalog.last(store, _KEYS)
    assert last and outcome_line(workspace, last).endswith(f". State: failed{shown}")
    assert f" as failed{shown} `harvest last c`" in how_it_ended(workspace, _KEYS)
