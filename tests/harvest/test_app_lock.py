"""One app has one stream: who holds it is told on every machine, and a dead harvest holds nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.errors import Exit, HarvesterError, StoreAway
from harvester.harvest import app_lock
from harvester.harvest.app_lock import AppLock
from harvester.harvest.fenced_store import FencedStore
from harvester.harvest.lock import Lock
from harvester.harvest.store_patience import Patience
from harvester.networks.x import Keys
from harvester.store import Store
from harvester.store.folder import FolderStore
from harvester.store.keys import APPS, CollectionKeys
from tests.harvest.test_a_day import CountingStore
from tests.support.harvest_stage import staged, until
from tests.support.stores import HandClock, Place, Wrapped

pytestmark = pytest.mark.unversioned

APP = "x-0123456789abcdef"
PAST = timedelta(seconds=63)


class _Harvest:
    """The two locks of one harvest."""

    def __init__(self, store: Store, collection_id: str, owner: str) -> None:
        self.clock = HandClock()
        self.lock = Lock(store, CollectionKeys(collection_id).lock, owner=owner, clock=self.clock)
        patience = Patience(0.0, clock=self.clock, stop=Stop())
        self.app = AppLock(FencedStore(store, self.lock), collection_id, owner=owner, patience=patience)
        self.lock.on_lapse = self.app.require
        self.lock.acquire()

    def end(self) -> None:
        self.app.release()
        self.lock.release()


def _names(store: Store) -> list[str]:
    return [json.loads(store.read(entry.key).data).get("owner", "") for entry in store.entries(APPS)]


def test_a_held_app_is_refused_in_words_until_it_is_given_back(place: Place) -> None:
    store = place.store()
    first, second = _Harvest(store, "museums", "first"), _Harvest(store, "libraries", "second")
    first.app.hold(APP)
    with pytest.raises(HarvesterError) as refused:
        second.app.hold(APP)
    assert "The stream of museums already uses the app" in refused.value.message
    assert "first on " in refused.value.message
    assert refused.value.exit_code == Exit.LOCKED
    assert "filter-stop museums" in refused.value.hint
    assert "If it crashed, try again in a minute" in refused.value.hint
    first.end()
    second.app.hold(APP)
    assert _names(store) == ["second"]
    second.end()
    assert _names(store) in ([], [""])


def test_an_app_of_a_harvest_that_died_is_free_once_its_lock_has_expired(place: Place) -> None:
    store = place.store()
    _Harvest(store, "museums", "dead").app.hold(APP)
    later = Wrapped(store, ahead=PAST)
    assert app_lock.holder(store, APP)
    assert app_lock.holder(later, APP) is None
    _Harvest(later, "libraries", "next").app.hold(APP)
    assert _names(store) == ["next"]


def test_the_next_harvest_of_the_same_collection_takes_what_the_dead_one_held(place: Place) -> None:
    store = place.store()
    _Harvest(store, "museums", "dead").app.hold(APP)
    _Harvest(Wrapped(store, ahead=PAST), "museums", "next").app.hold(APP)
    assert _names(store) == ["next"]


def test_of_many_that_find_a_dead_ones_app_one_gets_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    dead = _Harvest(store, "dead", "dead")
    dead.app.hold(APP)
    dead.lock.release()
    rivals = [_Harvest(store, f"c{number}", f"owner{number}") for number in range(8)]

    def holds(rival: _Harvest) -> bool:
        try:
            rival.app.hold(APP)
        except HarvesterError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(holds, rivals))
    assert won.count(True) == 1
    assert _names(store) == [f"owner{won.index(True)}"]


def test_a_harvest_pays_for_two_requests_of_its_app_and_for_none_in_between() -> None:
    clock = HandClock()
    store: Any = CountingStore(clock)
    mine = _Harvest(store, "museums", "mine")
    store.asked.clear()
    mine.app.hold(APP)
    mine.app.hold(APP)
    assert store.asked == {"PUT": 1}
    mine.app.release()
    assert store.asked == {"PUT": 1, "DELETE": 1}


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"collection": "../x", "owner": "a"}', b"\xff"])
def test_a_name_that_says_nothing_holds_nothing(tmp_path: Path, text: bytes) -> None:
    store = FolderStore(tmp_path / "collections")
    store.create(f"{APPS}{APP}.json", text)
    _Harvest(store, "museums", "mine").app.hold(APP)
    assert _names(store) == ["mine"]


class _LosesOneAnswer(Wrapped):
    lost = False

    def create(self, key: str, data: bytes) -> str:
        version = super().create(key, data)
        if key.startswith(APPS) and not self.lost:
            self.lost = True
            raise StoreAway("no answer")
        return version


def test_a_name_whose_answer_was_lost_is_known_for_ones_own(tmp_path: Path) -> None:
    store = _LosesOneAnswer(FolderStore(tmp_path / "collections"))
    mine = _Harvest(store, "museums", "mine")
    with pytest.raises(StoreAway):
        mine.app.hold(APP)
    mine.app.hold(APP)
    mine.end()
    assert _names(store) == []


def test_who_slept_past_its_lock_learns_that_the_app_is_anothers(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    sleeper = _Harvest(store, "museums", "sleeper")
    sleeper.app.hold(APP)
    _Harvest(Wrapped(store, ahead=PAST), "libraries", "next").app.hold(APP)
    sleeper.lock.renew()
    assert sleeper.app.lost is None, "a renewal in time asks no more"
    sleeper.clock.seconds += 70
    with pytest.raises(HarvesterError, match="The stream of libraries already uses"):
        sleeper.lock.renew()
    assert sleeper.app.lost
    sleeper.app.release()
    assert _names(store) == ["next"]


def test_a_client_changes_its_app_when_its_keys_are_another_apps(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "collections")
    mine = _Harvest(store, "museums", "mine")
    for app in (APP, "x-another", "x-another", ""):
        mine.app.hold(app)
        held = [entry.key.removeprefix(APPS) for entry in store.entries(APPS)]
        assert held == ([f"{app}.json"] if app else [])


def test_all_keys_of_an_app_name_it_and_the_name_holds_no_key() -> None:
    app = Keys(consumer_key="ck-of-the-app", consumer_secret="secret")
    person = replace(app, access_token="7-token", access_token_secret="secret", bearer_token="bearer")
    assert app.app == person.app != Keys(bearer_token="bearer").app
    assert app.app.startswith("x-") and len(app.app) == 18 and "ck" not in app.app
    assert Keys().app == ""


def test_a_second_stream_of_an_app_ends_as_one_that_is_locked_and_asks_nothing_of_x(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, keepalive=0.05) as stage:
        for name in ("museums", "libraries"):
            stage.add(name, type="filter", filter={"track": name})
        with stage.harvesting("museums"):
            until(stage.connected)
            before = len(stage.control.truth()["requests"])
            second = stage.harvest("libraries")
            assert (second.outcome.state, second.outcome.exit_code) == ("failed", Exit.LOCKED)
            assert "The stream of museums already uses the app" in second.outcome.reason
            assert len(stage.control.truth()["requests"]) == before
            assert stage.connected()
        assert list(stage.store.entries(APPS)) == []
        with stage.harvesting("libraries"):
            until(stage.connected)


def test_a_stream_whose_app_is_taken_while_it_slept_ends_with_all_it_had(tmp_path: Path) -> None:
    with staged(tmp_path, users=1, keepalive=0.05) as stage:
        stage.add("museums", type="filter", filter={"track": "flood"})
        with stage.harvesting("museums") as going:
            until(stage.connected)
            stage.control.publish(stage.accounts[0], text="a flood")
            until(lambda: going.summary()["tweets"] == 1)
            (key,) = [entry.key for entry in stage.store.entries(APPS)]
            other = _Harvest(stage.store, "libraries", "other")
            stage.store.replace(key, other.app._name(), version=stage.store.read(key).version)
            # As after a SIGSTOP: the lock expired, and its renewal finds that nobody took it.
            stage.clock.advance(70)
            until(lambda: going.ended)
        assert (going.end.outcome.state, going.end.outcome.exit_code) == ("failed", Exit.LOCKED)
        assert "The stream of libraries" in going.end.outcome.reason
        assert len(going.end.ids) == 1
        assert _names(stage.store) == ["other"]
