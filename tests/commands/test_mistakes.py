"""Every command, given every kind of mistake, answers in words: no traceback, a documented exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from harvester.commands.person import operator
from harvester.errors import Exit
from tests.support.cli_session import Person

_IDS = (
    "nowhere",
    "",
    " ",
    "a b",
    "../x",
    "..",
    ".hidden",
    "x" * 200,
    "ümlaut",
    "-x",
    "a/b",
    "\udcff",
    "broken",
)

_HARVEST = "collections/broken/harvests/2026/11/23/09/00/00"
_POINTER = '{"harvest_id": "2026-11-23T09:00:00+00:00"}'

# What may stand in the places of a store, after an accident or by somebody else's hand.
_BROKEN: dict[str, dict[str, str]] = {
    "an empty collection": {"collection.json": ""},
    "a collection that is a list": {"collection.json": "[]"},
    "a collection of nothing": {"collection.json": "{}"},
    "a collection of null": {"collection.json": "null"},
    "wrong types": {"collection.json": '{"id": 1, "type": [], "users": 3, "keys": [], "filter": "x"}'},
    "users of no shape": {"collection.json": '{"id": "broken", "type": "user_timeline", "users": {"x": 1}}'},
    "a filter of no shape": {"collection.json": '{"id": "broken", "type": "filter", "filter": {"rules": 7}}'},
    "changesets of no shape": {
        "collection.json": '{"id": "broken", "type": "search", "search": {"query": "q"}, "changeset": 3}',
        "changesets/change-20261123090000-00000001.json": "[]",
        "changesets/note.txt": "hello",
    },
    "a changeset without its parts": {
        "collection.json": '{"id": "broken", "type": "search", "search": {"query": "q"}}',
        "changesets/change-20261123090000-00000001.json": "{}",
    },
    "pointers of no shape": {
        "collection.json": '{"id": "broken", "type": "search", "search": {"query": "q"}}',
        "last_harvest.json": "[]",
        "lock.json": "\x00",
        "checkpoint.json": "{}",
    },
    "pointers to nowhere": {
        "collection.json": '{"id": "broken", "type": "search", "search": {"query": "q"}}',
        "last_harvest.json": _POINTER,
        "lock.json": "[]",
        "checkpoint.json": '{"state": {"harvest": "soon"}}',
    },
    "records of no shape": {
        "collection.json": '{"id": "broken", "type": "user_timeline", "users": {"1": {}}}',
        "last_harvest.json": _POINTER,
        "harvests/2026/11/23/09/00/00/harvest.json": "[1]",
        "harvests/2026/11/23/09/00/00/user_changes.json": '[1, {"deleted": true}]',
    },
    "records that are cut": {
        "collection.json": '{"id": "broken", "type": "user_timeline", "users": {"1": {}}}',
        "last_harvest.json": '{"harvest_id": 7}',
        "harvests/2026/11/23/09/00/00/harvest.json": '{"harvest_ti',
    },
    "a record without numbers": {
        "collection.json": '{"id": "broken", "type": "user_timeline", "users": {"1": {}}}',
        "last_harvest.json": _POINTER,
        "harvests/2026/11/23/09/00/00/harvest.json": '{"tweets": null, "gaps": 3, "billed": "much"}',
        "harvests/2026/11/23/09/00/00/user_changes.json": '{"a": 1}',
    },
}  # fmt: skip

_FILES: dict[str, Any] = {
    "nothing": None,
    "no JSON": "{",
    "a list": "[]",
    "no collection": "{}",
    "wrong types": _BROKEN["wrong types"]["collection.json"],
    "one that is not stored": '{"id": "elsewhere", "type": "user_timeline", "users": {}}',
    "one of no version": '{"id": "broken", "type": "user_timeline", "users": {}, "changeset": "x"}',
}

# These wait for a person, or run until they are ended.
_ENDLESS = {"scheduler", "supervise"}


def _commands(group: click.Group, names: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += _commands(command, (*names, name))
        elif name not in _ENDLESS:
            found.append(((*names, name), command))
    return found


_ALL = _commands(operator)
_OF_AN_ID = [names for names, command in _ALL if any(each.name == "collection_id" for each in command.params)]
_OF_A_FILE = [names for names, command in _ALL if any(each.name == "path" for each in command.params)]
# What looks at this machine, or serves until Ctrl-C, has such tests of its own.
_ELSEWHERE = ("completion", "doctor", "dashboard")
_MORE: dict[str, tuple[str, ...]] = {
    "schedule": ("rate(1 day)",),
    "tail": ("--once",),
    "copy": ("broken2",),
    "template": ("search",),
    "remove-users": ("12",),
    "restore-users": ("12",),
    "userids": ("12",),
    "screennames": (),
    "import-rules": ("-", "--type", "track"),
}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("X_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TWARC_CLOUD_X_PATIENCE", "0.1")
    return Person(tmp_path)


def _require_words(person: Person, *arguments: str) -> None:
    told = person(*arguments, answer="y\n")
    assert told.code in {int(code) for code in Exit}, (arguments, told)
    assert "Traceback" not in told.words
    if told.code == Exit.USAGE or (told.code and "check" not in arguments and "doctor" not in arguments):
        assert told.words.strip(), (arguments, told)


def _id_cases() -> list[Any]:
    return [pytest.param(names, id=" ".join(names)) for names in _OF_AN_ID]


@pytest.mark.parametrize("names", _id_cases())
def test_an_id_that_is_none_is_told_in_words(names: tuple[str, ...], person: Person) -> None:
    for collection_id in _IDS:
        _require_words(person, *names, "--", collection_id, *_MORE.get(names[-1], ()))


@pytest.mark.parametrize("broken", _BROKEN)
def test_a_broken_store_is_told_in_words(broken: str, person: Person) -> None:
    for names, command in _ALL:
        options = {option for each in command.params for option in each.opts}
        _put(person, _BROKEN[broken])
        named: tuple[str, ...] = ("broken",) if names in _OF_AN_ID else ()
        # The lock is as fresh as one that is kept, so that a stop would wait for its owner.
        named += ("--timeout", "0.1") if "--timeout" in options else ()
        for extra in ((), ("--json",), ("--long",), ("--live",), ("--all",)):
            if set(extra) <= options and names[-1] not in _ELSEWHERE:
                _require_words(person, *names, *extra, *named, *_MORE.get(names[-1], ()))


def _put(person: Person, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = person.folder / "collections/broken" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (person.folder / "collection.json").write_text('{"id": "broken", "type": "user_timeline", "users": {}}')


@pytest.mark.parametrize("content", _FILES)
def test_a_broken_file_is_told_in_words(content: str, person: Person) -> None:
    for names in _OF_A_FILE:
        _put(person, {"collection.json": '{"id": "broken", "type": "user_timeline", "users": {"1": {}}}'})
        (person.folder / "collection.json").unlink()
        if _FILES[content] is not None:
            (person.folder / "collection.json").write_text(_FILES[content])
        named: tuple[str, ...] = ("broken",) if names[-1] == "download" else ()
        _require_words(person, *names, *named, *_MORE.get(names[-1], ()))


def _in_the_way(person: Person) -> None:
    (person.folder / "collections").write_text("a file")


def _no_place(person: Person) -> None:
    (person.folder / "twarc_cloud.ini").write_text("[DEFAULT]\nbucket = \ncollections_path = /proc/nowhere\n")


def _notes_of_no_shape(person: Person) -> None:
    runs = person.folder / "collections-runs"
    (runs / "broken").mkdir(parents=True)
    (runs / "schedules.json").write_text(json.dumps({"broken": {"expression": "rate(1 days)"}, "x": 3}))
    for name in ("harvest.json", "supervised.json"):
        (runs / "broken" / name).write_text('{"state": 3}' if name == "supervised.json" else "[]")


@pytest.mark.parametrize("accident", [_in_the_way, _no_place, _notes_of_no_shape])
def test_a_place_that_cannot_be_used_is_told_in_words(
    accident: Callable[[Person], None], person: Person
) -> None:
    accident(person)
    if accident is _notes_of_no_shape:
        _put(person, {"collection.json": '{"id": "broken", "type": "search", "search": {"query": "q"}}'})
    for names, _ in _ALL:
        if names[-1] not in _ELSEWHERE:
            named: tuple[str, ...] = ("broken",) if names in _OF_AN_ID else ()
            _require_words(person, *names, *named, *_MORE.get(names[-1], ()))
