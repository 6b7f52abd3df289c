"""The page about a spreadsheet of keywords, typed from top to bottom, with 352 of them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_quickstart import as_pattern, steps_of
from tests.support.cli_session import Person, at_a_terminal, until

pytestmark = pytest.mark.system

_ROOT = Path(__file__).resolve().parents[2]
_SEEN = ("library", "museum", "election", "storm", "archives")


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """With a sheet as spreadsheets save it, in which one row is repeated and one says nothing."""
    desk = tmp_path / "desk"
    desk.mkdir()
    rows = [*_SEEN, *(f"harbour {number}" for number in range(345)), '"!?"', _SEEN[0]]
    sheet = "\r\n".join(["value;note", *(f"{row};row {number}" for number, row in enumerate(rows)), ""])
    (desk / "keywords.csv").write_text(sheet, encoding="utf-8-sig", newline="")
    options = {"users": 50, "stream_rate": "50", "rule_delay": 0}
    with at_a_terminal(desk, monkeypatch, **options) as (person, _):
        yield person


def test_every_command_of_the_page_about_keywords_answers_as_it_says(person: Person) -> None:
    typed = 0
    for command, words, expected in steps_of("keywords.md"):
        if "check" in words:
            count = {**person.file["filter"], "count_rules": True}
            person.write({**person.file, "filter": count})
        if "--rules" in words:
            until(lambda: min(_counted(person)) > 20)
        if "|" in words:
            _require_piped(person, words[2 : words.index("|")], words[words.index("|") + 1 :])
        else:
            told = person(*words[2:])
            assert told.code == (3 if "import-rules" in words else 0), told
            assert re.fullmatch(as_pattern(expected), told.out.strip()), (command, told.out)
        typed += 1
    assert typed == 10


def _counted(person: Person) -> tuple[int, int]:
    """How many posts matched, and how many of them are on disk."""
    told = person("harvest", "running", "words", "--json")
    summary = json.loads(told.out) if told.code == 0 else {}
    counts = summary.get("rule_counts")
    return (counts["all"]["total"], summary["tweets"]) if counts else (0, 0)


def _require_piped(person: Person, command: list[str], reader: list[str]) -> None:
    """The posts of the sink, one a line, as the reader takes them where it is installed."""
    door = [sys.executable, str(_ROOT / "twarc_cloud.py"), *command]
    sent = subprocess.run(door, cwd=person.folder, capture_output=True, env=os.environ, timeout=120)
    assert sent.returncode == 0, sent.stderr
    texts = [json.loads(line)["data"]["text"] for line in sent.stdout.splitlines()]
    assert len(texts) > 20
    if shutil.which(reader[0]) is None:
        return
    read = subprocess.run(reader, input=sent.stdout, capture_output=True, timeout=120)
    assert read.returncode == 0, read.stderr
    assert read.stdout.decode() == "".join(f"{text}\n" for text in texts)
