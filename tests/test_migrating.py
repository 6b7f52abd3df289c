"""A bucket as the first Twarc-Cloud left it in 2019 goes on: read as it is, nothing lost, keys taken out."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester import history
from harvester.collection import without_secrets
from harvester.layout import CollectionKeys
from harvester.store.folder import FolderStore
from tests.person import Person, at_a_terminal

_SECRETS = {
    name: emulator.CREDENTIALS[name]
    for name in ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
}
_THEN = "2019-03-09T15:35:07.464791"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Person, emulator.Emulated]]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    with at_a_terminal(tmp_path, monkeypatch, users=2, posts_per_user=20) as found:
        monkeypatch.delenv("BEARER_TOKEN")
        yield found


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2))


def _left_in_2019(person: Person, users: dict[str, Any]) -> Path:
    """A collection with its keys, changesets, a harvest, and the lock of one that died."""
    folder = person.folder / "collections/old"
    tree = {"id": "old", "keys": _SECRETS, "type": "user_timeline", "users": users, "timestamp": _THEN}
    _write(folder / "collection.json", tree)
    first = {"update": {**tree, "users": dict.fromkeys(users, {})}, "delete": [], "change_timestamp": _THEN}
    _write(folder / "changesets/change-20190309153326.json", first)
    second = {"update": {"users": users}, "delete": [], "change_timestamp": _THEN, "harvest_timestamp": _THEN}
    _write(folder / "changesets/change-20190309153507.json", second)
    _write(folder / "last_harvest.json", {"harvest_id": _THEN})
    _write(folder / "lock.json", {"harvest_id": _THEN})
    harvest = folder / "harvests/2019/03/09/15/35/07"
    _write(
        harvest / "harvester.json", {"harvest_timestamp": _THEN, "tweets": 1, "files": 1, "file_bytes": 100}
    )
    _write(harvest / "user_changes.json", [])
    data = gzip.compress(json.dumps({"id_str": "1", "full_text": "hello"}).encode() + b"\n")
    (harvest / "tweets-20190309153508.jsonl.gz").write_bytes(data)
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    (harvest / "manifest-sha1.txt").write_text(f"{digest}  tweets-20190309153508.jsonl.gz\n")
    return folder


def test_a_collection_of_2019_goes_on_where_it_was_and_its_keys_are_taken_out(
    desk: tuple[Person, emulator.Emulated],
) -> None:
    person, emulated = desk
    one, other = emulated.control.truth(detail=True)["posts"]["by_user"]
    ids = sorted(map(int, emulated.control.timeline(one)))
    folder = _left_in_2019(person, {one: {"since_id": str(ids[11])}, other: {"screen_name": "old"}})
    assert "old => " in person.well("harvest", "last", "old")
    person.well("collection", "unlock", "old", "--yes")
    told = person("collection", "once", "old", "--wait")
    assert told.code == 0, told
    assert "Tweets: 28." in told.out
    states = [(each["state"], each["tweets"]) for each in json.loads(_history(person))]
    assert states == [("complete", 28), ("complete", 1)]
    assert person.stored("old")["users"][one]["since_id"] == str(ids[-1])

    person.well("collection-config", "download", "old")
    assert (person.folder / "collection.json").stat().st_mode & 0o077 == 0
    person.well("collection-config", "keys", "--move-to", "museum")
    person.well("collection-config", "update")
    assert person.stored("old")["keys"] == {"profile": "museum"}
    assert person.stored("old")["users"][one]["since_id"] == str(ids[-1])
    told = person("collection", "once", "old", "--wait")
    assert (told.code, "Tweets: 0." in told.out) == (0, True)
    # The changesets of 2019 still hold the keys; all else in them is what is stored.
    replayed = history.replay(FolderStore(folder.parent), CollectionKeys("old"))
    assert without_secrets(replayed) == person.stored("old")
    new = [path for path in folder.rglob("*.json") if "2019" not in str(path.relative_to(folder))]
    assert not any(secret in path.read_text() for path in new for secret in _SECRETS.values())


def _history(person: Person) -> str:
    return person.well("harvest", "history", "old", "--json")


def test_what_is_new_is_not_asked_of_a_collection_of_2019_to_change_it(
    desk: tuple[Person, emulator.Emulated],
) -> None:
    person, _ = desk
    _left_in_2019(person, {"12": {"since_id": "20", "screen_name": "jack"}})
    person.well("collection-config", "download", "old")
    person.well("collection-config", "userids", "13")
    told = person("collection-config", "update")
    assert told.code == 0, told
    assert "holds API keys" in told.err
    assert person.stored("old")["users"] == {"12": {"since_id": "20", "screen_name": "jack"}, "13": {}}
    assert "users -> 13 added on " in person.well("collection-config", "changes", "old")
