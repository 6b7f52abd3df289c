"""A store that fails now and then, or is away for a while, keeps no harvest from beginning."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.clock import Stop
from harvester.collection import history
from harvester.curation.verify import Overall, verify
from harvester.errors import Conflict, Exit, StoreAway
from harvester.harvest.harvest import Harvest
from harvester.harvest.store_patience import Patience, PatientStore
from harvester.networks import Batch
from harvester.networks.x.sources import Job
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from tests.support.examples import examples
from tests.support.stalling_clients import Client
from tests.support.stores import HandClock

KEYS = CollectionKeys("s")
_STEPS = {"read", "create", "replace", "upload", "download", "remove", "entries", "folders", "now"}


class _Flaky:
    """A store that fails before or after so many of its steps as the draw says, for as long as it may."""

    def __init__(self, store: FolderStore, fails: Callable[[], str]) -> None:
        self._store, self._fails = store, fails
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        done = getattr(self._store, name)
        if name not in _STEPS:
            return done

        def step(*arguments: Any, **more: Any) -> Any:
            fails = self._fails()
            self.failures += bool(fails)
            if fails == "before":
                raise StoreAway("no connection")
            answer = done(*arguments, **more)
            if name in ("entries", "folders"):
                answer = iter(list(answer))
            if fails == "after":
                raise StoreAway("no answer")
            return answer

        return step


def _store(folder: Path) -> FolderStore:
    store = FolderStore(folder / "collections")
    history.add(store, KEYS, {"id": "s", "type": "search", "search": {"query": "a"}})
    return store


def _harvest(store: Any, folder: Path, clock: HandClock, *, stop: Stop | None = None) -> Harvest:
    def source(job: Job) -> None:
        job.put(Batch(lines=b'{"data":[{"id":"1"}]}\n', posts=1, sync=True), wait=True)

    return Harvest(
        store=store,
        keys=KEYS,
        client=lambda *_: Client(),
        settings=Settings(store_patience=900),
        work_root=folder / "temp",
        clock=clock,
        stop=stop or Stop(),
        source=lambda _: source,
    )


@pytest.mark.parametrize("seed", range(6))
def test_three_answers_of_ten_are_lost_and_harvests_begin_and_end(tmp_path: Path, seed: int) -> None:
    draw, store = random.Random(seed), _store(tmp_path)
    flaky = _Flaky(store, lambda: draw.choice(("before", "after")) if draw.random() < 0.3 else "")
    for _ in range(3):
        # Its lock is released by an answer that may be lost, and then ends by itself.
        store.remove(KEYS.lock)
        outcome = _harvest(flaky, tmp_path, HandClock()).run()
        assert (outcome.state, outcome.exit_code) == ("complete", Exit.OK), outcome
    assert flaky.failures > 20
    store.remove(KEYS.lock)
    assert verify(reader(store), KEYS, stop=Stop()).overall is Overall.OK


def test_a_store_that_stays_away_ends_the_start_after_the_patience(tmp_path: Path) -> None:
    clock = HandClock()
    with pytest.raises(StoreAway, match="no connection") as told:
        _harvest(_Flaky(_store(tmp_path), lambda: "before"), tmp_path, clock).run()
    assert told.value.exit_code == Exit.RETRY_LATER
    assert sum(clock.waits) == pytest.approx(900)
    assert max(clock.waits) <= 30


def test_a_stop_ends_the_wait(tmp_path: Path) -> None:
    stop, clock = Stop(), HandClock()
    stop.request("SIGTERM")
    with pytest.raises(StoreAway):
        _harvest(_Flaky(_store(tmp_path), lambda: "before"), tmp_path, clock, stop=stop).run()
    assert clock.waits == []


def test_what_waiting_does_not_mend_is_told_at_once() -> None:
    clock = HandClock()

    def refuse() -> None:
        error = StoreAway("no such bucket")
        error.lasting = True
        raise error

    with pytest.raises(StoreAway) as told:
        Patience(900, clock=clock, stop=Stop()).until(refuse)
    assert (told.value.exit_code, clock.waits) == (Exit.ERROR, [])


def test_once_it_has_begun_the_uploads_have_patience_of_their_own() -> None:
    clock = HandClock()
    patience = Patience(900, clock=clock, stop=Stop())
    patience.end()
    with pytest.raises(StoreAway):
        patience.until(lambda: _raise(StoreAway("away")))
    assert clock.waits == []


def test_what_another_wrote_is_no_lost_answer_though_it_is_the_same(tmp_path: Path) -> None:
    inner = FolderStore(tmp_path)
    inner.create("collections/s/a", b"{}")
    with pytest.raises(Conflict):
        PatientStore(inner, Patience(900, clock=HandClock(), stop=Stop())).create("collections/s/a", b"{}")


def _raise(error: Exception) -> None:
    raise error


@settings(max_examples=examples(300))
@given(st.lists(st.sampled_from(["", "before", "after"]), min_size=3, max_size=3), st.booleans())
def test_a_write_is_done_once_and_one_of_another_is_still_a_conflict(
    tmp_path_factory: pytest.TempPathFactory, fails: list[str], foreign: bool
) -> None:
    inner, left = FolderStore(tmp_path_factory.mktemp("store")), [*fails]
    flaky: Any = _Flaky(inner, lambda: left.pop(0) if left else "")
    store = PatientStore(flaky, Patience(900, clock=HandClock(), stop=Stop()))
    key = "collections/s/a"
    if foreign:
        inner.create(key, b"theirs")
        with pytest.raises(Conflict):
            store.create(key, b"ours")
        assert inner.read(key).data == b"theirs"
        return
    version = store.create(key, b"ours")
    assert inner.read(key).version == version
    again = store.replace(key, b"ours, too", version=version)
    assert (inner.read(key).data, inner.read(key).version) == (b"ours, too", again)
