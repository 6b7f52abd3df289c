"""The page about crawls, typed from top to bottom before an emulator, prints what stands there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import networkx  # type: ignore[import-untyped]
import pytest

from harvester.errors import Exit
from harvester.networks.validation import problems
from tests.docs.test_quickstart import as_pattern, steps_of
from tests.support.cli_session import Person, at_a_terminal

pytestmark = pytest.mark.system

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs/graph.md").read_text(encoding="utf-8")
_SECTION = json.loads(re.findall(r"```json\n(.*?)```", _PAGE, re.DOTALL)[0])


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setenv("TWARC_CLOUD_PROGRESS", "none")
    # As the page starts it.
    options = {"users": 300, "posts_per_user": 5, "degrees": "pareto:1.2:3"}
    with at_a_terminal(tmp_path, monkeypatch, **options) as (person, _):
        yield person


def test_each_example_of_the_page_prints_what_stands_there(person: Person) -> None:
    typed, waited = 0, False
    for command, words, expected in steps_of("graph.md"):
        if words[-1] == "check":
            # What the page says to change.
            person.write({**person.file, **_SECTION})
        told = person(*words[2:])
        waits = not waited and words[2:4] == ["collection", "once"]
        waited = waited or waits
        assert told.code == (Exit.RETRY_LATER if waits else Exit.OK), (command, told)
        # In a test there is no door whose name is in front of commands.
        pattern = as_pattern(expected.replace("`python twarc_cloud.py ", "`"))
        assert re.fullmatch(pattern, told.words.strip()), (command, told)
        typed += 1
    assert typed == 16
    assert f"\n```\n{(person.folder / 'followers.txt').read_text()}```\n" in _PAGE
    graph = networkx.read_gexf(person.folder / "libraries.gexf")
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (300, 425)
    labels = {data["label"] for _, data in graph.nodes(data=True)}
    assert {"amber_elm_0", "amber_gull_0"} < labels
    assert not any(label.isdigit() for label in labels)


def test_the_emulator_is_started_as_the_page_says() -> None:
    assert "--users 300 --posts-per-user 5 --degrees pareto:1.2:3" in _PAGE


def test_the_section_on_the_page_is_valid() -> None:
    assert problems({"id": "x", "type": "graph", "users": {"12": {}}, **_SECTION}) == []


def test_each_condition_and_key_is_on_the_page() -> None:
    from harvester.collection.kinds.graph import CHOICES
    from harvester.collection.selection import COUNTS, FLAGS, TEXTS

    for name in (*CHOICES, *(each for choice in CHOICES.values() for each in choice)):
        assert f"`{name}`" in _PAGE, name
    for name in (*COUNTS, *FLAGS, *TEXTS, "min_ratio", "created_after", "verified_type", "ids", "any", "not"):
        assert f"`{name}`" in _PAGE, name
