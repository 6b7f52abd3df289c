"""A stop from any state ends the harvest in seconds, with all that had arrived stored; real processes."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.errors import Exit
from harvester.store.folder import FolderStore
from tests.support.container_process import Desk, Watched
from tests.support.harvest_stage import MovableClock, Stage, came_about, until
from tests.support.s3_gate import OPEN, SHUT, gate
from tests.support.servers import Bucket

pytestmark = pytest.mark.system

_WITHIN = 20.0
_SEARCH: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}
_STREAM: dict[str, Any] = {"id": "it", "type": "filter", "filter": {"track": "flood"}}
_TIMELINES: dict[str, Any] = {"id": "it", "type": "user_timeline", "users": {"10000019": {}, "10000116": {}}}


@dataclass(frozen=True)
class State:
    """Where a harvest is when it is stopped: how it gets there, and how the test sees that it is there."""

    collection: Mapping[str, Any]
    options: Mapping[str, Any]
    script: tuple[Mapping[str, Any], ...] = ()
    activity: str = "collecting"


_PAGES = {"search_posts": 30_000, "latency": 150}
_STATES = {
    "reading a search": State(_SEARCH, _PAGES),
    "reading timelines": State(_TIMELINES, {"users": 2, "posts_per_user": 3000, "latency": 150}),
    "reading a stream": State(_STREAM, {"stream_rate": "100"}),
    "waiting for the rate limit": State(
        _SEARCH,
        _PAGES,
        ({"on": "GET /2/tweets/search/recent", "when": {"nth": 3}, "do": "rate-limit"},),
        "waiting 9",
    ),
    "waiting for a page that stalls": State(
        _SEARCH,
        _PAGES,
        ({"on": "GET /2/tweets/search/recent", "when": {"nth": 3}, "do": "stall", "seconds": 60},),
    ),
    "waiting for X to come back": State(
        _SEARCH,
        _PAGES,
        ({"on": "GET /2/tweets/search/recent", "when": {"from": 3}, "do": "unavailable"},),
        "X does not answer",
    ),
    "reading a stream that is silent": State(
        _STREAM,
        {"stream_rate": "100"},
        ({"on": "GET /2/tweets/search/stream", "do": "stall", "after_posts": 50},),
    ),
    "waiting for a stream to come back": State(
        _STREAM,
        {"stream_rate": "100"},
        (
            {"on": "GET /2/tweets/search/stream", "when": {"nth": 1}, "do": "close", "after_posts": 50},
            {"on": "GET /2/tweets/search/stream", "when": {"from": 2}, "do": "unavailable"},
        ),
        "no stream: ",
    ),
}
_STOPS: dict[str, tuple[Callable[[Watched, Desk], object], int, str]] = {
    "SIGTERM": (lambda going, _: going.process.send_signal(signal.SIGTERM), Exit.TERMINATED, "SIGTERM"),
    "SIGINT": (lambda going, _: going.process.send_signal(signal.SIGINT), Exit.INTERRUPTED, "SIGINT"),
    "POST /stop": (lambda going, _: going.post("/stop"), Exit.OK, "a stop was requested"),
    "stop.json": (
        lambda _, desk: (desk.folder / "collections" / "it" / "stop.json").write_text("{}"),
        Exit.OK,
        "a stop was requested",
    ),
}
_EVERY_WAY = ("reading a search", "waiting for the rate limit", "reading a stream that is silent")
_RUNS = [(state, stop) for state in _STATES for stop in _STOPS if state in _EVERY_WAY or stop == "SIGTERM"]


@contextmanager
def _in_state(state: State, desk: Desk) -> Iterator[tuple[Watched, emulator.Control]]:
    """A harvest that runs and has got there, with posts behind it."""
    with emulator.running(**state.options) as emulated:
        emulated.control.faults(state.script)
        desk.url = emulated.url
        desk.put("it", state.collection)
        desk.environment |= {"TWARC_CLOUD_X_PATIENCE": "900", "TWARC_CLOUD_STOP_POLL_SECONDS": "1"}
        with desk.watched("local", "harvester", "it", "--port", "0") as going:
            until(lambda: _is_there(going, emulated.control, state), within=60)
            yield going, emulated.control


def _is_there(going: Watched, control: emulator.Control, state: State) -> bool:
    told = going.get("/status")
    return told["tweets"] >= 50 and state.activity in told["activity"] and all(control.fired())


def _stored(desk: Desk, control: emulator.Control) -> list[str]:
    stage = Stage(
        emulator.Emulated(control.url, control),
        FolderStore(desk.folder / "collections"),
        desk.folder / "temp" / "local",
        MovableClock(control),
    )
    stage.require_tidy("it")
    return [post for post, times in stage.stored("it").items() for _ in range(times)]


@pytest.mark.parametrize(("state", "stop"), _RUNS, ids=lambda value: value)
def test_a_stop_is_quick_and_clean(state: str, stop: str, tmp_path: Path) -> None:
    """D-09: a wait for the rate limit heard no stop, and what was open was lost with the process."""
    desk = Desk(tmp_path)
    ask, code, reason = _STOPS[stop]
    with _in_state(_STATES[state], desk) as (going, control):
        asked = time.monotonic()
        ask(going, desk)
        said = going.ended()
        seconds = time.monotonic() - asked
        _tell(state, stop, seconds)
        assert seconds < _WITHIN
        assert said.code == code, said
        assert f"it => stopped ({reason})." in said.out
        summary = desk.summaries("it")[0]
        assert (summary["state"], summary["reason"], summary["exit_code"]) == ("stopped", reason, code)
        _require_all_that_came(_stored(desk, control), _STATES[state], control)


def _require_all_that_came(stored: list[str], state: State, control: emulator.Control) -> None:
    """Whole pages or a stream's beginning, without holes; only what was on its way may be missing."""
    assert len(stored) == len(set(stored)) >= 50
    if state.collection["type"] == "filter":
        told = control.stream()
        written = [post for post, times in zip(told["ids"], told["written"], strict=True) if times]
        assert stored == written[: len(stored)]
        return
    served = control.truth(detail=True)["served"]
    handed = set(served["search"]) | {post for user in served["timelines"].values() for post in user}
    assert set(stored) <= handed
    assert len(handed - set(stored)) <= 100 * len(state.collection.get("users", "1"))


