"""One container carries several streams, and what happens to one is none of the others' business."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import emulator
from harvester.clock import timestamp
from harvester.errors import Exit
from tests.support.container_process import Desk, Watched
from tests.support.harvest_stage import until

pytestmark = pytest.mark.system

# To the emulator they are one token, and to the harvester those of three apps.
_TOKENS = {"a": "emulator-bearer", "b": "emulator%2Dbearer", "c": "%65mulator-bearer"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """With the streams `a` and `b`, and `c`, which has spent its budget after twenty posts."""
    profiles = "".join(f"[{name}]\nbearer_token = {token}\n" for name, token in _TOKENS.items())
    (tmp_path / ".twarc").write_text(profiles)
    since = timestamp(datetime.now(UTC))
    of_a_task = {
        "TWARC_CLOUD_SERVICE_SINCE": since,
        "TWARC_CLOUD_TASK": json.dumps({"cpu": 256, "streams": list(_TOKENS)}),
        "TWARC_CLOUD_CHECKPOINT_SECONDS": "0.5",
        "TWARC_CLOUD_HEARTBEAT": str(tmp_path / "heartbeat"),
        "HOME": str(tmp_path),
        "BEARER_TOKEN": "",
    }
    with emulator.running(stream_rate="50", connections=3, limits=False) as emulated:
        made = Desk(tmp_path, emulated.url, of_a_task)
        for name in _TOKENS:
            tree = {"id": name, "type": "filter", "filter": {"track": "flood"}, "keys": {"profile": name}}
            made.put(name, tree)
        made.put("c", {**tree, "budget_usd": 0.1})
        yield made


def _process(going: Watched, name: str, *, times: int = 1) -> int:
    """The process that was started for a stream as the `times`th."""
    said = f" {name}: started process "

    def found() -> list[str]:
        return [line for line in list(going.log) if said in line]

    until(lambda: len(found()) >= times)
    return int(found()[times - 1].rstrip(".\n").rpartition(" ")[2])


def _tweets(desk: Desk, name: str) -> int:
    """How many posts its newest harvest has in its last checkpoint."""
    summaries = desk.summaries(name)
    return int(summaries[-1]["tweets"]) if summaries else 0


def _collects(desk: Desk, name: str) -> None:
    before = _tweets(desk, name)
    until(lambda: _tweets(desk, name) > before)


def _outcomes(desk: Desk, name: str) -> list[tuple[str, str]]:
    return [(summary["state"], summary["reason"]) for summary in desk.summaries(name)]


def test_each_stream_dies_is_stopped_and_ends_without_the_others(desk: Desk) -> None:
    with desk.watched("local", "harvester", *_TOKENS) as going:
        first = {name: _process(going, name) for name in _TOKENS}
        going.log_until(" c: the stream is over.")
        _collects(desk, "a")
        os.kill(first["a"], signal.SIGKILL)
        going.log_until(" a: the harvest ended with signal 9; starting again in 1 s.")
        second = _process(going, "a", times=2)
        until(lambda: len(desk.summaries("a")) == 2)
        _collects(desk, "a")
        (desk.folder / "collections/b/stop.json").write_text("{}")
        going.log_until(" b: the stream is over.")
        _collects(desk, "a")
        going.process.send_signal(signal.SIGTERM)
        said = going.ended()
    assert said.code == Exit.TERMINATED
    assert {first["b"], first["c"]}.isdisjoint({second})
    for line in said.err.splitlines():
        assert line.startswith(("a | ", "b | ", "c | ")) or line.split(maxsplit=3)[2] in ("a:", "b:", "c:"), (
            line
        )
    assert "c | c => stopped. Harvest timestamp: " in said.err
    assert _outcomes(desk, "a") == [
        ("interrupted", "the harvest died and was finished by the next one"),
        ("stopped", "SIGTERM"),
    ]
    assert _outcomes(desk, "b") == [("stopped", "a stop was requested")]
    ((state, reason),) = _outcomes(desk, "c")
    assert (state, "budget" in reason, desk.summaries("c")[0]["limit"]) == ("stopped", True, "budget")
    assert [gap["reason"] for gap in desk.summaries("a")[1]["gaps"]] == ["the harvest before died"]
    assert [summary["gaps"] for name in "bc" for summary in desk.summaries(name)] == [[], []]
    assert desk.summaries("a")[1]["task"]["streams"] == ["a", "b", "c"]
    assert {path.name for path in desk.folder.glob("heartbeat*")} == {
        "heartbeat",
        *(f"heartbeat-{name}" for name in _TOKENS),
    }


def test_a_task_that_is_started_again_leaves_out_what_is_over_and_ends_with_the_last(desk: Desk) -> None:
    options = ("--temp", "work", "--tweets-per-file", "10")
    with desk.watched("local", "harvester", "b", "c", *options) as going:
        going.log_until(" c: the stream is over.")
        _collects(desk, "b")
        going.process.send_signal(signal.SIGTERM)
        going.ended()
    with desk.watched("local", "harvester", "b", "c", *options) as going:
        going.log_until(" c: the stream was stopped or has ended, and is not started.")
        until(lambda: len(desk.summaries("b")) == 2)
        _collects(desk, "b")
        (desk.folder / "collections/b/stop.json").write_text("{}")
        said = going.ended()
    assert said.code == Exit.OK
    assert [len(desk.summaries(name)) for name in "bc"] == [2, 1]
    # Each was given the options of all.
    assert (desk.folder / "work").is_dir() and not (desk.folder / "temp").exists()
    assert desk.summaries("c")[0]["files"] >= 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["a", "a"], Exit.USAGE, "a is named twice."),
        (["a", "b", "--port", "0"], Exit.USAGE, "--port serves the status of one collection."),
        (["a", "no such"], Exit.USAGE, "Id contains spaces."),
        (["a", "none"], Exit.NO_COLLECTION, "no collection none"),
    ],
)
def test_what_cannot_run_side_by_side_is_refused(
    arguments: list[str], code: Exit, told: str, tmp_path: Path
) -> None:
    desk = Desk(tmp_path)
    desk.put("a", {"id": "a", "type": "filter", "filter": {"track": "flood"}})
    desk.put("b", {"id": "b", "type": "filter", "filter": {"track": "flood"}})
    said = desk.said("local", "harvester", *arguments)
    assert (said.code, told in said.answer) == (code, True), said
