"""Changesets are read in their order, and one that is damaged is named instead of passed over."""

from pathlib import Path

import pytest

from harvester.collection import history
from harvester.collection.replay import changesets, replay, tree_at
from harvester.errors import HarvesterError
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