def test_a_stop_while_an_upload_is_retried_stores_all_once_the_store_is_back(
    tmp_path: Path, s3: Bucket
) -> None:
    with _retrying(tmp_path, s3) as (going, way):
        asked = time.monotonic()
        going.process.send_signal(signal.SIGTERM)
        assert not came_about(lambda: going.process.poll() is not None, within=1.0)
        way.set(OPEN)
        said = going.ended()
        _tell("retrying an upload to a store that comes back after 1 s", "SIGTERM", time.monotonic() - asked)
        assert time.monotonic() - asked < _WITHIN
        assert said.code == Exit.TERMINATED, said
        assert "it => stopped (SIGTERM)." in said.out


def test_a_stop_while_the_store_stays_away_keeps_all_for_the_next_start(tmp_path: Path, s3: Bucket) -> None:
    with _retrying(tmp_path, s3) as (going, way):
        asked = time.monotonic()
        going.process.send_signal(signal.SIGTERM)
        said = going.ended()
        _tell("retrying an upload to a store that stays away", "SIGTERM", time.monotonic() - asked)
        assert time.monotonic() - asked < _WITHIN
        assert said.code == Exit.ERROR
        assert "for the next start" in said.answer
        assert "Traceback" not in said.err
        assert list((tmp_path / "temp" / s3.name / "it").glob("*/tweets-*.gz"))


def _tell(state: str, stop: str, seconds: float) -> None:
    """For `pytest -s`: the rows of the table of stops in docs/when-it-goes-wrong.md."""
    sys.stdout.write(f"\n| {state} | {stop} | {seconds:.1f} |")


@contextmanager
def _retrying(folder: Path, s3: Bucket) -> Iterator[tuple[Watched, Any]]:
    """A harvest on S3 that has lost its way there, and retries."""
    desk = Desk(folder)
    with emulator.running(stream_rate="100") as emulated, gate(s3.server.endpoint) as way:
        desk.url = emulated.url
        desk.put("it", _STREAM)
        s3.server.client().upload_file(
            str(folder / "collections/it/collection.json"), s3.name, "collections/it/collection.json"
        )
        s3.known_at(way.url)
        desk.environment |= {**s3.server.environment, "AWS_ENDPOINT_URL": way.url}
        desk.environment |= {"TWARC_CLOUD_LOCK_SECONDS": "600", "TWARC_CLOUD_TOKEN": "of-the-test"}
        command = ("aws", "harvester", s3.name, "it", "--port", "0", "--host", "127.0.0.1")
        with desk.watched(*command, "--tweets-per-file", "50") as going:
            until(lambda: going.get("/status", token="of-the-test")["tweets"] >= 50, within=60)
            way.set(SHUT)
            until(lambda: "retrying" in going.get("/status", token="of-the-test")["activity"], within=60)
            yield going, way
