"""The pages on commands say what the commands are and print."""

import json
import re
import runpy
from pathlib import Path

import pytest

from harvester.networks.validation import problems
from tests.support.cli_session import Person

_ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_commands_is_not_older_than_the_commands() -> None:
    page = runpy.run_path(str(_ROOT / "docs/write_commands.py"))["page"]()
    assert (_ROOT / "docs/commands.md").read_text(encoding="utf-8") == page, "run docs/write_commands.py"


def test_every_example_of_a_kind_of_collection_is_valid() -> None:
    examples = re.findall(r"```json\n(.*?)```", (_ROOT / "docs/kinds.md").read_text(), re.DOTALL)
    assert len(examples) >= 5
    for text in examples:
        assert problems(json.loads(text)) == []


@pytest.mark.parametrize(
    "command",
    ["collection list", "collection scheduled", "harvest list", "collection-config changes", "doctor"],
)
def test_the_fields_of_json_are_those_that_are_documented(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("X_API_URL", "http://127.0.0.1:9")
    person = Person(tmp_path)
    person.write({"id": "s", "type": "search", "search": {"query": "q"}})
    person.output("collection", "add")
    person.output("collection", "schedule", "s", "cron(0 0 1 1 ? 2099)")
    (tmp_path / "collections/s/lock.json").write_text("{}")
    items = re.findall(r"^- .*(?:\n  .*)*", (_ROOT / "docs/json.md").read_text(), re.MULTILINE)
    item = next(item for item in items if f"`{command} --json`" in item)
    told = re.sub(r"\(.*?\)", "", item, flags=re.DOTALL)
    arguments = [*command.split(), *(["s"] if "changes" in command else []), "--json"]
    printed = json.loads(person(*arguments).out)
    assert set(re.findall(r"`(\w+)`", told)) == set(printed[0])
