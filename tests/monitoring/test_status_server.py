"""The status of a harvest over HTTP: who has the token is told, and may stop; all others learn nothing."""

import http.client
import threading
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from harvester.clock import Stop
from harvester.documents import HarvestSummary
from harvester.errors import Exit, HarvesterError
from harvester.monitoring.status_server import Shutdown, served, status_app
from tests.support.harvest_stage import staged, until

_SUMMARY: HarvestSummary = {"collection_id": "it", "tweets": 1252, "files": 2, "activity": "collecting"}
_TOKEN = "of-the-test"
_HEADERS = {"Authorization": f"Bearer {_TOKEN}"}


class _Harvest:
    """What a status server is given of a harvest."""

    def __init__(self, *, token: str) -> None:
        self.stop, self.shutdown, self.over = Stop(), Shutdown(), threading.Event()
        self.app = status_app(
            summary=lambda: _SUMMARY,
            stopped=self.over.is_set,
            stop=self.stop,
            shutdown=self.shutdown,
            token=token,
        )

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()


@pytest.fixture
def harvest() -> _Harvest:
    return _Harvest(token=_TOKEN)


@pytest.mark.parametrize("path", ["/", "/status"])
def test_who_has_the_token_is_told_the_summary(path: str, harvest: _Harvest) -> None:
    answer = harvest.client.get(path, headers=_HEADERS)
    assert (answer.status_code, answer.json) == (200, _SUMMARY)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": _TOKEN}])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/status"), ("GET", "/is_stopped"), ("POST", "/stop"), ("POST", "/shutdown")],
)
def test_all_others_learn_nothing_and_stop_nothing(
    method: str, path: str, headers: dict[str, str], harvest: _Harvest
) -> None:
    """S-03: the counts of a harvest were open to the world."""
    answer = harvest.client.open(path, method=method, headers=headers)
    assert answer.status_code == 401
    assert b"1252" not in answer.data
    assert not harvest.stop.requested


def test_a_token_in_the_address_counts_for_nothing(harvest: _Harvest) -> None:
    """S-04: the secret stood in the address, and so in every log on the way."""
    assert harvest.client.get(f"/?secret_key={_TOKEN}").status_code == 401
    assert harvest.client.post(f"/stop?secret_key={_TOKEN}").status_code == 401


def test_health_is_for_everybody_and_tells_nothing(harvest: _Harvest) -> None:
    answer = harvest.client.get("/health")
    assert (answer.status_code, answer.data) == (200, b"ok")


def test_a_stop_is_heard_and_answered_at_once(harvest: _Harvest) -> None:
    answer = harvest.client.post("/stop", headers=_HEADERS)
    assert (answer.status_code, answer.data) == (200, b"Stopping (but not shutting down) ...")
    assert harvest.stop.requested
    assert not harvest.shutdown.wait(0)
    assert harvest.client.get("/is_stopped", headers=_HEADERS).json is False
    harvest.over.set()
    assert harvest.client.get("/is_stopped", headers=_HEADERS).json is True


def test_a_shutdown_stops_too(harvest: _Harvest) -> None:
    assert harvest.client.post("/shutdown", headers=_HEADERS).status_code == 200
    assert harvest.stop.requested
    assert harvest.shutdown.wait(0)


@pytest.mark.parametrize("path", ["/stop", "/shutdown"])
def test_a_mere_look_changes_nothing_and_says_how_it_is_done(path: str, harvest: _Harvest) -> None:
    answer = harvest.client.get(path, headers=_HEADERS)
    assert answer.status_code == 405
    assert b"curl -X POST" in answer.data
    assert not harvest.stop.requested


def test_without_a_token_loopback_is_answered() -> None:
    assert _Harvest(token="").client.get("/status").json == _SUMMARY


def test_without_a_token_no_other_address_is_served() -> None:
    with (
        pytest.raises(HarvesterError) as refused,
        served(_Harvest(token="").app, host="0.0.0.0", port=0, token=""),
    ):
        pass
    assert refused.value.exit_code == Exit.USAGE


def test_a_port_is_served_and_let_go(harvest: _Harvest) -> None:
    with served(harvest.app, host="127.0.0.1", port=0, token=_TOKEN) as address:
        place = address.removeprefix("http://")
        connection = http.client.HTTPConnection(place, timeout=60)
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b"ok"
        connection.close()
    with served(harvest.app, host="127.0.0.1", port=int(place.split(":")[1]), token=_TOKEN):
        pass


def test_a_running_harvest_is_told_as_it_goes(tmp_path: Path) -> None:
    with staged(tmp_path, users=1) as stage:
        stage.add("it", type="filter", filter={"track": "flood"})
        with stage.harvesting("it") as going:
            until(stage.connected)
            stage.control.publish(stage.accounts[0], count=5, text="flood")
            summary: dict[str, Any] = {}

            def counted() -> bool:
                summary.update(going.summary())
                return summary["tweets"] == 5

            until(counted)
            # The last checkpoint knew nothing of them.
            assert summary["billed"]["posts"] == 5
        assert (summary["state"], summary["activity"], summary["collection_id"]) == (
            "running",
            "collecting",
            "it",
        )
        assert summary["harvest_timestamp"] == going.end.summary["harvest_timestamp"]
        assert going.summary()["state"] == "stopped"


def test_what_a_harvest_waits_for_is_told(tmp_path: Path) -> None:
    with staged(tmp_path, search_posts=250) as stage:
        stage.add("it", type="search", search={"query": "flood"})
        stage.control.faults([{"on": "GET /2/tweets/search/recent", "when": {"nth": 2}, "do": "rate-limit"}])
        told: list[str] = []
        with stage.harvesting("it") as going:
            stage.clock.before_wait = lambda _: told.append(going.summary()["activity"])
            until(lambda: bool(going.ended))
        (waiting,) = [words for words in told if "rate limit tweets/search/recent" in words]
        assert waiting.startswith("waiting ")
        # A window of 15 minutes, of which a busy machine has let a part go by.
        assert 600 < int(waiting.split()[1]) <= 905


def test_metrics_say_of_a_stream_how_it_is() -> None:
    said: HarvestSummary = {**_SUMMARY, "file_bytes": 3, "heartbeat": "QUIET"}
    app = status_app(
        summary=lambda: said, stopped=lambda: False, stop=Stop(), shutdown=Shutdown(), token=_TOKEN
    )
    lines = app.test_client().get("/metrics", headers=_HEADERS).text.splitlines()
    told = [line for line in lines if line.startswith("twarc_cloud_heartbeat{")]
    assert [line.endswith(" 1") for line in told] == ["QUIET" in line for line in told]
    assert len(told) == 5
