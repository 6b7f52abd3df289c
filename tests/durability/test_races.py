"""Of two harvesters of one collection one runs, and who edits it meanwhile is not overruled."""

import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.errors import Exit, HarvesterError
from harvester.harvest.harvest import Harvest
from harvester.harvest.lock import Lock
from harvester.settings import Settings
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from tests.support import fork_server
from tests.support.crash_points import StandIn
from tests.support.harvest_processes import UNAVAILABLE, Site, end, exit_code, until
from tests.support.invariants import examined
from tests.support.servers import Bucket
from tests.support.stores import ATOMIC, Place, Wrapped

pytestmark = pytest.mark.unversioned

Tree = dict[str, Any]


@pytest.fixture
def slow_api() -> Iterator[emulator.Emulated]:
    """An X API slow enough for two harvests to meet."""
    with emulator.spawned(
        *("--users", "2", "--posts-per-user", "300", "--no-limits", "--latency", "60"),
        start=fork_server.start,
    ) as api:
        yield api


@pytest.mark.parametrize("store", ATOMIC)
def test_of_two_processes_at_once_one_harvests(
    store: str, slow_api: emulator.Emulated, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    users = [user["id"] for user in slow_api.control.users()]
    bucket: Bucket | None = request.getfixturevalue("s3") if store == "s3" else None
    for number in range(5):
        site = Site(f"twice-{number}", tmp_path / str(number), slow_api.url, bucket)
        timelines = {"type": "user_timeline", "users": {user: {} for user in users}}
        history.add(site.store, site.keys, {"id": site.collection_id, **timelines})
        # The one that has the lock does not end before the other was refused, however late that starts.
        slow_api.control.faults(UNAVAILABLE)
        processes = [site.start(), site.start()]
        try:
            until(partial(_one_has_ended, processes), "none was refused")
        finally:
            slow_api.control.clear_faults()
            codes = [exit_code(process) for process in processes]
        assert sorted(codes) == [Exit.OK, Exit.LOCKED], site.said()
        told = [line for line in site.said().splitlines() if "locked" in line]
        assert len(told) == 1 and len(site.said().splitlines()) == 2, site.said()
        found = examined(site.collections(), site.collection_id, temp=site.temp)
        assert (found.wrong, found.doubled, len(found.harvests)) == ([], [], 1)
        assert found.lost(post for user in users for post in slow_api.control.timeline(user)) == []


def _one_has_ended(processes: list[subprocess.Popen[bytes]]) -> bool:
    return any(process.poll() is not None for process in processes)


@pytest.mark.parametrize("place", ATOMIC, indirect=True)
def test_of_two_threads_at_once_one_harvests(place: Place, tmp_path: Path) -> None:
    for number in range(5):
        keys = _searched(place.store(), f"twice-{number}")
        together = threading.Barrier(2)

        def harvested(who: int, keys: CollectionKeys = keys, together: threading.Barrier = together) -> Any:
            harvest = _harvest(place.store(), keys, tmp_path / f"{keys.id}-{who}")
            together.wait()
            try:
                return harvest.run().exit_code
            except HarvesterError as error:
                assert len(str(error).splitlines()) == 1
                return error.exit_code

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(harvested, range(2))) == [Exit.OK, Exit.LOCKED]


def _searched(store: Store, collection_id: str) -> CollectionKeys:
    keys = CollectionKeys(collection_id)
    history.add(store, keys, {"id": collection_id, "type": "search", "search": {"query": "flood"}})
    return keys


def _harvest(
    store: Store, keys: CollectionKeys, folder: Path, *, wrong_by: timedelta = timedelta()
) -> Harvest:
    folder.mkdir(parents=True, exist_ok=True)
    stop = Stop()
    order = {"posts": 1000, "served": str(folder / "served")}
    return Harvest(
        store=store,
        keys=keys,
        client=lambda *_: StandIn(order, stop),
        settings=Settings(),
        work_root=folder / "temp",
        clock=_WrongClock(wrong_by),
        stop=stop,
    )


class _WrongClock(SystemClock):
    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by


@pytest.mark.parametrize("wrong_by", [timedelta(minutes=-10), timedelta(minutes=10)], ids=["slow", "fast"])
def test_a_dead_ones_lock_is_taken_over_in_time_whatever_the_clock_says(
    place: Place, wrong_by: timedelta, tmp_path: Path
) -> None:
    keys = _searched(place.store(), "dead")
    Lock(place.store(), keys.lock, owner="dead", clock=SystemClock()).acquire()
    for seconds, outcome in ((50, Exit.LOCKED), (89, Exit.OK)):
        # So long after its last renewal, by the store's clock.
        later = Wrapped(place.store(), ahead=timedelta(seconds=seconds))
        harvest = _harvest(later, keys, tmp_path / str(seconds), wrong_by=wrong_by)
        try:
            code = harvest.run().exit_code
        except HarvesterError as error:
            code = error.exit_code
        assert code == outcome


