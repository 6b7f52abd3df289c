"""What one writer owns is written over by it alone, and a lost answer does not make it another's."""

from pathlib import Path

import orjson
import pytest

from harvester.errors import Conflict, StoreAway
from harvester.store.folder import FolderStore
from harvester.store.pointer import Pointer
from tests.support.stores import Mute, Place

KEY = "collections/a/checkpoint.json"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "collections")


def test_it_is_written_over_and_over(place: Place) -> None:
    store = place.store()
    pointer = Pointer(store, KEY)
    for number in range(3):
        pointer.write({"n": number})
    assert orjson.loads(store.read(KEY).data) == {"n": 2}


def test_what_is_there_at_first_is_written_over(store: FolderStore) -> None:
    store.create(KEY, b"a predecessor's")
    Pointer(store, KEY).write({"n": 1})
    assert orjson.loads(store.read(KEY).data) == {"n": 1}


def test_what_another_wrote_since_is_not_written_over(store: FolderStore) -> None:
    mine, other = Pointer(store, KEY), Pointer(store, KEY)
    mine.write({"n": 1})
    other.write({"n": 2})
    with pytest.raises(Conflict):
        mine.write({"n": 3})
    assert orjson.loads(store.read(KEY).data) == {"n": 2}


def test_what_another_removed_is_not_written_anew(store: FolderStore) -> None:
    pointer = Pointer(store, KEY)
    pointer.write({"n": 1})
    store.remove(KEY)
    with pytest.raises(Conflict):
        pointer.write({"n": 2})


def test_it_is_created_once(store: FolderStore) -> None:
    Pointer(store, KEY).create({"n": 1})
    with pytest.raises(Conflict):
        Pointer(store, KEY).create({"n": 1})


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("first", [True, False])
def test_a_write_whose_answer_was_lost_may_be_followed_by_another(
    store: FolderStore, lost: int, first: bool
) -> None:
    mute = Mute(store)
    pointer = Pointer(mute, KEY)
    if not first:
        pointer.write({"n": 0})
    mute.lose = lost
    for number in range(1, lost + 1):
        with pytest.raises((StoreAway, Conflict)):
            pointer.write({"n": number})
    pointer.write({"n": 9})
    assert orjson.loads(store.read(KEY).data) == {"n": 9}


def test_what_a_lost_answer_was_to_is_no_longer_ours_once_another_was_written(store: FolderStore) -> None:
    mute = Mute(store)
    pointer = Pointer(mute, KEY)
    mute.lose = 1
    with pytest.raises(StoreAway):
        pointer.write({"n": 1})
    pointer.write({"n": 2})
    Pointer(store, KEY).write({"n": 1})
    with pytest.raises(Conflict):
        pointer.write({"n": 3})


def test_what_can_be_made_anew_is_written_whatever_was_written_or_removed_since(store: FolderStore) -> None:
    mine = Pointer(store, KEY, made_anew=True)
    mine.put(b"1")
    store.replace(KEY, b"another's", version=store.read(KEY).version)
    mine.put(b"2")
    assert store.read(KEY).data == b"2"
    store.remove(KEY)
    mine.put(b"3")
    assert store.read(KEY).data == b"3"
