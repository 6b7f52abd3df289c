"""What holds of every harvest, whatever its source: the lock is kept, what was handed over counts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Clock, Stop, SystemClock, timestamp
from harvester.collection import history
from harvester.errors import Exit
from harvester.harvest.harvest import Harvest
from harvester.harvest.lock_content import content
from harvester.harvest.progress import BUDGET, STOPPED, Outcome
from harvester.harvest.recovery import recover
from harvester.harvest.workdir import State, Work
from harvester.networks import Batch, Client
from harvester.networks.x.prices import billing
from harvester.networks.x.sources import Job
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.harvest_stage import came_about
from tests.support.stores import HandClock

_KEYS = CollectionKeys("it")


class _Client(Client):
    def __init__(self) -> None:
        self.billing = billing()


def _harvest(
    folder: Path, source: Callable[[Job], None], *, clock: Clock | None = None, **settings: Any
) -> Harvest:
    store = FolderStore(folder / "collections")
    history.add(store, _KEYS, {"id": "it", "type": "filter", "filter": {"track": "a"}})
    return Harvest(
        store=store,
        keys=_KEYS,
        client=lambda *_: _Client(),
        settings=Settings(**settings),
        work_root=folder / "temp",
        clock=clock or SystemClock(),
        stop=Stop(),
        source=lambda _: source,
    )


def test_a_harvest_that_is_given_nothing_renews_its_lock(tmp_path: Path) -> None:
    seen = []

    def quiet(_: Job) -> None:
        store = FolderStore(tmp_path / "collections")
        seen.append(came_about(lambda: content(store.read(_KEYS.lock)).get("renewed", 0) > 1, within=60))

    assert _harvest(tmp_path, quiet, lock_seconds=0.3).run().exit_code == Exit.OK
    assert seen == [True]


def test_a_gap_that_comes_last_is_told_in_the_outcome(tmp_path: Path) -> None:
    """A read that reaches max_records may hold one, and nothing after it is synced."""

    def last(job: Job) -> None:
        gap = {"event": "gap", "from": "x", "to": "y", "reason": "z"}
        job.put(Batch(lines=b'{"data":{"id":"1"}}\n', posts=1, last_id="1", events=(gap,)))

    outcome = _harvest(tmp_path, last, clock=HandClock()).run()
    assert (outcome.exit_code, outcome.reason) == (Exit.PARTIAL, "1 gap")


@pytest.mark.parametrize(
    ("outcome", "meant"),
    [
        (Outcome(STOPPED, "budget", Exit.RETRY_LATER, limit=BUDGET), True),
        (Outcome(STOPPED, "the cap is reached", Exit.RETRY_LATER), False),
        (Outcome(STOPPED, "SIGINT", Exit.INTERRUPTED), True),
        (Outcome(STOPPED, "SIGTERM", Exit.TERMINATED), False),
    ],
)
def test_an_end_was_meant_where_a_person_or_a_limit_of_theirs_made_it(outcome: Outcome, meant: bool) -> None:
    assert outcome.was_meant is meant


@pytest.mark.parametrize("state", ["running", "complete", None])
def test_records_of_a_harvest_that_is_not_known_to_have_ended_stay(state: str | None, tmp_path: Path) -> None:
    """Somebody removed checkpoint.json by hand."""
    clock, store = HandClock(), FolderStore(tmp_path / "collections")
    begun = State(harvest=timestamp(clock.now()), owner="dead")
    work = Work.begin(tmp_path / "temp", begun)
    work.add(Batch(lines=b"{}\n", posts=1), now=clock.now())
    work.sync(now=clock.now())
    work.close()
    if state:
        store.create(_KEYS.harvest(clock.now()).harvest, b'{"state": "%s"}' % state.encode())
    assert recover(store, _KEYS, tmp_path / "temp", owner="next") is None
    assert work.folder.exists() is (state != "complete")