def test_a_killed_processs_lock_is_taken_over_soon_after_it_expired(
    slow_api: emulator.Emulated, tmp_path: Path
) -> None:
    site = Site("killed", tmp_path, slow_api.url, settings={"lock_seconds": 2})
    users: dict[str, Any] = {user["id"]: {} for user in slow_api.control.users()}
    history.add(site.store, site.keys, {"id": "killed", "type": "user_timeline", "users": users})
    process = site.start()
    try:
        until(lambda: site.is_held_by(process), "the lock was not taken")
    finally:
        end(process)
    killed = asked = time.monotonic()
    while (code := site.harvest()) == Exit.LOCKED:
        # 2 s to live, and 2 s to spare for clocks that tell whole seconds.
        assert asked - killed < 2 + 2 + 1
        asked = time.monotonic()
    assert code == Exit.OK
    assert time.monotonic() - killed > 2
    assert examined(site.collections(), "killed", temp=site.temp).wrong == []


def test_who_is_added_or_removed_during_a_harvest_stays_so(
    slow_api: emulator.Emulated, tmp_path: Path
) -> None:
    site = Site("edited", tmp_path, slow_api.url)
    kept, late = (user["id"] for user in slow_api.control.users())
    gone = "999"
    users = {kept: {}, gone: {"screen_name": "gone"}}
    history.add(site.store, site.keys, {"id": "edited", "type": "user_timeline", "users": users})
    edits = 0

    def edit() -> None:
        nonlocal edits
        edits += 1
        history.edit(site.store, site.keys, _counted if edits > 1 else lambda tree: _edited(tree, gone, late))

    slow_api.control.faults(UNAVAILABLE)
    process = site.start()
    try:
        until(site.is_begun, "the harvest did not begin")
        for _ in range(20):
            edit()
        slow_api.control.clear_faults()
        while process.poll() is None:
            edit()
    finally:
        end(process)
    assert process.returncode == Exit.OK, site.said()
    found = examined(site.collections(), "edited", temp=site.temp)
    assert edits > 20
    assert found.collection["x_edits"] == edits
    assert set(found.collection["users"]) == {kept, late}
    assert found.collection["users"][kept]["since_id"] == slow_api.control.timeline(kept)[0]
    assert "since_id" not in found.collection["users"][late]
    assert found.wrong == []
    assert site.harvest() == Exit.OK
    found = examined(site.collections(), "edited", temp=site.temp)
    assert found.lost(post for user in (kept, late) for post in slow_api.control.timeline(user)) == []
    assert (found.doubled, found.wrong) == ([], [])


def _edited(tree: Tree, gone: str, late: str) -> Tree:
    users = {user: told for user, told in tree["users"].items() if user != gone}
    return _counted({**tree, "users": {**users, late: {}}})


def _counted(tree: Tree) -> Tree:
    return {**tree, "x_edits": tree.get("x_edits", 0) + 1}


def test_a_query_that_is_changed_during_a_harvest_is_searched_from_the_beginning(tmp_path: Path) -> None:
    options = ("--users", "1", "--posts-per-user", "300", "--search-posts", "900", "--latency", "60")
    with emulator.spawned("--no-limits", *options, start=fork_server.start) as api:
        site = Site("changed", tmp_path, api.url)
        history.add(site.store, site.keys, {"id": "changed", "type": "search", "search": {"query": "flood"}})
        author = api.control.users()[0]["username"]

        def changed(tree: Tree) -> Tree:
            return {**tree, "search": {**tree["search"], "query": f"from:{author}"}}

        api.control.faults(UNAVAILABLE)
        process = site.start()
        try:
            until(site.is_begun, "the harvest did not begin")
            history.edit(site.store, site.keys, changed)
            api.control.clear_faults()
        finally:
            code = exit_code(process)
        assert code == Exit.OK, site.said()
        search = examined(site.collections(), "changed", temp=site.temp).collection["search"]
        assert search == {"query": f"from:{author}"}
        assert site.harvest() == Exit.OK
        found = examined(site.collections(), "changed", temp=site.temp)
        newest = api.control.search(f"from:{author}")[0]
        assert found.lost(api.control.search(f"from:{author}")) == []
        assert (found.collection["search"]["since_id"], found.wrong) == (newest, [])
