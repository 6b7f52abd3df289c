"""Who waits for AWS hears for what; who waits for a moment hears nothing."""

import pytest

from harvester.commands.cli.wait_notice import Waiting


def test_a_long_wait_is_told_when_it_changes_and_twice_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting()
    for seconds in range(50):
        waiting("museums", "PENDING" if seconds < 45 else "RUNNING", float(seconds))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "Waiting for museums: PENDING, 10 s so far.",
        "Waiting for museums: PENDING, 40 s so far.",
        "Waiting for museums: RUNNING, 45 s so far.",
    ]


def test_a_second_wait_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting()
    for seconds in (0.0, 40.0, 0.0, 12.0):
        waiting("museums", "PENDING", seconds)
    assert len(capsys.readouterr().err.splitlines()) == 2
