"""Edits of persons and harvests at once: merge, replay and the told history agree, and nothing is lost."""

import copy
import os
import random
from pathlib import Path
from typing import Any

import orjson

from harvester.collection import history
from harvester.collection.changelog import ADDED, CHANGED, DELETED, changes
from harvester.collection.description import with_harvest, with_state
from harvester.collection.merge import conflicts, fresh, merged
from harvester.collection.replay import changesets, replay, tree_at
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_HISTORIES = int(os.environ.get("HISTORIES", "25"))

_BASE: dict[str, Any] = {
    "id": "x",
    "type": "user_timeline",
    "title": "Old",
    "users": {"1": {"since_id": "10"}, "2": {"screen_name": "two"}},
    "version": 3,
    "changeset": "change-3.json",
}


def _edited(**change: Any) -> dict[str, Any]:
    return {**copy.deepcopy(_BASE), **change}


def test_a_stale_file_takes_no_since_id_away_and_sets_none_back() -> None:
    current = _edited(users={"1": {"since_id": "20"}, "2": {"screen_name": "zwei", "since_id": "5"}})
    new = merged(_BASE, _edited(title="New"), current)
    assert new["title"] == "New"
    assert new["users"] == current["users"]


def test_without_a_base_what_was_learnt_stays_all_the_same() -> None:
    current = _edited(users={"1": {"since_id": "20"}, "2": {"screen_name": "two", "since_id": "5"}})
    new = merged(None, _edited(users={"1": {"since_id": "3"}, "9": {}}), current)
    assert new["users"] == {"1": {"since_id": "20"}, "9": {}}


def test_only_on_demand_is_what_was_learnt_taken_away() -> None:
    mine = _edited(users={"1": {}, "2": {"screen_name": "two"}})
    assert merged(_BASE, mine, _BASE)["users"]["1"] == {"since_id": "10"}
    assert merged(_BASE, mine, _BASE, reset=True)["users"]["1"] == {}


def test_who_was_removed_by_a_harvest_does_not_come_back_by_an_edit() -> None:
    current = _edited(users={"1": {"since_id": "10"}})
    mine = _edited(users={"1": {"since_id": "10"}, "2": {"screen_name": "two", "x_note": "hers"}, "3": {}})
    assert merged(_BASE, mine, current)["users"] == {"1": {"since_id": "10"}, "3": {}}


def test_who_was_removed_by_a_person_stays_removed_though_a_harvest_went_on_with_them() -> None:
    current = _edited(users={"1": {"since_id": "99"}, "2": {"screen_name": "two"}})
    assert merged(_BASE, _edited(users={"2": {"screen_name": "two"}}), current)["users"] == {
        "2": {"screen_name": "two"}
    }


def test_two_different_ends_for_one_thing_are_a_conflict_and_mine_wins() -> None:
    mine, current = _edited(title="Mine"), _edited(title="Theirs", description="theirs")
    assert conflicts(_BASE, mine, current) == ["title"]
    assert merged(_BASE, mine, current)["title"] == "Mine"
    assert merged(_BASE, mine, current)["description"] == "theirs"
    assert conflicts(_BASE, _edited(title="Mine"), _edited(title="Mine")) == []


def test_what_a_harvest_learnt_meanwhile_is_no_conflict() -> None:
    current = _edited(users={"1": {"since_id": "20"}, "2": {"screen_name": "zwei"}})
    assert conflicts(_BASE, _edited(users={"1": {"since_id": "11"}}), current) == []


def test_a_fresh_copy_keeps_the_names_of_users_and_nothing_else_that_was_learnt() -> None:
    tree = _edited(sweep={"after": "1"}, users={"2": {"screen_name": "two", "since_id": "5", "x_a": 1}})
    made = fresh(tree)
    assert made["users"] == {"2": {"screen_name": "two", "x_a": 1}}
    assert not {"sweep", "version", "changeset"} & made.keys()
    search = {"id": "s", "type": "search", "search": {"query": "q", "since_id": "9", "resume": {}}}
    assert fresh(search)["search"] == {"query": "q"}


