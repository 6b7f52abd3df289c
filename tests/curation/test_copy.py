"""A collection that goes to another store is there as a whole, and proven; or it is not there yet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.curation.copy import CollectionCopy
from harvester.curation.verify import Overall, verify
from harvester.errors import HarvesterError
from harvester.harvest.lock import Lock
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from tests.support.cli_session import Person, at_a_terminal
from tests.support.harvest_stage import staged
from tests.support.servers import Bucket


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    with at_a_terminal(tmp_path, monkeypatch, users=2, posts_per_user=20) as (person, emulated):
        users: dict[str, Any] = {user["id"]: {} for user in emulated.control.users()}
        person.write({"id": "museums", "type": "user_timeline", "users": users})
        person.output("collection", "add")
        person.output("collection", "once", "museums", "--wait")
        yield person


def test_all_goes_to_a_bucket_and_is_verified_and_goes_on_there(
    person: Person, s3_environment: Bucket
) -> None:
    there = ("--bucket", s3_environment.name)
    copy = ("collection", "copy", "museums", "museums", "--with-harvests", "--to-bucket")
    told = person(*copy, s3_environment.name)
    assert told.out.startswith("Copied 11 files (")
    assert f"`collection verify museums --bucket {s3_environment.name}` verifies the copy." in told.err
    told = person("collection", "verify", "museums", *there)
    assert (told.code, told.out.startswith("OK: 1 harvest, 40 posts")) == (0, True), told
    assert "complete" in person.output("harvest", "history", "museums", *there)
    told = person("collection", "once", "museums", "--wait", *there)
    assert (told.code, "Tweets: 0." in told.out) == (0, True), told
    told = person(*copy, s3_environment.name)
    assert (told.code, "already exists" in told.err) == (1, True)
    # And from the bucket to a folder, as to another account.
    person.output(*copy[:-1], "--to-collections-path", "moving", *there)
    told = person("collection", "verify", "museums", "--collections-path", "moving")
    assert (told.code, told.out.startswith("OK: 2 harvests, 40 posts")) == (0, True), told


def test_under_another_id_it_would_not_be_what_its_files_say(person: Person) -> None:
    told = person("collection", "copy", "museums", "others", "--with-harvests", "--to-collections-path", "x")
    assert (told.code, "under the same id" in told.err) == (2, True)
    assert not (person.folder / "x").exists()


class _Breaks(FolderStore):
    """A store that is away after so many writes."""

    left = 5

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        self.left -= 1
        if self.left < 0:
            raise HarvesterError("away")
        return super().upload(key, path, sha256=sha256)


def test_one_that_was_cut_is_no_collection_there_and_is_completed(person: Person) -> None:
    keys, source = CollectionKeys("museums"), FolderStore(person.folder / "collections")
    broken = _Breaks(person.folder / "there")
    with pytest.raises(HarvesterError, match="away"):
        CollectionCopy(source, broken, keys).carry_out()
    assert list(broken.entries(keys.collection)) == []
    assert len(list(broken.entries(keys.folder))) == 5
    broken.left = 100
    CollectionCopy(source, broken, keys).carry_out()
    assert verify(reader(FolderStore(broken.root)), keys, stop=Stop()).overall is Overall.OK


def test_what_a_harvest_is_still_writing_is_not_copied(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.add("live", type="filter", filter={"track": "flood"})
        keys, target = CollectionKeys("live"), FolderStore(tmp_path / "there")
        with stage.harvesting("live") as going:
            while not going.summary()["harvest_timestamp"]:
                stage.clock.wait(Stop(), 0.1)
            with pytest.raises(HarvesterError, match="A harvest of live is running"):
                CollectionCopy(stage.store, target, keys)


def test_a_collection_is_not_copied_while_a_harvest_begins(tmp_path: Path) -> None:
    """The lock comes first; there is no checkpoint yet, and no file."""
    source, target, keys = FolderStore(tmp_path / "a"), FolderStore(tmp_path / "b"), CollectionKeys("new")
    history.add(source, keys, {"id": "new", "type": "search", "search": {"query": "q"}})
    lock = Lock(source, keys.lock, owner="me", clock=SystemClock())
    lock.acquire()
    with pytest.raises(HarvesterError, match="A harvest of new is running"):
        CollectionCopy(source, target, keys)
    lock.release()
    CollectionCopy(source, target, keys).carry_out()


def test_the_description_of_a_collection_is_the_last_that_comes(tmp_path: Path) -> None:
    source, target, keys = FolderStore(tmp_path / "a"), _Breaks(tmp_path / "b"), CollectionKeys("new")
    history.add(source, keys, {"id": "new", "type": "search", "search": {"query": "q"}})
    source.create(keys.last_harvest, b"{}")
    moved = CollectionCopy(source, target, keys)
    target.left = moved.count - 1
    with pytest.raises(HarvesterError, match="away"):
        moved.carry_out()
    assert list(target.entries(keys.last_harvest)) and not list(target.entries(keys.collection))


def test_keys_of_2019_stay_where_they_are(tmp_path: Path) -> None:
    source, target, keys = FolderStore(tmp_path / "a"), FolderStore(tmp_path / "b"), CollectionKeys("old")
    tree: dict[str, Any] = {
        "id": "old",
        "type": "search",
        "search": {"query": "q"},
        "keys": {"consumer_key": "SECRET-1", "consumer_secret": "SECRET-2"},
    }
    history.add(source, keys, tree)
    CollectionCopy(source, target, keys).carry_out()
    stored = [target.read(entry.key).data for entry in target.entries(keys.folder)]
    assert len(stored) == 2
    assert not any(b"SECRET" in data for data in stored)
    assert orjson.loads(target.read(keys.collection).data)["search"] == {"query": "q"}


class _Meanwhile(FolderStore):
    """`before` is called before each write."""

    before: Callable[[], object]

    def upload(self, key: str, path: Path, *, sha256: str) -> str:
        self.before()
        return super().upload(key, path, sha256=sha256)


def test_one_that_is_changed_while_it_is_copied_is_copied_again(person: Person) -> None:
    keys, source = CollectionKeys("museums"), FolderStore(person.folder / "collections")
    target = _Meanwhile(person.folder / "there")
    target.before = lambda: history.edit(source, keys, lambda tree: {**tree, "title": "Museums"})
    with pytest.raises(HarvesterError, match="museums was harvested or changed while it was copied"):
        CollectionCopy(source, target, keys).carry_out()
    assert list(target.entries(keys.collection)) == []
    target.before = list
    CollectionCopy(source, target, keys).carry_out()
    assert target.read(keys.collection).data == source.read(keys.collection).data
    assert len([*target.entries(keys.changesets)]) == len([*source.entries(keys.changesets)])


def test_a_copy_that_was_cut_is_completed_after_another_harvest(person: Person) -> None:
    keys, source = CollectionKeys("museums"), FolderStore(person.folder / "collections")
    target = _Breaks(person.folder / "there")
    made = CollectionCopy(source, target, keys)
    # All but collection.json, with what says which harvest is the last.
    target.left = made.count - 1
    with pytest.raises(HarvesterError, match="away"):
        made.carry_out()
    person.output("collection", "once", "museums", "--wait")
    target.left = 100
    CollectionCopy(source, target, keys).carry_out()
    assert target.read(keys.last_harvest).data == source.read(keys.last_harvest).data
    assert verify(reader(FolderStore(target.root)), keys, stop=Stop()).overall is Overall.OK


def test_a_copy_that_was_cut_is_completed_after_a_depth_was_made_anew(tmp_path: Path) -> None:
    source, target, keys = FolderStore(tmp_path / "a"), _Breaks(tmp_path / "b"), CollectionKeys("fans")
    history.add(source, keys, {"id": "fans", "type": "graph", "graph": {"depth": 2}, "users": {"12": {}}})
    depth = f"{keys.folder}graph/20261123090507/depth-1.txt.gz"
    source.create(depth, b"of the first selection")
    made = CollectionCopy(source, target, keys)
    target.left = made.count - 1
    with pytest.raises(HarvesterError, match="away"):
        made.carry_out()
    source.remove(depth)
    source.create(depth, b"of the second selection")
    target.left = 100
    CollectionCopy(source, target, keys).carry_out()
    assert target.read(depth).data == b"of the second selection"
