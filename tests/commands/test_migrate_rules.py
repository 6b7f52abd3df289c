"""A bucket as the first Twarc-Cloud left it in 2019 goes on: read as it is, nothing lost, keys taken out."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.collection.replay import replay
from harvester.collection.secrets import without_secrets
from harvester.curation.redact import Redaction
from harvester.errors import Conflict, StoreAway
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.s3 import S3Store
from tests.support.cli_session import Person, at_a_terminal
from tests.support.servers import Bucket

_SECRETS = {
    name: emulator.CREDENTIALS[name]
    for name in ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
}
_FOLDER = "collections/old/"
_THEN = "2019-03-09T15:35:07.464791"


class Old:
    """A collection that the first Twarc-Cloud left, in a folder or in a bucket; `where` leads to it."""

    def __init__(self, root: Path, bucket: Bucket | None) -> None:
        self._root, self._bucket = root, bucket
        self.store: Store = S3Store(bucket.name) if bucket else FolderStore(root)
        self.where = ("--bucket", bucket.name) if bucket else ()

    @property
    def collection(self) -> dict[str, Any]:
        return json.loads(self.store.read(f"{_FOLDER}collection.json").data)

    def objects(self) -> dict[str, bytes]:
        return {entry.key: self.store.read(entry.key).data for entry in self.store.entries(_FOLDER)}

    def put(self, name: str, value: Any) -> None:
        """As the first version did: no condition, no checksum, no metadata."""
        data = value if isinstance(value, bytes) else json.dumps(value, indent=2).encode()
        if self._bucket:
            self._bucket.server.client().put_object(Bucket=self._bucket.name, Key=_FOLDER + name, Body=data)
            return
        path = self._root / _FOLDER.removeprefix("collections/") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def leave(self, users: dict[str, Any], *, called: str = "keys") -> None:
        """The collection with its keys, changesets, a harvest, and the lock of one that died."""
        tree = {"id": "old", called: _SECRETS, "type": "user_timeline", "users": users, "timestamp": _THEN}
        first = {"update": {**tree, "users": dict.fromkeys(users, {})}, "delete": []}
        second = {"update": {"users": users}, "delete": [], "harvest_timestamp": _THEN}
        self.put("collection.json", tree)
        self.put("changesets/change-20190309153326.json", {**first, "change_timestamp": _THEN})
        self.put("changesets/change-20190309153507.json", {**second, "change_timestamp": _THEN})
        self.put("last_harvest.json", {"harvest_id": _THEN})
        self.put("lock.json", {"harvest_id": _THEN})
        harvest = "harvests/2019/03/09/15/35/07/"
        used = {name: value for name, value in _SECRETS.items() if "secret" not in name}
        self.put(f"{harvest}collection.json", {**tree, "keys": used})
        data = gzip.compress(json.dumps({"id_str": "1", "full_text": "hello"}).encode() + b"\n")
        ended = {"collection_id": "old", "harvest_timestamp": _THEN, "tweets": 1, "files": 1}
        self.put(f"{harvest}harvester.json", {**ended, "file_bytes": len(data)})
        self.put(f"{harvest}user_changes.json", [])
        self.put(f"{harvest}tweets-20190309153508.jsonl.gz", data)
        digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        line = f"{digest}  tweets-20190309153508.jsonl.gz\n"
        self.put(f"{harvest}manifest-sha1.txt", line.encode())


@pytest.fixture(params=["folder", "s3"])
def old(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Old:
    if request.param == "folder":
        return Old(tmp_path / "collections", None)
    bucket: Bucket = request.getfixturevalue("s3_environment")
    monkeypatch.setenv("TWARC_CLOUD_BUCKET", bucket.name)
    return Old(tmp_path, bucket)


@pytest.fixture
def desk(
    old: Old, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Person, emulator.Emulated]]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    with at_a_terminal(tmp_path, monkeypatch, users=2, posts_per_user=20) as found:
        monkeypatch.delenv("BEARER_TOKEN")
        yield found


def test_a_collection_of_2019_goes_on_where_it_was_and_its_keys_are_taken_out(
    old: Old, desk: tuple[Person, emulator.Emulated]
) -> None:
    person, emulated = desk
    one, other = emulated.control.truth(detail=True)["posts"]["by_user"]
    ids = sorted(map(int, emulated.control.timeline(one)))
    old.leave({one: {"since_id": str(ids[11])}, other: {"screen_name": "old"}})
    assert "old => " in person.output("harvest", "last", "old")
    person.output("collection", "unlock", "old", "--yes")
    told = person("collection", "once", "old", "--wait")
    assert told.code == 0, told
    assert "Tweets: 28." in told.out
    states = [(each["state"], each["tweets"]) for each in json.loads(_history(person))]
    assert states == [("complete", 28), ("complete", 1)]
    assert old.collection["users"][one]["since_id"] == str(ids[-1])

    told = person("collection-config", "forget-keys", "old", "--yes")
    assert (told.code, "itself still contains keys" in told.err) == (2, True)
    person.output("collection-config", "download", "old")
    assert (person.folder / "collection.json").stat().st_mode & 0o077 == 0
    person.output("collection-config", "keys", "--move-to", "museum")
    told = person("collection-config", "update")
    assert "`collection-config forget-keys old` removes them" in told.err
    assert old.collection["keys"] == {"profile": "museum"}
    assert old.collection["users"][one]["since_id"] == str(ids[-1])
    told = person("collection", "once", "old", "--wait")
    assert (told.code, "Tweets: 0." in told.out) == (0, True)
    # The changesets of 2019 still hold the keys; all else in them is what is stored.
    replayed = replay(old.store, CollectionKeys("old"))
    assert without_secrets(replayed) == old.collection
    assert _holding(old) == _HELD

    told = person("collection-config", "forget-keys", "old", "--yes")
    assert (told.code, "Removed keys from 2 objects of old in " in told.out) == (0, True), told
    assert "Anyone who could read these keys" in told.err
    assert not any(secret in told.words for secret in _SECRETS.values())
    assert _holding(old) == set()
    assert replay(old.store, CollectionKeys("old")) == old.collection
    assert "There are no keys in the history" in person.output(
        "collection-config", "forget-keys", "old", "--yes"
    )
    told = person("collection", "once", "old", "--wait")
    assert (told.code, "Tweets: 0." in told.out) == (0, True)
    told = person("collection", "verify", "old")
    assert (told.code, told.out.startswith("OK: 4 harvests, 29 posts")) == (0, True), told


_HELD = {"changesets/change-20190309153326.json", "harvests/2019/03/09/15/35/07/collection.json"}


def _holding(old: Old) -> set[str]:
    """The objects that hold a key or a secret."""
    secrets = [value.encode() for value in _SECRETS.values()]
    found = old.objects().items()
    return {key.removeprefix(_FOLDER) for key, data in found if any(secret in data for secret in secrets)}


class _Breaks(FolderStore):
    """A store that is away at the second replacement."""

    left = 1

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        self.left -= 1
        if self.left < 0:
            raise StoreAway("away")
        return super().replace(key, data, version=version)


def test_keys_that_are_called_credentials_are_used_with_a_warning_and_taken_out_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    old = Old(tmp_path / "collections", None)
    with at_a_terminal(tmp_path, monkeypatch, users=1, posts_per_user=5) as (person, emulated):
        monkeypatch.delenv("BEARER_TOKEN")
        (one,) = emulated.control.truth(detail=True)["posts"]["by_user"]
        old.leave({one: {}}, called="credentials")
        person.output("collection", "unlock", "old", "--yes")
        told = person("collection", "once", "old", "--wait")
        assert (told.code, "Tweets: 5." in told.out) == (0, True), told
        assert "The collection contains API keys" in person.output("harvest", "log", "old")
        (harvested,) = (tmp_path / "collections/old/harvests/2026").rglob("collection.json")
        assert "credentials" not in json.loads(harvested.read_text())
        told = person("collection-config", "download", "old")
        assert "contains API keys" in told.err
        person.output("collection-config", "keys", "--move-to", "museum")
        person.output("collection-config", "update")
        assert (old.collection["keys"], old.collection.get("credentials")) == ({"profile": "museum"}, None)
        person.output("collection-config", "forget-keys", "old", "--yes")
        assert _holding(old) == set()


def test_keys_that_were_taken_out_of_half_are_taken_out_of_the_rest(tmp_path: Path) -> None:
    old = Old(tmp_path, None)
    old.leave({"12": {"since_id": "20"}})
    tree = {"id": "old", "keys": {"profile": "museum"}, "type": "user_timeline", "users": {}}
    old.put("collection.json", tree)
    before = old.objects()
    broken = Redaction(_Breaks(tmp_path), CollectionKeys("old"))
    with pytest.raises(StoreAway):
        broken.carry_out(broken.holders())
    assert len(_holding(old)) == 1
    made = Redaction(old.store, CollectionKeys("old"))
    assert [holder.names for holder in made.holders()] == [("access_token", "consumer_key")]
    assert not any(secret in repr(made.holders()) for secret in _SECRETS.values())
    made.carry_out(made.holders())
    assert _holding(old) == set()
    after = old.objects()
    assert {key for key in before if before[key] != after[key]} == {_FOLDER + name for name in _HELD}


def test_of_each_object_it_is_told_which_keys_it_holds(tmp_path: Path) -> None:
    store, keys = FolderStore(tmp_path), CollectionKeys("old")
    change, copy = (
        f"{keys.folder}changesets/change-20190309153326.json",
        f"{keys.folder}harvests/2019/03/09/15/35/07/collection.json",
    )
    store.create(keys.collection, b'{"id": "old"}')
    store.create(change, b'{"update": {"credentials": {"consumer_key": "k", "profile": "p"}}, "delete": []}')
    store.create(copy, b'{"id": "old", "keys": {"access_token": "t", "consumer_key": "k"}}')
    holders = Redaction(store, keys).holders()
    assert {holder.key: holder.names for holder in holders} == {
        change: ("consumer_key",),
        copy: ("access_token", "consumer_key"),
    }


def test_what_somebody_else_changes_meanwhile_is_left_to_them(tmp_path: Path) -> None:
    old = Old(tmp_path, None)
    old.leave({})
    old.put("collection.json", {"id": "old", "type": "user_timeline", "users": {}})
    made = Redaction(old.store, CollectionKeys("old"))
    found = made.holders()
    name = "changesets/change-20190309153326.json"
    old.put(name, {"update": {"note": "theirs"}, "delete": []})
    with pytest.raises(Conflict):
        made.carry_out(found)
    assert b"theirs" in old.objects()[_FOLDER + name]


def _history(person: Person) -> str:
    return person.output("harvest", "history", "old", "--json")


def test_what_is_new_is_not_asked_of_a_collection_of_2019_to_change_it(
    old: Old, desk: tuple[Person, emulator.Emulated]
) -> None:
    person, _ = desk
    old.leave({"12": {"since_id": "20", "screen_name": "jack"}})
    person.output("collection-config", "download", "old")
    person.output("collection-config", "userids", "13")
    told = person("collection-config", "update")
    assert told.code == 0, told
    assert "contains API keys" in told.err
    assert old.collection["users"] == {"12": {"since_id": "20", "screen_name": "jack"}, "13": {}}
    assert "users -> 13 added on " in person.output("collection-config", "changes", "old")
