"""No edit is lost, even if another writes or dies, and replaying the changesets gives the collection."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest

from harvester.collection import history
from harvester.collection.replay import replay
from harvester.collection.secrets import without_secrets
from harvester.documents import Tree
from harvester.errors import Conflict, Exit, HarvesterError, NotFound
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys, changeset_version
from tests.support.stores import ATOMIC, Place, Wrapped, race

KEYS = CollectionKeys("a")


@pytest.fixture
def store(tmp_path: Any) -> FolderStore:
    return FolderStore(tmp_path / "collections")


def _timelines(**users: Tree) -> Tree:
    return {"id": "a", "type": "user_timeline", "users": users}


def _with(user: str, **fields: str) -> Callable[[Tree], Tree]:
    """An edit: the user, with these fields."""
    return lambda tree: {**tree, "users": {**tree["users"], user: {**tree["users"].get(user, {}), **fields}}}


def _without(user: str) -> Callable[[Tree], Tree]:
    return lambda tree: {**tree, "users": {key: each for key, each in tree["users"].items() if key != user}}


def _current(store: Store) -> Tree:
    tree: Tree = orjson.loads(store.read(KEYS.collection).data)
    return tree


def _put(store: Store, tree: Tree) -> None:
    """Write collection.json by hand."""
    store.remove(KEYS.collection)
    store.create(KEYS.collection, orjson.dumps(tree))


def _changesets(store: Store) -> list[Tree]:
    return [orjson.loads(store.read(entry.key).data) for entry in store.entries(KEYS.changesets)]


def _require_whole(store: Store) -> None:
    """The history makes the collection, in versions without gaps or doubles."""
    assert replay(store, KEYS) == without_secrets(_current(store))
    versions = [changeset_version(entry.key) for entry in store.entries(KEYS.changesets)]
    assert sorted(versions) == list(range(1, _current(store)["version"] + 1))
    times = [changeset["change_timestamp"] for changeset in _changesets(store)]
    assert times == sorted(times)


class Dying(Wrapped):
    """A store whose user is killed at its first call of `at`, after `before` has happened."""

    def __init__(self, store: Store, at: str, before: Callable[[], object] = lambda: None) -> None:
        super().__init__(store)
        self.at, self.before = at, before

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        self.before()
        if self.at == "replace":
            raise KeyboardInterrupt
        return self.store.replace(key, data, version=version)

    def remove(self, *_: object, **__: object) -> None:
        raise KeyboardInterrupt


class TestEdits:
    def test_an_edit_is_a_changeset_and_the_collection(self, place: Place) -> None:
        store = place.store()
        history.add(store, KEYS, _timelines(**{"1": {}}))
        new = history.edit(store, KEYS, _with("2", since_id="5"), note="why", harvest="2026-01-01")
        assert new == _current(store)
        assert new["users"] == {"1": {}, "2": {"since_id": "5"}}
        assert new["version"] == 2
        last = _changesets(store)[-1]
        assert (last["note"], last["harvest_timestamp"]) == ("why", "2026-01-01")
        assert last["update"]["users"] == {"2": {"since_id": "5"}}
        _require_whole(store)

    def test_where_nothing_changes_nothing_is_written(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines())
        before = list(store.entries("collections/"))
        history.edit(store, KEYS, dict)
        history.adopt(store, KEYS)
        assert list(store.entries("collections/")) == before

    @pytest.mark.parametrize("place", ATOMIC, indirect=True)
    def test_no_edit_of_many_at_once_is_lost(self, place: Place) -> None:
        times = {"folder": 6, "s3": 2}[place.kind]
        store = place.store()
        history.add(store, KEYS, _timelines())
        added = race(place, "edit", "a", times)
        assert len(added) == 16 * times
        assert set(_current(store)["users"]) == set(added)
        history.edit(store, KEYS, _with("last"))
        _require_whole(store)

    def test_versions_and_times_rise_where_the_clock_goes_back(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines())
        first = _current(store)
        behind = Wrapped(store, ahead=timedelta(hours=-1))
        history.edit(behind, KEYS, _with("1"))
        second = _current(store)
        assert second["version"] == first["version"] + 1
        assert second["timestamp"] >= first["timestamp"]
        _require_whole(store)

    def test_editing_what_is_not_there_is_told(self, store: FolderStore) -> None:
        with pytest.raises(NotFound, match="There is no collection a in ") as told:
            history.edit(store, KEYS, _with("1"))
        assert told.value.exit_code == Exit.NO_COLLECTION

    @pytest.mark.parametrize("data", [b"{", b"", b"[]", b"1"])
    def test_editing_what_is_no_collection_is_told(self, store: FolderStore, data: bytes) -> None:
        store.create(KEYS.collection, data)
        with pytest.raises(HarvesterError, match=r"collections/a/collection.json is not (a )?JSON"):
            history.edit(store, KEYS, _with("1"))


class TestAdding:
    def test_a_collection_is_added_once(self, place: Place) -> None:
        store = place.store()
        history.add(store, KEYS, _timelines(**{"1": {}}))
        with pytest.raises(Conflict, match="Collection a already exists"):
            history.add(store, KEYS, _timelines(**{"2": {}}))
        assert _current(store)["users"] == {"1": {}}
        _require_whole(store)

    def test_who_is_second_at_the_same_moment_leaves_nothing(self, store: FolderStore) -> None:
        def first() -> None:
            if not any(True for _ in store.entries(KEYS.collection)):
                _put(store, {})
                store.replace(KEYS.collection, b'{"mine": 1}', version=store.read(KEYS.collection).version)

        with pytest.raises(Conflict):
            history.add(Wrapped(store, after=first), KEYS, _timelines())
        assert store.read(KEYS.collection).data == b'{"mine": 1}'
        assert _changesets(store) == []

    def test_what_was_not_quite_added_may_be_added(self, store: FolderStore) -> None:
        def die() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            history.add(Wrapped(store, after=die), KEYS, _timelines(**{"1": {}}))
        assert len(_changesets(store)) == 1
        history.add(store, KEYS, _timelines(**{"2": {}}))
        assert _current(store)["users"] == {"2": {}}
        _require_whole(store)

    def test_a_collection_that_was_removed_may_be_added_anew(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines(**{"1": {}}))
        history.edit(store, KEYS, _with("2"))
        store.remove(KEYS.collection)
        history.add(store, KEYS, {"id": "a", "type": "search", "search": {"query": "x"}})
        assert "users" not in _current(store)
        assert _current(store)["version"] == 3
        _require_whole(store)


def _doubled(store: FolderStore) -> str:
    """Two changesets of version 2, of which one leads to version 4; the name of that one."""
    history.add(store, KEYS, _timelines())
    for user in ("1", "2", "3"):
        history.edit(store, KEYS, _with(user))
    _, kept, *_ = (entry.key for entry in store.entries(KEYS.changesets))
    lost = {**orjson.loads(store.read(kept).data), "note": "of another"}
    store.create(f"{KEYS.changesets}change-20200101000000-00000002.json", orjson.dumps(lost))
    return kept


class TestLosers:
    def test_of_two_changesets_of_one_version_the_one_without_a_successor_goes(
        self, store: FolderStore
    ) -> None:
        kept = _doubled(store)
        history.edit(store, KEYS, _with("4"))
        assert kept in {entry.key for entry in store.entries(KEYS.changesets)}
        _require_whole(store)

    def test_where_the_chain_is_broken_nothing_is_removed(self, store: FolderStore) -> None:
        """It is unknown then which of the two is the history."""
        _doubled(store)
        (link,) = (entry for entry in store.entries(KEYS.changesets) if changeset_version(entry.key) == 3)
        store.remove(link.key)
        before = {entry.key for entry in store.entries(KEYS.changesets)}
        history.edit(store, KEYS, _with("4"))
        assert before <= {entry.key for entry in store.entries(KEYS.changesets)}


class TestDeaths:
    def test_what_a_dead_writer_began_is_completed(self, place: Place) -> None:
        store = place.store()
        history.add(store, KEYS, _timelines(**{"1": {}}))
        with pytest.raises(KeyboardInterrupt):
            history.edit(Dying(store, "replace"), KEYS, _with("dead"))
        assert set(_current(store)["users"]) == {"1"}
        history.edit(store, KEYS, _with("living"))
        assert set(_current(store)["users"]) == {"1", "dead", "living"}
        _require_whole(store)

    def test_who_was_completed_by_another_has_edited_once(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines())
        slow = Dying(store, "never", before=lambda: history.edit(store, KEYS, _with("other")))
        new = history.edit(slow, KEYS, _with("slow"))
        assert new["users"] == {"slow": {}}
        assert set(_current(store)["users"]) == {"slow", "other"}
        assert _current(store)["version"] == 3
        _require_whole(store)

    def test_what_a_loser_left_when_it_died_is_removed(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines())
        stored = store.read(KEYS.collection)

        def somebody_wins() -> None:
            # Somebody who had not seen the loser's changeset, in another second.
            later = Wrapped(store, ahead=timedelta(seconds=5))
            tree = orjson.loads(stored.data)
            new = history._write_changeset(later, KEYS, tree, _with("winner")(tree))
            store.replace(KEYS.collection, orjson.dumps(new), version=stored.version)

        with pytest.raises(KeyboardInterrupt):
            history.edit(Dying(store, "remove", before=somebody_wins), KEYS, _with("loser"))
        assert len(_changesets(store)) == 3
        history.edit(store, KEYS, _with("next"))
        assert set(_current(store)["users"]) == {"winner", "next"}
        _require_whole(store)


class TestSecrets:
    def test_no_secret_of_an_old_collection_reaches_a_changeset(self, store: FolderStore) -> None:
        keys = {name: f"SECRET-{name}" for name in ("consumer_key", "consumer_secret", "access_token")}
        _put(store, {**_timelines(**{"1": {}}), "keys": keys, "credentials": {"old": "SECRET"}})
        history.adopt(store, KEYS)
        history.edit(store, KEYS, _with("2"))
        history.edit(store, KEYS, lambda tree: {**tree, "keys": {**keys, "consumer_key": "SECRET-NEW"}})
        history.edit(store, KEYS, lambda tree: {**tree, "keys": {"profile": "museum", **keys}})
        for entry in store.entries(KEYS.changesets):
            assert b"SECRET" not in store.read(entry.key).data
        assert _current(store)["keys"] == {"profile": "museum", **keys}
        _require_whole(store)

    def test_a_dead_writers_edit_is_completed_with_the_secrets_as_they_are(self, store: FolderStore) -> None:
        _put(store, {**_timelines(), "keys": {"consumer_secret": "SECRET"}})
        history.adopt(store, KEYS)
        with pytest.raises(KeyboardInterrupt):
            history.edit(Dying(store, "replace"), KEYS, _with("dead"))
        history.edit(store, KEYS, _with("living"))
        assert _current(store)["keys"] == {"consumer_secret": "SECRET"}
        assert set(_current(store)["users"]) == {"dead", "living"}


class TestByHand:
    @pytest.mark.parametrize("compact", [False, True])
    def test_what_was_put_there_has_a_history_from_then_on(self, place: Place, compact: bool) -> None:
        store = place.store()
        _put(store, _timelines(**{"1": {"screen_name": "one"}}))
        history.adopt(store, KEYS, compact=compact)
        assert _current(store)["users"] == {"1": {"screen_name": "one"}}
        _require_whole(store)

    def test_what_was_changed_in_place_becomes_a_changeset(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines(**{"1": {"since_id": "5"}, "2": {}}))
        _put(store, {**_without("2")(_current(store)), "title": "by hand"})
        history.edit(store, KEYS, _with("3"))
        assert set(_current(store)["users"]) == {"1", "3"}
        assert _current(store)["title"] == "by hand"
        assert [changeset.get("note") for changeset in _changesets(store)] == [None, "Changed by hand.", None]
        _require_whole(store)

    def test_a_since_id_that_was_taken_out_by_hand_is_out(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines(**{"1": {"since_id": "5"}}))
        _put(store, {**_current(store), "users": {"1": {}}})
        history.adopt(store, KEYS)
        assert _current(store)["users"] == {"1": {}}
        _require_whole(store)

    @pytest.mark.parametrize("compact", [False, True])
    def test_a_copy_edited_since_before_a_harvest_is_merged_with_it(
        self, store: FolderStore, compact: bool
    ) -> None:
        """Saved by an editor that was opened before the harvest ended."""
        history.add(store, KEYS, _timelines(**{"1": {"since_id": "5"}, "2": {}, "3": {}}))
        copy = _current(store)
        history.edit(store, KEYS, _with("1", since_id="9"))
        history.edit(store, KEYS, _with("2", since_id="8"))
        history.edit(store, KEYS, _with("3", since_id="7"))
        _put(store, {**_without("2")(copy), "title": "by hand"})
        history.adopt(store, KEYS, compact=compact)
        assert _current(store)["users"] == {"1": {"since_id": "9"}, "3": {"since_id": "7"}}
        assert _current(store)["title"] == "by hand"
        assert _current(store)["version"] == 5
        _require_whole(store)

    @pytest.mark.parametrize("compact", [False, True])
    def test_a_collection_written_anew_keeps_what_was_learnt_of_its_users(
        self, store: FolderStore, compact: bool
    ) -> None:
        history.add(store, KEYS, _timelines(**{"1": {}, "2": {}}))
        history.edit(store, KEYS, _with("1", since_id="9", screen_name="one"))
        history.edit(store, KEYS, _with("2", since_id="8"))
        _put(store, _timelines(**{"1": {"screen_name": "uno"}, "3": {}}))
        history.adopt(store, KEYS, compact=compact)
        assert _current(store)["users"] == {"1": {"since_id": "9", "screen_name": "uno"}, "3": {}}
        _require_whole(store)

    def test_what_was_changed_by_hand_after_a_writer_died_is_kept(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines(**{"1": {}, "2": {}}))
        with pytest.raises(KeyboardInterrupt):
            history.edit(Dying(store, "replace"), KEYS, _with("2", since_id="8"))
        _put(store, {**_without("2")(_current(store)), "title": "by hand"})
        history.edit(store, KEYS, _with("3"))
        assert _current(store)["users"] == {"1": {}, "3": {}}
        assert _current(store)["title"] == "by hand"
        _require_whole(store)

    @pytest.mark.parametrize(
        "oddity",
        [
            {"timestamp": "soon"},
            {"timestamp": 5},
            {"version": "x"},
            {"version": -3},
            {"changeset": 5},
            {"changeset": "../collection.json"},
            {"changeset": "change-1-1.json"},
        ],
    )
    def test_odd_marks_of_its_version_are_put_right(self, store: FolderStore, oddity: Tree) -> None:
        history.add(store, KEYS, _timelines(**{"1": {}}))
        _put(store, {**_current(store), **oddity, "title": "by hand"})
        history.edit(store, KEYS, _with("2"))
        assert _current(store)["title"] == "by hand"
        assert set(_current(store)["users"]) == {"1", "2"}
        _require_whole(store)

    def test_a_version_written_by_hand_is_not_fallen_behind(self, store: FolderStore) -> None:
        history.add(store, KEYS, _timelines())
        _put(store, {**_current(store), "version": 50})
        history.edit(store, KEYS, _with("1"))
        assert _current(store)["version"] == 52
        assert replay(store, KEYS) == _current(store)

    def test_a_collection_of_2019_goes_on(self, store: FolderStore) -> None:
        """Its changesets have no versions, and one of them is missing, as two of a second were."""
        tree = {
            **_timelines(**{"1": {"since_id": "5"}, "2": {}}),
            "timestamp": "2019-05-03T10:00:00.123456",
            "keys": {"consumer_secret": "SECRET"},
        }
        _put(store, tree)
        first = {"update": _timelines(**{"1": {}, "9": {}}), "delete": [], "change_timestamp": "2019-05-01"}
        store.create(f"{KEYS.changesets}change-20190501100000.json", orjson.dumps(first))
        history.adopt(store, KEYS)
        history.edit(store, KEYS, _with("3"))
        assert _current(store)["users"] == {"1": {"since_id": "5"}, "2": {}, "3": {}}
        assert replay(store, KEYS) == without_secrets(_current(store))
        assert _current(store)["version"] == 2