class _Desk:
    """A person with a file that may be stale, and a harvest that may be under way."""

    def __init__(self, store: FolderStore, keys: CollectionKeys, rng: random.Random) -> None:
        self.store, self.keys, self.rng = store, keys, rng
        self.mine = self.current()
        self.used: dict[str, Any] | None = None
        self.next_user = 100
        self.removed: set[str] = set()

    def current(self) -> dict[str, Any]:
        return orjson.loads(history.read(self.store, self.keys).data)

    def download(self) -> None:
        self.mine = self.current()

    def add_a_user(self) -> None:
        self.next_user += 1
        self.mine["users"][str(self.next_user)] = {}

    def remove_a_user(self) -> None:
        if self.mine["users"]:
            user = self.rng.choice(sorted(self.mine["users"]))
            del self.mine["users"][user]

    def retitle(self) -> None:
        self.mine["title"] = f"title {self.rng.random()}"

    def forget_what_was_learnt(self) -> None:
        self.mine["users"] = {user: {} for user in self.mine["users"]}

    def update(self) -> None:
        before = self.current()
        base = tree_at(self.store, self.keys, self.mine["changeset"])
        self.mine = history.edit(self.store, self.keys, lambda now: merged(base, self.mine, now))
        self.removed |= before["users"].keys() - self.mine["users"].keys()

    def begin_a_harvest(self) -> None:
        self.used = self.current()

    def end_a_harvest(self) -> None:
        if self.used is None:
            return
        learnt: dict[str, Any] = {}
        for user, known in self.used["users"].items():
            chance = self.rng.random()
            if chance < 0.1:
                learnt[user] = None
                self.removed.add(user)
            elif chance < 0.7:
                since = int(known.get("since_id", "0")) + self.rng.randint(1, 50)
                learnt[user] = {"since_id": str(since), "screen_name": f"name{self.rng.randint(1, 5)}"}
        used, patch = self.used, {"users": learnt}
        history.edit(
            self.store,
            self.keys,
            lambda now: with_harvest(now, used, patch),
            harvest="2026-11-23T09:00:00+00:00",
        )
        self.used = None


_ACTS = (
    *("download", "add_a_user", "add_a_user", "remove_a_user", "retitle", "forget_what_was_learnt"),
    *("update", "update", "begin_a_harvest", "end_a_harvest", "end_a_harvest"),
)


def test_on_generated_histories_merge_replay_and_the_told_history_agree(tmp_path: Path) -> None:
    for seed in range(_HISTORIES):
        rng = random.Random(seed)
        store, keys = FolderStore(tmp_path / str(seed)), CollectionKeys("x")
        history.add(store, keys, {"id": "x", "type": "user_timeline", "users": {"1": {}, "2": {}}})
        desk = _Desk(store, keys, rng)
        for _ in range(30):
            before = desk.current()
            getattr(desk, rng.choice(_ACTS))()
            _require_nothing_lost(before, desk.current(), desk.removed, seed)
        _require_history(store, keys, desk.current(), seed)


def _require_nothing_lost(
    before: dict[str, Any], after: dict[str, Any], removed: set[str], seed: int
) -> None:
    assert not removed & after["users"].keys(), f"history {seed}: somebody removed came back"
    for user, known in after["users"].items():
        was = int(before["users"].get(user, {}).get("since_id", "0"))
        assert int(known.get("since_id", "0")) >= was, f"history {seed}: the since_id of {user} was lost"
    assert before["users"].keys() - after["users"].keys() <= removed


def _require_history(store: FolderStore, keys: CollectionKeys, current: dict[str, Any], seed: int) -> None:
    assert replay(store, keys) == current, f"history {seed}"
    names: dict[str, Any] = {}
    title = None
    for change in changes(tree for _, tree in changesets(store, keys)):
        if change.path[0] == "title":
            assert change.old == title
            title = change.new
        elif change.change == ADDED:
            names[change.path[1]] = change.new.get("screen_name")
        elif change.change == DELETED and len(change.path) == 2:
            del names[change.path[1]]
        elif change.change == CHANGED:
            assert change.old == names[change.path[1]]
            names[change.path[1]] = change.new
    assert title == current.get("title")
    assert names == {user: known.get("screen_name") for user, known in current["users"].items()}


def test_what_a_crawl_learned_stays_through_edits_and_begins_anew_in_a_fresh_collection() -> None:
    learned = {"crawl": {"started": "2026-11-27T12:00:00+00:00", "chains": {"1:followers": {"token": "t"}}}}
    user = {"screen_name": "a", "lists": {"followers": "2026-11-26T12:00:00+00:00"}}
    base = {"id": "c", "type": "graph", "users": {"1": {}}, "graph": {"max_depth": 1}}
    current = {**base, "users": {"1": user}, "graph": {"max_depth": 1, **learned}}
    mine = {**base, "graph": {"max_depth": 2, "exclude": ["5"]}}
    now = merged(base, mine, current)
    assert now["graph"] == {"max_depth": 2, "exclude": ["5"], **learned} and now["users"] == {"1": user}
    assert merged(None, mine, current)["graph"] == now["graph"]
    assert with_state(mine, current)["graph"] == now["graph"]
    assert fresh(current) == {**base, "users": {"1": {"screen_name": "a"}}}
