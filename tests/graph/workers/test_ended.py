"""Which lists a dead worker had ended, as another worker reads it while that one may come back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from harvester.clock import timestamp
from harvester.graph.workers.ended import ended_lists
from harvester.harvest.journal import State
from harvester.harvest.progress import FAILED, RUNNING
from harvester.store import Entry
from harvester.store.folder import FolderStore
from harvester.store.keys import LISTS, CollectionKeys

_KEYS, _AT = CollectionKeys("libraries.1"), datetime(2026, 11, 28, tzinfo=UTC)
_HERE, _STARTED = _KEYS.harvest(_AT), timestamp(_AT)
_LINE = orjson.dumps({"user": "7", "direction": "followers", "depth": 1, "outcome": "complete"}) + b"\n"


class _Finishing(FolderStore):
    """The harvest is finished as soon as its parts were listed."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        found = list(super().entries(prefix))
        if prefix.startswith(_HERE.parts):
            self.create(_HERE.lists, _LINE)
            for entry in found:
                self.remove(entry.key)
        return iter(found)


def _stored(store: FolderStore, state_told: str = RUNNING) -> FolderStore:
    summary = {"harvest_timestamp": _STARTED, "state": state_told, "crawl": {"started": _STARTED, "depth": 1}}
    state = State(harvest=_STARTED, owner="me", sizes={LISTS: len(_LINE)})
    store.create(_HERE.harvest, orjson.dumps(summary))
    store.create(_KEYS.checkpoint, orjson.dumps({"state": state.to_tree()}))
    store.create(_HERE.part(LISTS, 0), _LINE)
    return store


def test_lists_of_a_harvest_that_is_finished_while_they_are_read_are_known(tmp_path: Path) -> None:
    ended = ended_lists(_stored(_Finishing(tmp_path)), _KEYS, _STARTED, 1)
    assert ended == {"7": {"followers": {"outcome": "complete"}}}


@pytest.mark.parametrize("state", [RUNNING, FAILED])
def test_lists_of_a_harvest_that_could_not_store_all_are_known(tmp_path: Path, state: str) -> None:
    """Its harvest.json says that it has failed, or that it runs, where the store was away for that, too."""
    ended = ended_lists(_stored(FolderStore(tmp_path), state), _KEYS, _STARTED, 1)
    assert ended == {"7": {"followers": {"outcome": "complete"}}}
