"""The token of a run is in the parameter store while the run answers on a port, and only then."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import emulator
from harvester.aws.parameters import Parameters
from harvester.errors import Exit, NotFound
from tests.support.container_process import Desk
from tests.support.harvest_stage import until
from tests.support.servers import S3Server

pytestmark = pytest.mark.system

_ANSWERING = ("local", "harvester", "it", "--port", "0", "--no-shutdown")


@pytest.fixture
def desk(tmp_path: Path, moto_server: S3Server) -> Iterator[Desk]:
    with emulator.running(search_posts=20) as emulated:
        path = f"/twarc-cloud/{uuid4().hex}"
        settings = {**moto_server.environment, "TWARC_CLOUD_PARAMETER_PATH": path}
        made = Desk(tmp_path, emulated.url, settings)
        made.put("it", {"id": "it", "type": "search", "search": {"query": "flood"}})
        yield made


@pytest.fixture
def parameters(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Parameters:
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    return Parameters(desk.environment["TWARC_CLOUD_PARAMETER_PATH"])


def test_each_run_has_another_one_and_takes_it_back(desk: Desk, parameters: Parameters) -> None:
    seen = set()
    for _ in range(2):
        with desk.watched(*_ANSWERING) as going:
            address = going.address
            until(lambda: parameters.has("tokens/it"))
            token = parameters.read("tokens/it")
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{address}/status", timeout=60)
            assert refused.value.code == 401
            assert going.get("/status", token=token)["collection_id"] == "it"
            going.post("/shutdown", token=token)
            said = going.ended()
        assert (said.code, token in said.out + said.err) == (Exit.OK, False)
        assert not parameters.has("tokens/it")
        seen.add(token)
    assert len(seen) == 2


def test_that_of_a_later_run_is_left(desk: Desk, parameters: Parameters) -> None:
    with desk.watched(*_ANSWERING) as going:
        until(lambda: parameters.has("tokens/it"))
        token = parameters.read("tokens/it")
        parameters.write("tokens/it", "of-a-later-run")
        going.post("/shutdown", token=token)
        assert going.ended().code == Exit.OK
    assert parameters.read("tokens/it") == "of-a-later-run"


def test_one_that_is_given_is_used_and_not_stored(desk: Desk, parameters: Parameters) -> None:
    with desk.watched(*_ANSWERING, TWARC_CLOUD_TOKEN="of-the-test") as going:
        assert going.get("/status", token="of-the-test")["collection_id"] == "it"
        with pytest.raises(NotFound):
            parameters.read("tokens/it")
        going.post("/shutdown", token="of-the-test")
        assert going.ended().code == Exit.OK


def test_without_a_port_there_is_none(desk: Desk, parameters: Parameters) -> None:
    said = desk.harvested("it", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert said.code == Exit.OK, said
    assert "parameter store" not in said.err


def test_a_run_that_is_refused_leaves_that_of_the_run_that_goes_on(
    desk: Desk, parameters: Parameters
) -> None:
    parameters.write("tokens/it", "of-the-run-that-goes-on")
    lock = desk.folder / "collections" / "it" / "lock.json"
    lock.write_text('{"owner": "somebody", "expires": "2099-01-01T00:00:00+00:00"}')
    assert desk.said("local", "harvester", "it", "--port", "0").code == Exit.LOCKED
    assert parameters.read("tokens/it") == "of-the-run-that-goes-on"


def test_where_it_cannot_be_kept_the_harvest_goes_on_and_says_so(desk: Desk) -> None:
    said = desk.said("local", "harvester", "it", "--port", "0", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert said.code == Exit.OK, said
    assert "Tweets: 20." in said.out
    told = [line for line in said.err.splitlines() if "The status cannot be requested" in line]
    assert len(told) == 1
    assert "cannot be reached" in told[0]
