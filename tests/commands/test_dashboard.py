"""`dashboard` starts where there is a folder to show, and leaves the terminal to its link."""

import socket
import sys
from pathlib import Path

import pytest

from harvester.commands.dashboard import show
from tests.support.cli_session import Person


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    return Person(tmp_path)


def test_a_folder_that_is_not_there_is_said_before_it_listens(person: Person) -> None:
    (person.folder / "README.md").write_text("words")
    for path, words in (
        ("nosuch", "There is no folder nosuch."),
        ("README.md", "README.md is not a folder."),
    ):
        told = person("dashboard", "--no-open", "--collections-path", path)
        assert told.code == 2 and words in told.err and "127.0.0.1" not in told.out


def test_a_port_that_is_taken_is_said_in_words(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = person("dashboard", "--no-open", "--port", str(port))
    assert told.code == 2 and "cannot be used: Address already in use." in told.err


def test_what_the_opener_prints_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/asked\necho none for $1\necho none for $1 >&2\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(sys, "platform", "linux")
    show("http://127.0.0.1:1/?token=x").result(timeout=30)
    assert (tmp_path / "asked").read_text() == "http://127.0.0.1:1/?token=x\n"
    assert capfd.readouterr() == ("", "")
