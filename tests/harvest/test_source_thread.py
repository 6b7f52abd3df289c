"""What a harvest hands on shows none of the API keys that a collection of 2019 holds itself."""

from types import SimpleNamespace
from typing import Any

import pytest

from harvester.clock import Stop, SystemClock
from harvester.documents import Collection
from harvester.harvest.finalize import Ending
from harvester.harvest.source_thread import SourceThread
from harvester.harvest.workdir import State, Work
from harvester.networks import Job
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_KEY = "a-key-of-2019"
_TREE: Collection = {"type": "search", "search": {"query": "museum"}, "keys": {"bearer_token": _KEY}}
_ABSENT: Any = None
_CONTEXT: Any = SimpleNamespace(store=None, keys=None, progress=None)


def _thread() -> SourceThread:
    return SourceThread(_CONTEXT, _TREE, None, _ABSENT, _ABSENT, _ABSENT, None)


def _job() -> Job[Any]:
    return Job(_TREE, _ABSENT, SystemClock(), Stop(), _ABSENT, _ABSENT, _ABSENT)


@pytest.mark.parametrize("made", [_thread, _job])
def test_keys_in_a_collection_are_in_no_repr(made: Any) -> None:
    assert _KEY not in repr(made())


def test_nor_in_that_of_an_ending(tmp_path: Any) -> None:
    work = Work.begin(tmp_path, State(harvest="2026-01-01T00:00:00+00:00", owner="me"))
    ending = Ending(FolderStore(tmp_path), CollectionKeys("a"), work, _TREE, _ABSENT)
    work.close()
    assert _KEY not in repr(ending)
