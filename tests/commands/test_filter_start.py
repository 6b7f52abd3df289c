"""`filter-start` of several streams: all of them are checked before any is started."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.commands.cli.workspace import Workspace
from harvester.commands.collection.start import _start_each
from harvester.errors import Exit, HarvesterError
from harvester.settings import Settings
from tests.support.cli_session import Person, at_a_terminal, until

pytestmark = pytest.mark.system

# To the emulator they are one token, and to the harvester those of two apps; `c` is the same as `a`.
_TOKENS = {"a": "emulator-bearer", "b": "emulator%2Dbearer", "c": "emulator-bearer"}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setenv("HOME", str(tmp_path))
    profiles = "".join(f"[{name}]\nbearer_token = {token}\n" for name, token in _TOKENS.items())
    (tmp_path / ".twarc").write_text(profiles)
    with at_a_terminal(tmp_path, monkeypatch, stream_rate="50", connections=2, limits=False) as (made, _):
        monkeypatch.delenv("BEARER_TOKEN")
        for name in _TOKENS:
            made.write(
                {"id": name, "type": "filter", "filter": {"track": "flood"}, "keys": {"profile": name}}
            )
            made.output("collection", "add")
        yield made


def test_several_streams_are_started_with_one_command_and_stopped_one_by_one(person: Person) -> None:
    told = person.output("collection", "filter-start", "a", "b", "--dry-run")
    assert told.startswith("Would start the streams of a and b on this machine. Nothing was changed.\n")
    assert person.output("harvest", "list") == "No running harvests.\n"
    started = person("collection", "filter-start", "a", "b")
    assert (started.code, started.out) == (Exit.OK, "Started\n")
    assert "`collection filter-stop b` stops it" in started.err
    for name in "ab":
        until(lambda name=name: person("harvest", "running", name, "--json").code == 0)  # type: ignore[misc]
    again = person("collection", "filter-start", "b", "c")
    assert (again.code, "Collection already started." in again.err) == (Exit.LOCKED, True)
    person.output("collection", "filter-stop", "a")
    assert [row["id"] for row in json.loads(person.output("harvest", "list", "--json"))] == ["b"]
    person.output("collection", "filter-stop", "b")


@pytest.mark.parametrize(
    ("streams", "code", "told"),
    [
        (("a", "b", "c"), Exit.USAGE, "a and c have keys of the same app; X allows one stream per app."),
        (("a", "none"), Exit.NO_COLLECTION, "Collection does not exist."),
        ((), Exit.USAGE, "Missing argument 'COLLECTION_ID...'"),
    ],
)
def test_none_is_started_where_one_cannot_be(
    streams: tuple[str, ...], code: Exit, told: str, person: Person
) -> None:
    refused = person("collection", "filter-start", *streams)
    assert (refused.code, told in refused.err) == (code, True), refused
    assert person.output("harvest", "list") == "No running harvests.\n"


def test_a_stream_that_is_named_twice_is_one(person: Person) -> None:
    told = person.output("collection", "filter-start", "a", "a", "--dry-run")
    assert told.startswith("Would start the stream of a on this machine.")


def test_a_store_that_cannot_be_written_is_told_and_nothing_is_started(person: Person) -> None:
    scratch = person.folder / "collections" / ".scratch"
    shutil.rmtree(scratch)
    scratch.write_text("in the way")
    refused = person("collection", "filter-start", "a")
    assert (refused.code, refused.out) == (Exit.ERROR, "")
    assert f"{scratch} is in the way and is not a folder." in refused.err
    assert person.output("harvest", "list") == "No running harvests.\n"


class _Refusing(Workspace):
    """A place that starts all but one."""

    @property
    def compute(self) -> Any:
        return self

    def start_service(self, *collection_ids: str) -> None:
        if "wide.1" in collection_ids:
            raise HarvesterError("There is no room.", exit_code=Exit.RETRY_LATER)


def test_a_shard_that_cannot_be_started_keeps_no_other_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [("wide.1",), ("wide.2",), ("wide.3",)]
    with pytest.raises(HarvesterError, match="There is no room"):
        _start_each(_Refusing(Settings()), tasks, dry_run=False)
    assert capsys.readouterr().err == "Started wide.2 and wide.3; not wide.1.\n"
