"""Progress is told as often as its form asks for, and nothing of it on standard output."""

import json

import pytest

from harvester.commands.cli.progress_meter import meter
from tests.support.stores import HandClock


def _told(form: str, capsys: pytest.CaptureFixture[str], *, seconds: float) -> list[str]:
    clock = HandClock()
    with meter(form, clock=clock) as show:
        for number in range(int(seconds * 2)):
            clock.seconds += 0.5
            show(f"{number} files", files=number)
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


def test_lines_come_every_ten_seconds_also_where_nobody_chose(capsys: pytest.CaptureFixture[str]) -> None:
    assert _told("text", capsys, seconds=31) == ["19 files, 10 s", "39 files, 20 s", "59 files, 30 s"]
    assert len(_told("auto", capsys, seconds=31)) == 3


def test_programs_get_an_object_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in _told("json", capsys, seconds=3)]
    assert lines[0] == {"progress": {"files": 1}, "seconds": 1.0}
    assert len(lines) == 3


def test_a_line_that_changes_is_written_over_and_gone_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # click takes the terminal's codes out where there is no terminal.
    assert _told("bar", capsys, seconds=1.5) == ["", "0 files, 0 s", "1 files, 1 s", "2 files, 2 s"]


def test_none_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert _told("none", capsys, seconds=60) == []
