"""A service whose one task really harvests several streams, from its start to the end of the last."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path

import pytest

from harvester.clock import Stop
from harvester.commands.cli.workspace import chosen
from harvester.compute import Compute
from harvester.harvest import catalog
from harvester.settings import Settings, variable
from harvester.store import Store
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import at_a_terminal, until
from tests.support.fake_fargate import Ecs, fargate
from tests.support.moto_account import cloud_of
from tests.support.servers import Bucket

pytestmark = pytest.mark.system

# To the emulator they are one token, and to the harvester those of three apps.
_TOKENS = {"a": "emulator-bearer", "b": "emulator%2Dbearer", "some": "%65mulator-bearer"}


class _Site:
    def __init__(self, compute: Compute, store: Store, ecs: Ecs) -> None:
        self.compute, self.store, self.ecs = compute, store, ecs

    def tweets(self, collection_id: str) -> int:
        found = catalog.running(self.store, CollectionKeys(collection_id))
        return int(found["tweets"]) if found else 0

    def state(self, collection_id: str) -> str:
        last = catalog.last(self.store, CollectionKeys(collection_id))
        return last["state"] if last else ""


@pytest.fixture
def site(tmp_path: Path, moto_s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Site]:
    """With the streams `a` and `b`, and `some`, which is through after 20 posts."""
    for name, value in (("CHECKPOINT_SECONDS", "0.5"), ("STOP_POLL_SECONDS", "0.5"), ("LOCK_SECONDS", "6")):
        monkeypatch.setenv(f"TWARC_CLOUD_{name}", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    profiles = "".join(f"[{name}]\nbearer_token = {token}\n" for name, token in _TOKENS.items())
    (tmp_path / ".twarc").write_text(profiles)
    with ExitStack() as stack:
        options = {"stream_rate": "50", "connections": 3, "limits": False}
        person, _ = stack.enter_context(at_a_terminal(tmp_path, monkeypatch, **options))
        monkeypatch.delenv("BEARER_TOKEN")
        cloud = stack.enter_context(cloud_of(moto_s3, monkeypatch))
        for entry in fields(Settings):
            if (value := getattr(cloud.settings, entry.name)) != entry.default:
                monkeypatch.setenv(variable(entry.name), str(value))
        stack.enter_context(fargate(cloud, tmp_path / "tasks", X_API_URL=os.environ["X_API_URL"]))
        for name in _TOKENS:
            section = {"track": "flood", **({"max_records": 20} if name == "some" else {})}
            person.write({"id": name, "type": "filter", "filter": section, "keys": {"profile": name}})
            person.output("collection", "add")
        place = chosen(None, None)
        yield _Site(place.compute, place.store, Ecs(cloud))


def test_streams_of_one_task_end_one_after_the_other_and_the_service_with_the_last(site: _Site) -> None:
    compute = site.compute
    compute.start_service("a", "b", "some")
    assert len(site.ecs.tasks) == 1
    until(lambda: site.state("some") == "complete" and site.tweets("a") and site.tweets("b"))
    until(lambda: [task.collection_id for task in compute.tasks()] == ["a", "b"])
    compute.stop_service("a", within=60)
    assert site.state("a") == "stopped"
    assert [task.collection_id for task in compute.tasks()] == ["b"]
    # ECS starts the task again, which leaves alone what is over.
    before = site.ecs.newest()
    before.desired_status = "STOPPED"
    until(lambda: site.ecs.newest() is not before and site.state("b") == "stopped")
    until(lambda: site.tweets("b"))
    said = list(compute.log("a", lines=100, follow=False, stop=Stop()))
    assert any("a: the stream was stopped or has ended, and is not started." in line for line in said)
    compute.stop_service("b", within=60)
    assert compute.tasks() == []
    until(lambda: all(service.status == "INACTIVE" for service in site.ecs.services))
    ended = [list(catalog.all_of(site.store, CollectionKeys(name))) for name in _TOKENS]
    assert [len(harvests) for harvests in ended] == [1, 2, 1]
