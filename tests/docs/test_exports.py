"""The examples of the page on exports, typed from top to bottom, print what stands there."""

import re
import shlex
from pathlib import Path

import pytest

from harvester.exports.forms import FORMS
from harvester.store.keys import CollectionKeys
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.follow_lists import Page, ended, harvest_of_lists
from tests.support.stored_records import collection_of

_PAGE = (Path(__file__).resolve().parents[2] / "docs/exports.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"```\n(\$ python .*?)```", _PAGE, re.DOTALL)


def test_each_example_prints_what_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWARC_CLOUD_PROGRESS", "none")
    page = record_forms.page()
    files = [[page], [record_forms.stream_object(), *record_forms.flattened(page)]]
    collection_of(tmp_path / "collections", "museums", files)
    pages = [Page("12", ["13", "14"]), Page("13", ["14"])]
    lists = [ended("12"), ended("13"), ended("14", "protected")]
    fans = CollectionKeys("fans")
    harvest_of_lists(tmp_path / "collections", fans, "2026-11-23T09:00:00Z", pages, lists)
    person = Person(tmp_path)
    typed = [
        each for block in _BLOCKS for each in re.split(r"^\$ python ", block, flags=re.MULTILINE) if each
    ]
    different = []
    for each in typed:
        command, _, expected = each.partition("\n")
        told = person(*shlex.split(command)[1:])
        if told.code or (expected.strip() and told.words != expected):
            different.append((command, told))
    assert different == []


@pytest.mark.parametrize("form", [form.name for form in FORMS])
def test_each_form_has_an_example_and_a_row(form: str) -> None:
    assert any(f"export {form} " in block for block in _BLOCKS)
    assert f"| `{form}` |" in _PAGE
