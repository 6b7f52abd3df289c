"""The examples of docs/dashboard.md are typed: each opens the dashboard, or writes a report."""

import http.client
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.cli_session import Person
from tests.support.dashboard_world import made_up

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")
_TYPED = [shlex.split(each) for each in re.findall(r"^\$ python twarc_cloud\.py (.*)$", _PAGE, re.MULTILINE)]

_REPORTS = [words for words in _TYPED if words[0] == "report" and words[1] != "publish"]


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    made_up(tmp_path / "collections", days=5)
    return Person(tmp_path)


@contextmanager
def _running(folder: Path, words: list[str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(_ROOT / "twarc_cloud.py"), *words]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def test_the_page_has_examples_of_all_its_commands() -> None:
    assert {words[0] for words in _TYPED} == {"dashboard", "report"}


@pytest.mark.system
@pytest.mark.parametrize("words", [each for each in _TYPED if each[0] == "dashboard"], ids=" ".join)
def test_an_example_opens_the_dashboard_until_ctrl_c(person: Person, words: list[str]) -> None:
    here = [each for each in words if each not in ("--bucket", "my-bucket")]
    with _running(person.folder, [*here, "--no-open"]) as process:
        assert process.stdout
        assert "works once" in process.stdout.readline()
        link = urlsplit(process.stdout.readline().strip())
        connection = http.client.HTTPConnection(link.netloc, timeout=30)
        connection.request("GET", f"{link.path}?{link.query}")
        cookie = connection.getresponse().headers["Set-Cookie"].partition(";")[0]
        connection.request("GET", "/c/museums", headers={"Cookie": cookie})
        text = connection.getresponse().read().decode()
        assert "museums" in text and ("<form method" in text) == ("--read-only" not in words)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr and process.stderr.read() == ""


@pytest.mark.parametrize("words", _REPORTS, ids=" ".join)
def test_an_example_writes_a_report(person: Person, words: list[str]) -> None:
    assert person.output(*words) == "Written to museums.html.\n"
    assert "museums" in (person.folder / "museums.html").read_text(encoding="utf-8")
