"""A printed command is one that the person can paste: it acts in the same place, whatever that is called."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.commands.cli.printed_commands import (
    OF_A_FILE,
    OF_A_FILE_ONLY,
    complete,
    forget_typed,
    typed,
)
from harvester.commands.person import operator
from tests.support.cli_session import Person

_ROOT = Path(__file__).resolve().parents[2]
# All that a name of a folder may hold and a terminal shows.
_PATHS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="`\0"), min_size=1)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("X_API_URL", "http://127.0.0.1:9")
    return Person(tmp_path)


@pytest.fixture(autouse=True)
def nothing_typed() -> Iterator[None]:
    yield
    forget_typed()


def _typed(*arguments: str) -> None:
    forget_typed()
    for name, value in zip(arguments[::2], arguments[1::2], strict=True):
        typed(click.Context(operator), click.Option([name]), value)


def _commands(text: str) -> list[str]:
    return re.findall(r"`([^`]*)`", text)


@settings(deadline=None)
@given(folder=_PATHS, bucket=_PATHS, file=_PATHS)
def test_whatever_the_paths_are_the_shell_gives_back_the_arguments(
    folder: str, bucket: str, file: str
) -> None:
    options = ("--bucket", bucket, "--collections-path", folder)
    _typed("--collection-config-filepath", file, *options)
    (printed,) = _commands(complete("`collection-config update` stores them."))
    named = () if file == "collection.json" else ("--collection-config-filepath", file)
    assert shlex.split(printed) == ["collection-config", "update", *named, *options]
    (printed,) = _commands(complete("`harvest stop it` stops it."))
    assert shlex.split(printed) == ["harvest", "stop", "it", *options]


def test_a_real_shell_agrees() -> None:
    path = 'it\'s "my" $HOME; rm -rf * & \\ (x) é #!'
    _typed("--collections-path", path)
    (printed,) = _commands(complete("`doctor`"))
    said = subprocess.run(["sh", "-c", f"printf '%s\\n' {printed}"], capture_output=True, text=True)
    assert said.stdout.splitlines() == ["doctor", "--collections-path", path]


def test_commands_are_completed_and_nothing_else_is() -> None:
    _typed("--collections-path", "a b")
    for same in (
        "`harvest.json`",
        "`collection`",
        "`collection-config screennames`",
        "`help files`",
        "`temp`",
    ):
        assert complete(same) == same
    assert complete("`harvest log it --collections-path x`") == "`harvest log it --collections-path x`"
    assert complete("`twarc_cloud.py scheduler`") == "`twarc_cloud.py scheduler --collections-path 'a b'`"


def test_where_it_makes_no_difference_the_options_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _typed("--collections-path", f"{tmp_path}/collections")
    assert complete("`harvest list`") == "`harvest list`"
    (tmp_path / "twarc_cloud.ini").write_text("[DEFAULT]\nbucket = museum\n")
    assert complete("`harvest list`") == f"`harvest list --collections-path {tmp_path}/collections`"
    _typed("--bucket", "museum")
    assert complete("`harvest list`") == "`harvest list`"


def _all(group: click.Group, names: tuple[str, ...] = ()) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= _all(command, (*names, name))
        else:
            found[" ".join((*names, name))] = {each.name or "" for each in command.params}
    return found


def test_it_is_known_which_commands_take_which_options() -> None:
    found = _all(operator)
    assert {name for name, params in found.items() if "path" in params} == set(OF_A_FILE)
    without = {name for name, params in found.items() if "collections_path" not in params}
    # What `files` reads is named whole.
    without = {name for name in without if not name.startswith("files ")}
    assert without - {"completion", "help"} == set(OF_A_FILE_ONLY)


def test_an_error_and_a_note_name_commands_for_the_same_place(person: Person) -> None:
    person.output("collection-config", "template", "user_timeline", "--id", "it")
    where = ("--collections-path", "my data")
    person.output("collection", "add", *where)
    told = person("collection", "once", "it", *where)
    assert "then run `collection-config update --collections-path 'my data'`." in told.err
    told = person("collection", "schedule", "it", "rate(1 day)", *where)
    assert "`twarc_cloud.py scheduler --collections-path 'my data'`" in told.err
    # What one command was given is not said of the next one.
    assert "--collections-path" not in person("collection", "once", "other").words


@pytest.mark.system
@pytest.mark.parametrize("name", ["twarc-cloud", "twarc_cloud.py"])
def test_help_and_hints_call_the_program_as_it_was_called(name: str, tmp_path: Path) -> None:
    other = {"twarc-cloud": "twarc_cloud.py", "twarc_cloud.py": "twarc-cloud"}[name]
    script = f"import sys; sys.argv[0] = '/bin/{name}'; from harvester.startup import person; person()"
    for words in (("--help",), ("collection", "once", "--help"), ("help", "nothing"), ("completion", "bash")):
        said = subprocess.run(
            [sys.executable, "-c", script, *words],
            cwd=tmp_path,
            env={"PYTHONPATH": str(_ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert name in said.stdout + said.stderr
        assert other not in said.stdout + said.stderr
