"""What others wrote is shown and does nothing: no terminal is moved, no line of a log is forged."""

import errno
import io
import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.collection import history
from harvester.commands import run
from harvester.commands.cli.terminal import PrintableFormatter
from harvester.errors import Terminated
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.text import printable, printable_lines
from tests.support.cli_session import Person
from tests.support.scripted_x import Reply, Request, scripted

_DOORS = Path(__file__).resolve().parents[2]
# The clipboard, the window's title, hidden text, a line of its own, the line above, text from right to left.
_HOSTILE = (
    "a\x1b]52;c;ZXZpbA==\x07 \x1b]0;title\x07 \x1b[8m \r\nFORGED 2026-11-26 INFO complete\n"
    "FORGED\r \x9b2J \u202eevil\u2028FORGED \u200bz \ud83d \x00 \U0001f525"
)


def _is_harmless(text: str) -> bool:
    return printable_lines(text) == text and not any(line.startswith("FORGED") for line in text.splitlines())


@given(st.text())
def test_what_is_printable_is_one_line_that_says_the_same(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
    assert shown == text or "\\" in shown
    assert printable_lines(text).count("\n") == text.count("\n")


@pytest.mark.parametrize("text", ["Überraschung", "日本語", "👩‍🚀 🏳️‍🌈", "می‌خواهم", "a\u00a0b", "«»", ""])
def test_letters_of_all_scripts_and_emoji_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


@given(st.text(), st.text())
def test_a_record_of_the_log_is_one_line_and_its_traceback_is_set_in(message: str, inner: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", (message,), None)
    try:
        raise ValueError(inner)
    except ValueError:
        record.exc_info = sys.exc_info()
    first, *rest = PrintableFormatter("%(levelname)s %(message)s").format(record).split("\n")
    assert first == f"INFO {printable(message)}"
    assert all(line.startswith("  ") and printable(line) == line for line in rest)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A store with a collection and a harvest that somebody else filled."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEARER_TOKEN", "AAAA")
    store, keys = FolderStore(tmp_path / "collections"), CollectionKeys("sci")
    text = _HOSTILE.replace("\ud83d", "")
    tree = {"id": "sci", "type": "search", "title": text, "search": {"query": text}}
    history.add(store, keys, tree)
    here = keys.harvest(datetime(2026, 11, 23, tzinfo=UTC))
    record = {
        "collection_id": "sci",
        "harvest_timestamp": "2026-11-23T00:00:00.000000+00:00",
        "exit_code": 4,
        "state": "failed",
        "reason": text,
        "hint": text,
        "harvest_id": "2026-11-23T00:00:00.000000+00:00",
        "tweets": 1,
        "files": 1,
        "file_bytes": 1,
        "gaps": [{"from": text, "to": text, "reason": text}],
        "billed": {},
        "counts": {},
        "activity": text,
        "folder": here.folder,
        "host": text,
    }
    data = json.dumps(record).encode()
    store.create(here.harvest, data)
    store.create(keys.last_harvest, data)
    change = {"user_id": text, "screen_name": text, "change": text, "error": text, "deleted": True}
    store.create(here.file("user_changes.json"), json.dumps([change]).encode())
    (tmp_path / "collections/sci/\x1b]0;x\x07.json").write_text("{}")
    (tmp_path / "collections/ev\x1b[8mil").mkdir()
    (tmp_path / "collections/ev\x1b[8mil/collection.json").write_text(json.dumps({**tree, "id": text}))
    (tmp_path / "collection.json").write_text(json.dumps({**tree, text: text, "users": {text: {}}}))
    (tmp_path / "names.txt").write_text(text)
    return Person(tmp_path)


_COMMANDS = (
    *("collection list", "collection list --long", "collection verify sci --all", "collection download sci"),
    *("collection-config changes sci", "collection-config check", "collection-config check sci"),
    *("collection-config update", "collection-config userid-files names.txt", "collection add --dry-run"),
    *("harvest list", "harvest last sci", "harvest history sci", "harvest running sci", "settings"),
    *("collection scheduled", "collection cost sci", "doctor", "collection copy sci other"),
)


@pytest.mark.parametrize("charset", ["utf-8", "cp1252", "iso8859_2", "ascii"])
def test_no_command_lets_others_move_the_terminal_or_forge_a_line(charset: str, desk: Person) -> None:
    for words in _COMMANDS:
        told = desk(*words.split(), charset=charset)
        assert _is_harmless(told.words), (words, told)
        assert "Unexpected" not in told.words, (words, told)


def test_json_is_for_programs_and_says_all(desk: Person) -> None:
    told = json.loads(desk.output("harvest", "last", "sci", "--json"))
    assert told["activity"] == _HOSTILE.replace("\ud83d", "")


@pytest.mark.parametrize("status", [400, 401, 403, 503])
def test_what_x_says_is_printable_on_every_stream(
    status: int, desk: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(_: Request) -> Reply:
        error = {"title": _HOSTILE, "detail": _HOSTILE, "errors": [{"message": _HOSTILE}]}
        return Reply(status, json.dumps(error).encode())

    monkeypatch.setenv("TWARC_CLOUD_X_PATIENCE", "0.1")
    (tmp_path / "collections/sci/last_harvest.json").unlink()
    with scripted(refused) as x:
        monkeypatch.setenv("X_API_URL", x.url)
        told = desk.harvester("local", "harvester", "sci")
    assert told.code != 0
    assert _is_harmless(told.words), told
    assert _is_harmless(desk("harvest", "last", "sci").words)


def test_the_meter_may_move_the_cursor_and_what_it_shows_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from harvester.commands.cli.progress_meter import meter
    from tests.support.scripted_x import HandClock

    class Screen(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    held = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", Screen(held, encoding="cp1252", errors="strict"))

    @click.command()
    def command() -> None:
        clock = HandClock()
        with meter("auto", clock=clock) as show:
            clock.advance(1)
            show(_HOSTILE)

    assert run(command, []) == 0
    assert held.getvalue().startswith(b"\r\x1b[Ka\\x1b]52")
    assert held.getvalue().endswith(b"\r\x1b[K")


def test_an_error_that_nobody_foresaw_is_a_line_without_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def command() -> None:
        raise KeyError("secret")

    assert run(command, []) == 1
    assert capsys.readouterr().err.startswith("Unexpected KeyError")


def test_an_output_that_is_closed_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def command() -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    # As Python has it where standard output is closed.
    monkeypatch.setattr(sys, "stdout", None)
    assert run(command, []) == 1
    assert capsys.readouterr().err == "The output cannot be used: Bad file descriptor.\n"


class _Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("form", ["", "bar", "none"])
@pytest.mark.parametrize("terminal", [io.StringIO, _Gone])
def test_the_exit_code_tells_the_signal_also_beside_a_meter_and_without_a_terminal(
    terminal: type[io.StringIO], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harvester.commands.cli.progress_meter import meter

    @click.command()
    @click.argument("number", type=int)
    def command(number: int) -> None:
        with meter(form) if form else nullcontext():
            raise Terminated(number)

    monkeypatch.setattr(sys, "stderr", terminal())
    for number in (signal.SIGTERM, signal.SIGHUP):
        assert run(command, [str(int(number))]) == 128 + number


def _interrupted(*words: str, imports: int, folder: Path) -> tuple[int, str]:
    """Ctrl-C comes after `imports` modules were imported since the first of ours."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", str(_DOORS / words[0]), *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_DOORS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    printed: list[str] = []
    began: int | None = None
    for number, line in enumerate(process.stderr):
        printed.append(line)
        if line.rstrip().endswith("harvester.startup"):
            began = number
        if began is not None and number == began + imports:
            process.send_signal(signal.SIGINT)
    process.wait(60)
    assert began is not None, printed
    return process.returncode, "".join(line for line in printed if not line.startswith("import time:"))


@pytest.mark.parametrize("imports", [1, 10, 30, 60])
def test_ctrl_c_while_a_command_begins_is_a_line(imports: int, tmp_path: Path) -> None:
    code, err = _interrupted("twarc_cloud.py", "collection", "list", imports=imports, folder=tmp_path)

    assert (code, err) == (130, "Interrupted.\n")
