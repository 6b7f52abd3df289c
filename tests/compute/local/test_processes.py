"""A process is known to live as long as it does, and not a moment longer, whatever becomes of its number."""

import fcntl
import os
import resource
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from harvester.clock import Stop
from harvester.compute.local import logs
from harvester.compute.local.processes import Slot, changed, read_note, write_note
from harvester.errors import Conflict, HarvesterError

_WAITS = [sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read(); input()"]
_SLEEPS = [sys.executable, "-S", "-c", "import signal; print('ready', flush=True); signal.pause()"]


def _start(slot: Slot, folder: Path, command: list[str]):  # type: ignore[no-untyped-def]
    return slot.start(command, log=folder / "a.log", note={"token": "t"}, environment={})


def test_a_process_lives_until_it_is_killed_and_its_place_is_free_again(tmp_path: Path) -> None:
    slot = Slot(tmp_path, "harvest")
    assert not slot.is_alive
    for _ in range(3):
        process = _start(slot, tmp_path, _SLEEPS)
        assert slot.is_alive
        assert slot.note == {"token": "t", "process": process.pid, "log": str(tmp_path / "a.log")}
        with pytest.raises(Conflict):
            _start(slot, tmp_path, _SLEEPS)
        slot.signal(signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL
        assert not slot.is_alive


def test_who_looks_whether_a_process_lives_keeps_none_from_starting(tmp_path: Path) -> None:
    slot = Slot(tmp_path, "harvest")
    with slot.held():
        pass

    def take() -> None:
        with slot.held():
            pass

    with ThreadPoolExecutor() as pool, (tmp_path / "harvest.lock").open("rb") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        assert not slot.is_alive, "two who look take each other for the process"
        taker = pool.submit(take)
        wait((taker,), timeout=0.2)
        fcntl.flock(looker, fcntl.LOCK_UN)
        taker.result()


def test_a_process_that_ends_by_itself_is_not_taken_for_another_of_its_number(tmp_path: Path) -> None:
    slot = Slot(tmp_path, "harvest")
    process = _start(slot, tmp_path, _WAITS)
    assert process.wait(timeout=60) == 1
    assert not slot.is_alive
    bystander = _start(Slot(tmp_path, "other"), tmp_path, _SLEEPS)
    try:
        write_note(tmp_path / "harvest.json", {"process": bystander.pid})
        slot.signal(signal.SIGKILL)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_the_notes_of_a_process_are_its_owners_alone(tmp_path: Path) -> None:
    process = _start(slot := Slot(tmp_path / "runs", "harvest"), tmp_path, _SLEEPS)
    try:
        assert slot.is_alive
        assert (tmp_path / "runs/harvest.json").stat().st_mode & 0o077 == 0
        assert (tmp_path / "runs").stat().st_mode & 0o077 == 0
    finally:
        process.kill()
        process.wait()


def test_a_command_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError, match="Cannot start a process"):
        _start(Slot(tmp_path, "harvest"), tmp_path, [str(tmp_path / "nothing")])


def test_a_process_that_cannot_be_noted_does_not_continue(tmp_path: Path) -> None:
    slot, before = Slot(tmp_path, "harvest"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(HarvesterError, match="Cannot start a process"):
            _start(slot, tmp_path, _SLEEPS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not slot.is_alive, "a process runs that no command can stop"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "harvest.lock"]


def test_a_note_survives_a_power_cut_once_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, synced, sync = tmp_path / "a.json", list[tuple[int, int, bool]](), os.fsync

    def fsync(file: int) -> None:
        found = os.fstat(file)
        synced.append((found.st_ino, found.st_size, note.exists()))
        sync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    write_note(note, {"x": 1})
    there, folder = note.stat(), tmp_path.stat()
    # Its bytes before it has its name, and then its name.
    assert synced == [(there.st_ino, there.st_size, False), (folder.st_ino, folder.st_size, True)]


def test_a_note_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    for content in ("", "{", "[]", "\0"):
        (tmp_path / "a.json").write_text(content)
        assert read_note(tmp_path / "a.json") == {}
    with changed(tmp_path / "a.json", lambda: read_note(tmp_path / "a.json")) as note:
        note["x"] = 1
    assert read_note(tmp_path / "a.json") == {"x": 1}


def test_a_note_that_is_not_understood_is_not_changed(tmp_path: Path) -> None:
    def read() -> dict[str, Any]:
        raise HarvesterError("It is damaged.")

    (tmp_path / "a.json").write_text("garbage")
    with pytest.raises(HarvesterError, match="It is damaged"), changed(tmp_path / "a.json", read) as note:
        note["x"] = 1
    assert (tmp_path / "a.json").read_text() == "garbage"


def test_a_log_is_followed_to_its_very_end(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("one\ntwo\nthree\n")
    more = iter(["fo", "ur\nfi", "ve", ""])

    def is_running() -> bool:
        text = next(more)
        with log.open("a") as file:
            file.write(text)
        return bool(text)

    assert list(logs.tail(log, lines=2, is_running=is_running, stop=Stop())) == [
        "two",
        "three",
        "four",
        "five",
    ]


@pytest.mark.parametrize(
    ("lines", "begun", "shown"),
    [
        (0, "", ["more"]),
        (0, "cu", ["cut", "more"]),
        (1, "cu", ["cut", "more"]),
        (2, "cu", ["two", "cut", "more"]),
    ],
)
def test_a_log_is_shown_from_its_last_lines_on(
    tmp_path: Path, lines: int, begun: str, shown: list[str]
) -> None:
    log = tmp_path / "a.log"
    log.write_text(f"one\ntwo\n{begun}")
    more = iter(["t\nmore\n" if begun else "more\n", ""])

    def is_running() -> bool:
        text = next(more)
        with log.open("a") as file:
            file.write(text)
        return bool(text)

    assert list(logs.tail(log, lines=lines, is_running=is_running, stop=Stop())) == shown


def test_the_last_words_of_a_process_are_those_after_its_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("2026-11-23T08:00:00 INFO Status on x\nThe keys are refused.\nCheck them.\n")
    assert logs.last_words(log) == "The keys are refused.\nCheck them."
    assert logs.last_words(tmp_path / "none.log") == ""


def test_the_last_words_of_a_log_in_json_are_its_error(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    said = '{"time": "2026-11-26T09:40:14.000+00:00", "level": "%s", "message": "%s"}\n'
    log.write_text(said % ("INFO", "collecting") + said % ("ERROR", "The keys are refused."))
    assert logs.last_words(log) == "The keys are refused."
    log.write_text(said % ("ERROR", "once") + said % ("INFO", "collecting"))
    assert logs.last_words(log) == ""


def test_old_logs_make_room(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    start = datetime(2026, 11, 23, tzinfo=UTC)
    for number in range(60):
        logs.new(tmp_path, start + timedelta(seconds=number)).write_text(str(number))
    kept = sorted(path.read_text() for path in tmp_path.glob("*.log"))
    assert len(kept) == 50
    newest = logs.newest(tmp_path)
    assert newest is not None
    assert newest.read_text() == "59"
