"""What a dead harvest had reached is found in the store, whatever step it died at."""

import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester.clock import moment, timestamp
from harvester.errors import Conflict, HarvesterError, StoreAway
from harvester.harvest import checkpoint
from harvester.harvest.checkpoint import Parts
from harvester.harvest.segment import Finished, Segment, completed
from harvester.harvest.workdir import State
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.pointer import Pointer
from tests.support.stores import Mute, Place
from tests.support.strange_data import mutated

KEYS = CollectionKeys("a")
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
HERE = KEYS.harvest(STARTED)
KEY = "collections/a/checkpoint.json"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "collections")


def _grown(folder: Path, batches: int) -> tuple[Segment, list[int]]:
    segment, sizes = Segment(folder / "tweets-1.jsonl.gz"), []
    for number in range(batches):
        segment.write(b'{"id":"%d"}\n' % number * 100, posts=100)
        sizes.append(segment.sync())
    return segment, sizes


class TestParts:
    def test_a_growing_file_is_put_together_from_its_parts(self, place: Place, tmp_path: Path) -> None:
        store = place.store()
        segment, sizes = _grown(tmp_path, 5)
        parts = Parts(store, HERE, tmp_path)
        for size in (sizes[0], sizes[2], sizes[2], sizes[4]):
            parts.copy(segment.name, size)
        assert len(list(store.entries(HERE.parts))) == 3
        state = State(
            harvest=timestamp(STARTED), owner="dead",
            segment={"name": segment.name, "size": sizes[3], "posts": 400},
        )  # fmt: skip
        checkpoint.fetch_parts(store, HERE, state, tmp_path / "new")
        whole = completed(tmp_path / "new" / segment.name, size=sizes[3], posts=400)
        expected = b"".join(b'{"id":"%d"}\n' % number * 100 for number in range(4))
        assert gzip.decompress((tmp_path / "new" / whole.name).read_bytes()) == expected

    def test_much_at_once_is_copied_in_pieces(self, store: FolderStore, tmp_path: Path) -> None:
        data = bytes(range(256)) * 80_000
        (tmp_path / "users.jsonl").write_bytes(data)
        Parts(store, HERE, tmp_path).copy("users.jsonl", len(data) - 1)
        sizes = [entry.size for entry in store.entries(HERE.parts)]
        assert sum(sizes) == len(data) - 1
        assert max(sizes) == 8 << 20
        state = State(harvest=timestamp(STARTED), owner="dead", sizes={"users.jsonl": len(data) - 1})
        checkpoint.fetch_parts(store, HERE, state, tmp_path / "new")
        assert (tmp_path / "new" / "users.jsonl").read_bytes() == data[:-1]
        state.sizes["users.jsonl"] = 1000
        checkpoint.fetch_parts(store, HERE, state, tmp_path / "new")
        assert (tmp_path / "new" / "users.jsonl").read_bytes() == data[:1000]

    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_a_part_that_is_missing_is_told(self, store: FolderStore, tmp_path: Path, missing: int) -> None:
        segment, sizes = _grown(tmp_path, 3)
        parts = Parts(store, HERE, tmp_path)
        for size in sizes:
            parts.copy(segment.name, size)
        store.remove([entry.key for entry in store.entries(HERE.parts)][missing])
        state = State(
            harvest=timestamp(STARTED), owner="dead",
            segment={"name": segment.name, "size": sizes[2], "posts": 300},
        )  # fmt: skip
        with pytest.raises(
            HarvesterError, match=f"bytes of {segment.name}, of a harvest that died, are missing"
        ):
            checkpoint.fetch_parts(store, HERE, state, tmp_path / "new")

    def test_a_later_part_does_not_stand_in_for_a_missing_one(
        self, store: FolderStore, tmp_path: Path
    ) -> None:
        (tmp_path / "users.jsonl").write_bytes(b"1\n2\n")
        parts = Parts(store, HERE, tmp_path)
        for size in (2, 4):
            parts.copy("users.jsonl", size)
        store.remove(HERE.part("users.jsonl", 0))
        state = State(harvest=timestamp(STARTED), owner="dead", sizes={"users.jsonl": 2})
        with pytest.raises(
            HarvesterError, match="2 bytes of users.jsonl, of a harvest that died, are missing"
        ):
            checkpoint.fetch_parts(store, HERE, state, tmp_path / "new")

    def test_a_copy_whose_answer_was_lost_is_made_once(self, store: FolderStore, tmp_path: Path) -> None:
        segment, sizes = _grown(tmp_path, 2)
        mute = Mute(store)
        parts = Parts(mute, HERE, tmp_path)
        mute.lose = 1
        with pytest.raises(StoreAway):
            parts.copy(segment.name, sizes[0])
        parts.copy(segment.name, sizes[1])
        assert [entry.size for entry in store.entries(HERE.parts)] == [sizes[0], sizes[1] - sizes[0]]

    def test_a_part_of_somebody_else_is_not_taken_for_ours(self, store: FolderStore, tmp_path: Path) -> None:
        segment, sizes = _grown(tmp_path, 1)
        store.create(HERE.part(segment.name, 0), b"another's")
        with pytest.raises(Conflict):
            Parts(store, HERE, tmp_path).copy(segment.name, sizes[0])

    def test_a_stored_file_needs_no_parts(self, store: FolderStore, tmp_path: Path) -> None:
        segment, sizes = _grown(tmp_path, 2)
        (tmp_path / "users.jsonl").write_bytes(b"{}\n")
        parts = Parts(store, HERE, tmp_path)
        parts.copy(segment.name, sizes[1])
        parts.copy("users.jsonl", 3)
        parts.forget(segment.name)
        assert [entry.key for entry in store.entries(HERE.parts)] == [HERE.part("users.jsonl", 0)]


