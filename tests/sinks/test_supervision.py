"""The sinks of a harvest run beside it: they are started again, killed when they hang, and end with it."""

from pathlib import Path

from harvester.clock import Clock, Stop, SystemClock, timestamp
from harvester.sinks.status_file import status_path, statuses, write_status
from harvester.sinks.supervision import Supervision
from tests.support.harvest_stage import until
from tests.support.stores import HandClock

_TREE = {"id": "s", "sinks": [{"type": "stdout"}]}


class _Pauses(HandClock):
    """Only pauses between two starts are skipped; a process has the time that it takes."""

    def wait(self, stop: Stop, seconds: float) -> bool:
        return super().wait(stop, seconds) if seconds > 0.2 else stop.wait(0.005)


def _supervised(folder: Path, script: str, clock: Clock) -> Supervision:
    def command(name: str) -> list[str]:
        return ["sh", "-c", f"cd {folder}; echo {name} >> starts; {script}"]

    return Supervision(command, folder / "work", collection_id="s", clock=clock)


def _starts(folder: Path) -> int:
    path = folder / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_one_that_ends_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    clock = _Pauses()
    with _supervised(tmp_path, "exit 3", clock) as sinks:
        sinks.begin(_TREE)
        until(lambda: _starts(tmp_path) >= 10)
    pauses = clock.waits
    assert pauses[0] <= 1.0 and 30.0 <= max(pauses) <= 60.0
    assert (tmp_path / "starts").read_text().splitlines()[0] == "stdout"


def test_one_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    with _supervised(tmp_path, "exec sleep 1000", HandClock()) as sinks:
        sinks.begin(_TREE)
        until(lambda: _starts(tmp_path) >= 3)


def test_when_the_harvest_is_over_it_delivers_the_rest_and_ends(tmp_path: Path) -> None:
    with _supervised(tmp_path, "cat; echo done > rest", SystemClock()) as sinks:
        sinks.begin(_TREE)
        until(lambda: _starts(tmp_path))
        assert not (tmp_path / "rest").exists()
    assert (tmp_path / "rest").read_text() == "done\n"
    assert _starts(tmp_path) == 1


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with _supervised(tmp_path, "exec sleep 1000 < /dev/null", HandClock()) as sinks:
        sinks.begin(_TREE)
        until(lambda: _starts(tmp_path))


def test_a_collection_without_sinks_starts_nothing(tmp_path: Path) -> None:
    with _supervised(tmp_path, "true", HandClock()) as sinks:
        sinks.begin({"id": "s"})
        assert list(sinks.statuses()) == []
    assert not (tmp_path / "work").exists()


def test_what_a_sink_says_is_read_with_its_age(tmp_path: Path) -> None:
    clock = _Pauses()
    with _supervised(tmp_path, "exec cat", clock) as sinks:
        sinks.begin(_TREE)
        until(lambda: _starts(tmp_path))
        path = status_path(tmp_path / "work", "stdout")
        write_status(path, {"lag_records": 7}, now=clock.now())
        (status,) = sinks.statuses()
        assert (status["name"], status["lag_records"], status["age"] >= 0) == ("stdout", 7, True)
        write_status(status_path(tmp_path / "work", "of-another-time"), {}, now=clock.now())
        assert len(sinks.statuses()) == 1
        path.write_bytes(b"{")
        assert sinks.statuses() == []
    assert not path.exists()


def test_a_status_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    clock = HandClock()
    write_status(tmp_path / "none" / "sink-x.json", {}, now=clock.now())
    assert statuses(tmp_path / "none") == []
    write_status(tmp_path / "sink-x.json", {"a": 1}, now=clock.now())
    assert [each["updated"] for each in statuses(tmp_path)] == [timestamp(clock.now())]
