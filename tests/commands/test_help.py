"""Help begins with what can be typed, and what it says can be typed is true."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from harvester.commands.cli.help_examples import EXAMPLES
from harvester.commands.cli.help_topics import CODES, TOPICS
from harvester.commands.person import operator
from harvester.errors import Exit
from harvester.settings import Settings, variable
from tests.support.cli_session import Person

_DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    return Person(tmp_path)


def _shown(group: click.Group, names: tuple[str, ...] = ()) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _shown(command, (*names, name))
        else:
            yield " ".join((*names, name))


def test_every_command_has_examples_before_its_options(person: Person) -> None:
    assert set(EXAMPLES) == set(_shown(operator))
    for names, examples in EXAMPLES.items():
        text = person.output(*names.split(), "--help")
        for example in examples:
            typed = f"  twarc_cloud.py {names} {example}".rstrip()
            assert text.index(typed) < text.index("Options:"), names


@pytest.mark.parametrize(
    "typed", [f"{names} {example}" for names, examples in EXAMPLES.items() for example in examples]
)
def test_an_example_can_be_typed(typed: str) -> None:
    words = shlex.split(typed.partition(" >> ")[0].partition(" | ")[0])
    command: click.Command = operator
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    # click remembers the names of the help option, which the whole tree shares.
    command.parse_args(click.Context(command, help_option_names=["-h", "--help"]), words)


def test_the_topic_of_exit_codes_says_what_the_page_says(person: Person) -> None:
    told = person.output("help", "exit-codes").splitlines()
    page = (_DOCS / "exit-codes.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", page, re.MULTILINE)
    assert [tuple(line.split()[:2]) for line in told] == rows
    assert set(CODES) == set(Exit)


def test_the_topic_of_the_environment_names_every_variable(person: Person) -> None:
    told = person.output("help", "environment")
    assert all(variable(entry.name) in told for entry in fields(Settings))
    assert "TWARC_CLOUD_PROGRESS" in told


def test_help_leads_to_commands_and_to_topics(person: Person) -> None:
    assert person.output("help", "collection", "once") == person.output("collection", "once", "--help")
    assert person.output("help", "harvest").startswith("Usage: ")
    overview = person.output("help")
    for topic in TOPICS:
        assert topic in overview
        assert person.output("help", topic)
    told = person("help", "collection", "nonsense")
    assert (told.code, "No such command or topic: `collection nonsense`" in told.err) == (2, True)


def test_no_line_of_a_topic_is_wider_than_a_terminal(person: Person) -> None:
    for topic in ("exit-codes", "files", "output"):
        assert max(map(len, person.output("help", topic).splitlines())) <= 110


def test_settings_are_shown_with_where_they_are_from(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ini = "[DEFAULT]\nsubnet = subnet-1\nconcurrency = 4\naccess_key = AKIA1\nsecret_key = of-2019\n"
    (person.folder / "twarc_cloud.ini").write_text(ini)
    monkeypatch.setenv("TWARC_CLOUD_CONCURRENCY", "5")
    told = person("settings", "--json", "--bucket", "mine")
    found = {row["setting"]: (row["value"], row["source"]) for row in told.json}
    assert set(found) == {entry.name for entry in fields(Settings)}
    assert found["bucket"] == ("mine", "--bucket")
    assert found["concurrency"] == (5, "environment (TWARC_CLOUD_CONCURRENCY)")
    assert found["subnets"] == ("subnet-1", "twarc_cloud.ini (subnet)")
    assert found["temp"] == ("temp", "default")
    told = person("settings")
    assert "concurrency              5 " in told.out
    assert "twarc_cloud.ini also sets access_key" in told.err
    assert not any(secret in told.words for secret in ("AKIA1", "of-2019"))
