"""What every compute promises; each kind of it passes these same tests."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path

import pytest

import emulator
from harvester.clock import Stop
from harvester.commands.cli.workspace import chosen
from harvester.compute import ONCE, SERVICE, Compute, Ended
from harvester.documents import HarvestSummary
from harvester.errors import Exit, HarvesterError
from harvester.harvest import catalog
from harvester.harvest.control import ask as ask_to_stop
from harvester.settings import Settings, variable
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person, at_a_terminal, until
from tests.support.fake_fargate import fargate
from tests.support.moto_account import Cloud, cloud_of

pytestmark = pytest.mark.system


class Site:
    """A place to run harvests, and the store they harvest into."""

    def __init__(self, compute: Compute, store: Store, control: emulator.Control) -> None:
        self.compute, self.store, self.control = compute, store, control

    def summary(self, collection_id: str) -> HarvestSummary | None:
        """Of the running harvest, as `harvest running` finds it."""
        return self.compute.live(collection_id) or catalog.running(self.store, CollectionKeys(collection_id))

    def stop(self, collection_id: str) -> None:
        """As `harvest stop` does."""
        if not self.compute.ask_to_stop(collection_id):
            ask_to_stop(self.store, CollectionKeys(collection_id))
        self.ended(collection_id)

    def ended(self, collection_id: str) -> None:
        until(lambda: self.compute.task(collection_id) is None)


@pytest.fixture(params=["local", "fargate"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """With a search `s`, a stream `live`, and `some`, which is through after 20 posts."""
    options = {"users": 2, "posts_per_user": 5, "stream_rate": "50"}
    monkeypatch.setenv("TWARC_CLOUD_CHECKPOINT_SECONDS", "0.5")
    monkeypatch.setenv("TWARC_CLOUD_STOP_POLL_SECONDS", "0.5")
    with ExitStack() as stack:
        person, emulated = stack.enter_context(at_a_terminal(tmp_path, monkeypatch, **options))
        if request.param == "fargate":
            bucket = request.getfixturevalue("moto_s3")
            cloud = stack.enter_context(cloud_of(bucket, monkeypatch))
            _set(cloud, monkeypatch)
            stack.enter_context(fargate(cloud, tmp_path / "tasks", X_API_URL=os.environ["X_API_URL"]))
        _add(person, {"id": "s", "type": "search", "search": {"query": "library"}})
        some = {"track": "library", "max_records": 20}
        _add(person, {"id": "some", "type": "filter", "filter": some})
        _add(person, {"id": "live", "type": "filter", "filter": {"track": "library"}})
        place = chosen(None, None)
        yield Site(place.compute, place.store, emulated.control)


def _set(cloud: Cloud, patch: pytest.MonkeyPatch) -> None:
    """The settings of a cloud, as a person has them in the environment."""
    for entry in fields(Settings):
        if (value := getattr(cloud.settings, entry.name)) != entry.default:
            patch.setenv(variable(entry.name), str(value))


def _add(person: Person, tree: dict[str, object]) -> None:
    person.write(tree)
    person.output("collection", "add")


def test_a_harvest_runs_once_and_what_it_returned_is_known(site: Site) -> None:
    site.compute.once("s")
    site.ended("s")
    assert site.compute.ended("s") == Ended(Exit.OK)
    assert site.compute.tasks() == []
    lines = list(site.compute.log("s", lines=100, follow=False, stop=Stop()))
    assert any("s => complete" in line for line in lines)


def test_a_collection_runs_once_at_a_time(site: Site) -> None:
    compute = site.compute
    compute.once("live")
    task = compute.task("live")
    assert task is not None
    assert (task.collection_id, task.kind) == ("live", ONCE)
    assert [each.collection_id for each in compute.tasks()] == ["live"]
    with pytest.raises(HarvesterError) as caught:
        compute.once("live")
    assert caught.value.exit_code == Exit.LOCKED
    summary = site.summary("live")
    assert summary is not None
    assert summary["collection_id"] == "live"
    site.stop("live")
    assert compute.live("live") is None
    assert not compute.ask_to_stop("live")


def test_a_log_is_followed_until_the_harvest_ends(site: Site) -> None:
    site.compute.once("live")
    seen: list[str] = []
    for line in site.compute.log("live", lines=0, follow=True, stop=Stop()):
        if not seen:
            ask_to_stop(site.store, CollectionKeys("live"))
        seen.append(line)
    assert any("live => stopped" in line for line in seen)
    site.ended("live")


def test_a_harvest_that_does_not_begin_is_told_with_what_it_said(site: Site) -> None:
    with pytest.raises(HarvesterError, match="no collection nowhere") as caught:
        site.compute.once("nowhere")
    assert caught.value.exit_code == Exit.NO_COLLECTION
    assert site.compute.task("nowhere") is None


def test_a_service_runs_until_it_is_stopped(site: Site) -> None:
    compute = site.compute
    compute.start_service("live")
    until(lambda: (site.summary("live") or {}).get("tweets"))
    task = compute.task("live")
    assert task is not None
    assert task.kind == SERVICE
    with pytest.raises(HarvesterError, match="already started"):
        compute.start_service("live")
    compute.stop_service("live", within=60)
    assert compute.task("live") is None
    last = catalog.last(site.store, CollectionKeys("live"))
    assert last and last["state"] == "stopped"


def test_a_stream_that_is_through_leaves_no_service_and_no_task(site: Site) -> None:
    site.compute.start_service("some")
    site.ended("some")
    last = catalog.last(site.store, CollectionKeys("some"))
    assert last and (last["state"], last["tweets"]) == ("complete", 20)


@pytest.mark.parametrize("site", ["fargate"], indirect=True)
def test_a_stream_that_x_refuses_is_told_by_one_dead_task_and_waits_in_the_next(site: Site) -> None:
    """ECS starts a task again at once, for ever: each would be an e-mail, and a harvest of its own."""
    compute, keys = site.compute, CollectionKeys("live")
    compute.start_service("live")
    until(lambda: (site.summary("live") or {}).get("tweets"))
    site.control.faults([{"on": "GET /2/tweets/search/stream", "do": "usage-cap"}])
    site.control.disconnect()
    until(lambda: "X refuses the stream" in (site.summary("live") or {}).get("activity", ""))
    pause = threading.Event()
    assert not pause.wait(2), "longer than ECS takes to start the next"
    states = [summary["state"] for summary in catalog.all_of(site.store, keys)]
    assert sorted(states) == ["running", "stopped"]
    compute.stop_service("live", within=60)
    assert compute.task("live") is None
    (newest, first) = catalog.all_of(site.store, keys)
    assert (first["exit_code"], newest["state"]) == (Exit.RETRY_LATER, "stopped")
    assert newest["gaps"]


def test_a_service_whose_harvest_cannot_begin_says_why_and_is_not_left_behind(site: Site) -> None:
    with pytest.raises(HarvesterError, match="no collection nowhere"):
        site.compute.start_service("nowhere")
    assert site.compute.task("nowhere") is None


def test_without_a_log_there_are_words(site: Site) -> None:
    with pytest.raises(HarvesterError, match="no log"):
        list(site.compute.log("s", lines=10, follow=False, stop=Stop()))