class TestReached:
    STORED = Finished("tweets-1.jsonl.gz", 4, "sha1", "sha256", 5)

    def _checkpoint(self, store: Store) -> State:
        before = State(harvest=timestamp(STARTED), owner="dead")
        after = State(harvest=timestamp(STARTED), owner="dead", patch={"sweep": "1"}, finished=[self.STORED])
        closing = {"file": vars(self.STORED), "state": after.to_tree()}
        Pointer(store, KEYS.checkpoint).write({"state": before.to_tree(), "closing": closing})
        tree = checkpoint.load(store, KEYS)
        assert tree
        return checkpoint.reached(store, HERE, tree)

    def test_a_file_that_was_announced_and_stored_counts(self, store: FolderStore) -> None:
        store.create(HERE.file(self.STORED.name), b"1234")
        assert self._checkpoint(store).finished == [self.STORED]

    def test_a_file_that_was_only_announced_does_not(self, store: FolderStore) -> None:
        assert self._checkpoint(store).finished == []

    def test_a_file_of_another_size_does_not(self, store: FolderStore) -> None:
        store.create(HERE.file(self.STORED.name), b"123")
        assert self._checkpoint(store).patch == {}

    def test_no_checkpoint_no_dead(self, store: FolderStore) -> None:
        assert checkpoint.load(store, KEYS) is None


def test_a_checkpoint_that_somebody_changed_is_refused_in_words_or_used(tmp_path: Path) -> None:
    store, keys = FolderStore(tmp_path / "collections"), CollectionKeys("it")
    files = [vars(Finished("tweets-1.jsonl.gz", 10, "a", "b", 3))]
    segment = {"name": "tweets-2.jsonl.gz", "size": 5, "posts": 1}
    state = {
        **State(harvest=timestamp(datetime(2026, 11, 23, tzinfo=UTC)), owner="me").to_tree(),
        "finished": files,
        "segment": segment,
    }
    tree = {"state": state, "closing": {"file": files[0], "state": state}}
    refused = 0
    for number in range(400):
        spoiled = mutated(tree, random.Random(number))
        store.remove(keys.checkpoint)
        store.create(keys.checkpoint, json.dumps(spoiled).encode())
        try:
            found = checkpoint.load(store, keys)
        except HarvesterError as error:
            assert "or remove it" in error.hint
            refused += 1
            continue
        assert found
        checkpoint.reached(store, keys.harvest(moment(found["state"]["harvest"])), found)
    assert 100 < refused < 400
