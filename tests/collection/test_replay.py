"""Changesets are read in their order, and one that is damaged is named instead of passed over."""

from pathlib import Path

import pytest

from harvester.collection import history
from harvester.collection.replay import changesets, names, replay, tree_at
from harvester.errors import HarvesterError
from harvester.store import Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_KEYS = CollectionKeys("a")


def _edited(root: Path) -> FolderStore:
    store = FolderStore(root)
    history.add(store, _KEYS, {"id": "a", "type": "search", "search": {"query": "museum"}})
    for number in range(1, 40):
        history.edit(store, _KEYS, lambda tree, number=number: {**tree, "title": str(number)})  # type: ignore[misc]
    return store


def test_each_version_is_made_by_the_changesets_up_to_its_own(tmp_path: Path) -> None:
    store = _edited(tmp_path)
    found = list(changesets(store, _KEYS))
    assert [changeset["version"] for _, changeset in found] == list(range(1, 41))
    made = [tree_at(store, _KEYS, name) for name, _ in found]
    assert [tree.get("title") for tree in made if tree] == [None, *map(str, range(1, 40))]
    assert replay(store, _KEYS) == made[-1] == history.current(store, _KEYS)
    assert tree_at(store, _KEYS, "change-20190501100000.json") is None


@pytest.mark.parametrize("data", [b"{", b"[]", b"{}", b'{"update": {}}', b'{"update": [], "delete": []}'])
def test_a_damaged_changeset_is_named(data: bytes, tmp_path: Path) -> None:
    store = _edited(tmp_path)
    key = _KEYS.changesets + next(changesets(store, _KEYS))[0]
    store.remove(key)
    store.create(key, data)
    with pytest.raises(HarvesterError, match=key) as raised:
        replay(store, _KEYS)
    assert "Restore an earlier version" in raised.value.hint


class _Watched(FolderStore):
    """Knows which objects were read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, key: str) -> Stored:
        self.reads.append(key)
        return super().read(key)


def test_of_a_long_history_only_a_few_changesets_are_read_ahead(tmp_path: Path) -> None:
    _edited(tmp_path)
    store = _Watched(tmp_path)
    changes = changesets(store, _KEYS)
    for taken in range(1, 41):
        next(changes)
        assert len(store.reads) < taken + 8


def test_only_what_a_version_was_made_of_is_read(tmp_path: Path) -> None:
    found = names(_edited(tmp_path), _KEYS)
    store = _Watched(tmp_path)
    assert tree_at(store, _KEYS, "change-20190501100000.json") is None
    assert not store.reads
    assert tree_at(store, _KEYS, found[2])
    assert len(store.reads) == 3
