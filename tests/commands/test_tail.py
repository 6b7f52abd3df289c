"""`harvest tail`: what is printed of posts, for people and for programs."""

import json
from pathlib import Path

import pytest

from tests.sinks.histories import Site
from tests.support.cli_session import Person

_HOSTILE = "two\nlines \x1b]0;title\x07\u202e right to left \u2028 and \x9b31m more"


def _post(number: int) -> bytes:
    users = [{"id": "7", "username": "jack"}]
    data = {"id": str(number), "author_id": "7", "text": _HOSTILE, "created_at": "2026-11-23T09:05:08.000Z"}
    return json.dumps({"data": data, "includes": {"users": users}}, ensure_ascii=False).encode() + b"\n"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    Site(tmp_path, line=_post).harvest([3])
    return Person(tmp_path)


def test_a_person_sees_printable_lines_only(person: Person) -> None:
    told = person("harvest", "tail", "s", "--once", "-n", "2")
    shown = told.out
    assert told.err == "These posts were stored last.\n"
    assert len(shown.splitlines()) == 2
    line = shown.splitlines()[0]
    assert line.startswith("2026-11-23 09:05:08  @jack  two lines ")
    assert line.isprintable() and "\\x1b]0;title" in line and "\\u202e" in line


def test_a_program_gets_one_post_a_line(person: Person) -> None:
    # Not by `splitlines`, to which one of the characters in it ends a line.
    printed = person.output("harvest", "tail", "s", "--once", "--json").strip().split("\n")
    found = [json.loads(line) for line in printed]
    assert [each["data"]["id"] for each in found] == ["1", "2", "3"]


def test_of_a_collection_that_is_not_there_it_says_so(person: Person) -> None:
    told = person("harvest", "tail", "x", "--once")
    assert told.code == 10 and "There is no collection x" in told.err
