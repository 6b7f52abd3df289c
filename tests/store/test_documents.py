"""What others damaged in a store is told in words, and holds up no more than it must."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester.collection import history
from harvester.documents import Tree
from harvester.errors import HarvesterError, NotFound
from harvester.harvest import missed_interval
from harvester.store.documents import document
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.collections_on_disk import harvested
from tests.support.strange_data import mutated

_KEY = "collections/it/harvest.json"


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"1", b'{"owner": "me"}', b'{"\xff": 1}'])
def test_an_object_that_is_damaged_is_told(data: bytes, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with pytest.raises(NotFound):
        document(store, _KEY, "owner", "state")
    store.create(_KEY, data)
    with pytest.raises(HarvesterError, match=r"harvest\.json in .* is damaged") as raised:
        document(store, _KEY, "owner", "state")
    assert "Restore an earlier version" in raised.value.hint


def test_a_damaged_pointer_does_not_keep_a_stream_from_beginning(tmp_path: Path) -> None:
    store, keys = FolderStore(tmp_path), CollectionKeys("it")
    pointer = {"harvest_id": "2026-11-23T09:00:00.000000+00:00", "state": "interrupted"}
    here = keys.harvest(datetime(2026, 11, 23, 9, tzinfo=UTC))
    gap = {"reason": "the harvest died", "from": "2026-11-23T09:00:00+00:00", "last_id_before": "1"}
    store.create(here.harvest, json.dumps({"gaps": [gap]}).encode())
    for number in range(200):
        store.remove(keys.last_harvest)
        store.create(keys.last_harvest, json.dumps(mutated(pointer, random.Random(number))).encode())
        missed_interval.before(store, keys)
    store.remove(keys.last_harvest)
    store.create(keys.last_harvest, json.dumps(pointer).encode())
    assert missed_interval.before(store, keys)


def test_a_damaged_changeset_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    keys = harvested(store, tmp_path / "work", random.Random(1), harvests=1)
    before = store.read(keys.collection).data
    newest = sorted((tmp_path / "collections" / keys.id / "changesets").iterdir())[-1]

    def edit(tree: Tree) -> Tree:
        return {**tree, "title": "new"}

    for data in (b"", b"-1", b"{", b"[]"):
        newest.write_bytes(data)
        with pytest.raises(HarvesterError, match=f"{newest.name} is damaged"):
            history.edit(store, keys, edit)
        assert store.read(keys.collection).data == before
    newest.unlink()
    assert history.edit(store, keys, edit)["title"] == "new"


def test_what_an_object_holds_is_in_no_repr(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create(_KEY, b'{"bearer_token": "AAAA"}')
    assert "AAAA" not in repr(store.read(_KEY))
