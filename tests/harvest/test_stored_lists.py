"""Lists of earlier harvests are read from files of edges, and a damaged one is named."""

import gzip
from pathlib import Path

import orjson
import pytest

from harvester.clock import moment
from harvester.errors import StoreAway
from harvester.harvest.stored_lists import StoredLists
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.stores import Wrapped

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
    here = _KEYS.harvest(moment(_ONE))
    named = "".join(f"0  edges-20261123090000-{number:06d}.jsonl.gz\n" for number in (1, 2))
    store.create(here.manifest("sha256"), named.encode())
    return StoredLists(store, _KEYS, tmp_path / "scratch")


def test_the_pages_of_one_list_are_read_from_all_its_harvests(lists: StoredLists) -> None:
    assert list(lists.ids([_ONE, _OTHER], "1", "followers", "a")) == ["5", "6", "7", "4"]
    assert list(lists.ids([_ONE], "1", "followers", "before")) == ["8"]
    assert list(lists.ids([_ONE], "1", "following", "a")) == []
    assert lists.end(_ONE, "1", "followers") is None


class _AwayOnce(Wrapped):
    """Of each harvest the second file of edges cannot be had at first."""

    is_away = True

    def download(self, key: str, path: Path) -> None:
        if self.is_away and key.endswith("2.jsonl.gz"):
            self.is_away = False
            raise StoreAway("It is away.")
        self.store.download(key, path)


@pytest.mark.usefixtures("lists")
def test_lists_that_were_read_in_part_when_the_store_went_away_are_read_again(tmp_path: Path) -> None:
    again = StoredLists(_AwayOnce(FolderStore(tmp_path / "collections")), _KEYS, tmp_path / "again")
    with pytest.raises(StoreAway):
        list(again.ids([_ONE], "1", "followers", "a"))
    assert list(again.ids([_ONE], "1", "followers", "a")) == ["5", "6", "7"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "not gzip", "no edges", "missing"])
def test_of_a_damaged_file_of_edges_a_warning_names_it_and_all_others_are_read(
    lists: StoredLists, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = (tmp_path / "collections").rglob("23/*/*/*/edges-*-000002.jsonl.gz")
    spoil(path, damage)
    assert {"5", "6", "4"} <= {*lists.ids([_ONE, _OTHER], "1", "followers", "a")} <= {"4", "5", "6", "7"}
    (warning,) = [record.getMessage() for record in caplog.records]
    what = "is missing" if damage == "missing" else "cannot be read: "
    assert f"{path.name} {what}" in warning and "`collection verify c`" in warning


def spoil(path: Path, damage: str) -> None:
    data = path.read_bytes()
    flipped = data[:12] + bytes(255 - each for each in data[12:20]) + data[20:]
    if damage == "missing":
        path.unlink()
    else:
        no_edges = gzip.compress(b'{"line": 1}\n')
        spoiled = {"cut": data[:-9], "flipped": flipped, "not gzip": b"[]", "no edges": no_edges}
        path.write_bytes(spoiled[damage])
