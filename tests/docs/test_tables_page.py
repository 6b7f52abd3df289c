"""The page about tables lists their columns, and its examples answer what they promise."""

import re
import shlex
from pathlib import Path

import pytest

from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.tables.columns import TABLES
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.record_store import store_harvest

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def test_the_columns_on_the_page_are_those_of_the_tables() -> None:
    found = re.search(r"<!-- columns -->\n(.*?)\n<!-- end -->", _PAGE.read_text(), re.DOTALL)
    assert found
    listed = re.findall(r"- \*\*(\w+)\*\*:(.*?)(?=\n- |$)", found[1], re.DOTALL)
    told = {table: re.findall(r"`(\w+)`", columns) for table, columns in listed}
    assert told == {name: list(columns) for name, columns in TABLES.items()}


def test_the_examples_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store_harvest(
        FolderStore(tmp_path / "collections"), CollectionKeys("museums"), record_forms.made_up_lines()
    )
    person = Person(tmp_path)
    commands = re.findall(r"^\$ python twarc_cloud\.py (.+)$", _PAGE.read_text(), re.MULTILINE)
    answers = [person(*shlex.split(command)) for command in commands]
    assert [answer.code for answer in answers] == [0] * len(commands) and len(commands) >= 7
    built, status, by_day, tags, accounts, likes, gaps = answers
    assert built.out.startswith("museums: 1 file of records made into tables")
    assert "museums" in status.out and "2022-10-03" in by_day.out
    assert "flood" in tags.out and "jack" in accounts.out
    assert likes.out.startswith("id,likes,text\n") and gaps.json == []
