"""What every compute promises; each kind of it passes these same tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.clock import Stop
from harvester.commands.place import chosen
from harvester.compute import GAVE_UP, ONCE, SERVICE, Compute, Ended
from harvester.errors import Exit, HarvesterError
from tests.person import Person, at_a_terminal, until


@pytest.fixture(params=["local"])
def compute(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Compute]:
    """A place to run harvests, with a search `s` and a stream `live`."""
    options = {"users": 2, "posts_per_user": 5, "stream_rate": "50"}
    with at_a_terminal(tmp_path, monkeypatch, **options) as (person, _):
        _add(person, {"id": "s", "type": "search", "search": {"query": "library"}})
        _add(person, {"id": "live", "type": "filter", "filter": {"track": "library"}})
        yield chosen(None, None).compute


def _add(person: Person, tree: dict[str, object]) -> None:
    person.write(tree)
    person.well("collection", "add")


def _ended(compute: Compute, collection_id: str) -> None:
    until(lambda: compute.task(collection_id) is None)


def test_a_harvest_runs_once_and_what_it_returned_is_known(compute: Compute) -> None:
    compute.once("s")
    _ended(compute, "s")
    assert compute.ended("s") == Ended(Exit.OK)
    assert compute.tasks() == []
    lines = list(compute.log("s", lines=100, follow=False, stop=Stop()))
    assert any("s => complete" in line for line in lines)


def test_a_collection_runs_once_at_a_time(compute: Compute) -> None:
    compute.once("live")
    task = compute.task("live")
    assert task is not None
    assert (task.collection_id, task.kind) == ("live", ONCE)
    assert [each.collection_id for each in compute.tasks()] == ["live"]
    with pytest.raises(HarvesterError) as caught:
        compute.once("live")
    assert caught.value.exit_code == Exit.LOCKED
    account = compute.live("live")
    assert account is not None
    assert account["collection_id"] == "live"
    assert compute.ask_to_stop("live")
    _ended(compute, "live")
    assert compute.live("live") is None
    assert not compute.ask_to_stop("live")


def test_a_harvest_that_does_not_begin_is_told_with_what_it_said(compute: Compute) -> None:
    with pytest.raises(HarvesterError, match="no collection nowhere") as caught:
        compute.once("nowhere")
    assert caught.value.exit_code == Exit.NO_COLLECTION
    assert compute.task("nowhere") is None


def test_a_service_runs_until_it_is_stopped(compute: Compute) -> None:
    compute.start_service("live")
    until(lambda: (compute.live("live") or {}).get("tweets"))
    task = compute.task("live")
    assert task is not None
    assert task.kind == SERVICE
    with pytest.raises(HarvesterError, match="already started"):
        compute.start_service("live")
    compute.stop_service("live", within=60)
    assert compute.task("live") is None


def test_a_service_that_cannot_work_gives_up_and_says_why(compute: Compute) -> None:
    compute.start_service("nowhere")
    until(lambda: (task := compute.task("nowhere")) and task.status == GAVE_UP)
    task = compute.task("nowhere")
    assert task is not None
    assert "no collection nowhere" in task.told
    compute.stop_service("nowhere", within=60)
    assert compute.task("nowhere") is None


def test_without_a_log_there_are_words(compute: Compute) -> None:
    with pytest.raises(HarvesterError, match="no log"):
        list(compute.log("s", lines=10, follow=False, stop=Stop()))
