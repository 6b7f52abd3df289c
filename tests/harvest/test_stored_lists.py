"""Lists of earlier harvests are read from files of edges, and a damaged one is named."""

import gzip
from pathlib import Path

import orjson
import pytest

from harvester.clock import moment
from harvester.errors import HarvesterError
from harvester.harvest.stored_lists import StoredLists
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_KEYS = CollectionKeys("c")
_ONE, _OTHER = "2026-11-23T09:00:00.000000+00:00", "2026-11-24T09:00:00.000000+00:00"


def _line(user: str, begun: str, *ids: str) -> bytes:
    return (
        orjson.dumps({"line": 1, "user": user, "direction": "followers", "list": begun, "ids": ids}) + b"\n"
    )


@pytest.fixture
def lists(tmp_path: Path) -> StoredLists:
    store = FolderStore(tmp_path / "collections")
    for harvest, number, data in (
        (_ONE, 1, _line("1", "a", "5", "6") + _line("2", "a", "9")),
        (_ONE, 2, _line("1", "a", "7") + _line("1", "before", "8")),
        (_OTHER, 1, _line("1", "a", "4")),
    ):
        name = f"edges-20261123090000-{number:06d}.jsonl.gz"
        store.create(_KEYS.harvest(moment(harvest)).file(name), gzip.compress(data))
    return StoredLists(store, _KEYS, tmp_path / "scratch")


def test_the_pages_of_one_list_are_read_from_all_its_harvests(lists: StoredLists) -> None:
    assert list(lists.ids([_ONE, _OTHER], "1", "followers", "a")) == ["5", "6", "7", "4"]
    assert list(lists.ids([_ONE], "1", "followers", "before")) == ["8"]
    assert list(lists.ids([_ONE], "1", "following", "a")) == []
    assert lists.end(_ONE, "1", "followers") is None


def test_a_damaged_file_of_edges_is_named(lists: StoredLists, tmp_path: Path) -> None:
    (path,) = (tmp_path / "collections").rglob("23/*/*/*/edges-*-000002.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(HarvesterError, match=r"edges-20261123090000-000002\.jsonl\.gz cannot be read"):
        list(lists.ids([_ONE], "1", "followers", "a"))
