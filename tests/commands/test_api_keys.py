"""Keys of the cloud's harvests: a collection names a profile, and the parameter store has the keys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import emulator
from harvester.aws.parameters import Parameters, keys_text
from harvester.errors import Exit
from tests.support.cli_session import Person, a_profile, at_a_terminal
from tests.support.container_process import Desk
from tests.support.servers import S3Server

_TOKEN = emulator.CREDENTIALS["bearer_token"]
_SEARCH: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}
_MUSEUM = {**_SEARCH, "keys": {"profile": "museum"}}
_KEYS = ("collection-config", "keys")


@pytest.fixture
def cloud(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Parameters:
    """A path of its own in a parameter store, which the settings lead to."""
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    path = f"/twarc-cloud/{uuid4().hex}"
    monkeypatch.setenv("TWARC_CLOUD_PARAMETER_PATH", path)
    return Parameters(path)


@pytest.fixture
def person(tmp_path: Path, cloud: Parameters, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody with a profile in ~/.twarc, none in the environment, and a search on the desk."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    a_profile(tmp_path / "home")
    with at_a_terminal(tmp_path, monkeypatch, users=3, posts_per_user=3, search_posts=5) as (person, _):
        monkeypatch.delenv("BEARER_TOKEN")
        person.write(_SEARCH)
        yield person


def _text(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*.json"))


def test_the_keys_go_to_the_parameter_store_and_only_their_name_into_the_file(
    person: Person, cloud: Parameters
) -> None:
    told = person(*_KEYS, "--profile", "museum")
    assert told.out == (
        f"Stored the keys of profile museum in {cloud.path}/keys of the parameter store.\n"
        "Added keys to collection.json.\n"
    )
    assert person.file == _MUSEUM
    assert cloud.keys("museum") == {"bearer_token": _TOKEN}
    assert _TOKEN not in told.words
    assert person.output(*_KEYS).startswith("/twarc-cloud/")


def test_those_of_the_environment_get_the_name_that_is_given(
    person: Person, cloud: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (person.folder / "home" / ".twarc").unlink()
    monkeypatch.setenv("BEARER_TOKEN", "of-the-environment")
    person.output(*_KEYS, "--profile", "archive")
    assert cloud.keys("archive") == {"bearer_token": "of-the-environment"}
    assert person.file["keys"] == {"profile": "archive"}


def test_where_both_differ_neither_is_stored(
    person: Person, cloud: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARER_TOKEN", "another")
    told = person(*_KEYS, "--profile", "museum")
    assert told.code == Exit.USAGE
    assert "unset BEARER_TOKEN" in told.err
    assert not cloud.has_keys("museum")
    assert "keys" not in person.file


def test_a_profile_that_somebody_else_stored_is_referred_to(
    person: Person, cloud: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = person(*_KEYS, "--profile", "archive")
    assert (told.code, "keys" in person.file) == (Exit.UNAUTHORIZED, False)
    cloud.write("keys/archive", keys_text({"bearer_token": "theirs"}))
    assert person.output(*_KEYS, "--profile", "archive") == "Added keys to collection.json.\n"
    assert person.file["keys"] == {"profile": "archive"}
    assert cloud.keys("archive") == {"bearer_token": "theirs"}


def test_keys_that_a_file_of_2019_holds_move_to_the_parameter_store(
    person: Person, cloud: Parameters
) -> None:
    person.write({**_SEARCH, "keys": {"consumer_key": "s3cretA", "consumer_secret": "s3cretB"}})
    person.output(*_KEYS, "--move-to", "old")
    assert cloud.keys("old") == {"consumer_key": "s3cretA", "consumer_secret": "s3cretB"}
    assert person.file["keys"] == {"profile": "old"}
    assert "s3cret" not in (person.folder / "home" / ".twarc").read_text()
    person.write({**_SEARCH, "keys": {"consumer_key": "s3cretC", "consumer_secret": "s3cretD"}})
    assert person(*_KEYS, "--move-to", "old").code == Exit.USAGE
    assert cloud.keys("old")["consumer_key"] == "s3cretA"


def test_rotation_is_one_command_that_asks_and_tells_who_uses_the_keys(
    person: Person, cloud: Parameters
) -> None:
    person.output(*_KEYS)
    person.output("collection", "add")
    (person.folder / "collection.json").unlink()
    (person.folder / "home" / ".twarc").write_text("[museum]\nbearer_token = newer\n")
    told = person(*_KEYS, "--rotate", answer="n\n")
    assert (told.code, cloud.keys("museum")) == (Exit.ERROR, {"bearer_token": _TOKEN})
    assert ", used by it. Replace them?" in told.err
    told = person(*_KEYS, "--rotate", "--yes")
    assert told.code == 0
    assert "The next harvest of it uses them; a running harvest keeps the old ones." in told.out
    assert "Revoke the old keys" in told.err
    assert cloud.keys("museum") == {"bearer_token": "newer"}
    assert {"newer", _TOKEN} & set(told.words.split()) == set()


def test_only_what_is_stored_can_be_rotated(person: Person, cloud: Parameters) -> None:
    told = person(*_KEYS, "--rotate", "--profile", "museum", "--yes")
    assert told.code == Exit.UNAUTHORIZED
    assert "`collection-config keys --profile museum` stores it." in told.err
    assert not cloud.has_keys("museum")


def test_what_somebody_broke_in_the_parameter_store_is_mended_by_a_rotation(
    person: Person, cloud: Parameters
) -> None:
    cloud.write("keys/museum", "no JSON")
    person.output(*_KEYS, "--rotate", "--profile", "museum", "--yes")
    assert cloud.keys("museum") == {"bearer_token": _TOKEN}


def test_the_profiles_are_listed_with_who_uses_them_and_without_their_keys(
    person: Person, cloud: Parameters
) -> None:
    assert person.output(*_KEYS, "--list") == "No keys are stored.\n"
    person.output(*_KEYS)
    person.output("collection", "add")
    cloud.write("keys/unused", keys_text({"bearer_token": "s3cret"}))
    found = json.loads(person.output(*_KEYS, "--list", "--json"))
    assert [(each["profile"], each["version"], each["collections"]) for each in found] == [
        ("museum", 1, ["it"]),
        ("unused", 1, []),
    ]
    told = person.output(*_KEYS, "--list")
    assert "museum" in told
    assert "s3cret" not in told


def test_removing_asks_and_names_the_collections_that_need_them(person: Person, cloud: Parameters) -> None:
    person.output(*_KEYS)
    person.output("collection", "add")
    told = person(*_KEYS, "--remove", "--profile", "museum")
    assert told.code == Exit.USAGE
    assert "it cannot be harvested without them." in told.err
    assert cloud.has_keys("museum")
    person.output(*_KEYS, "--remove", "--profile", "museum", "--yes")
    assert not cloud.has_keys("museum")
    assert person(*_KEYS, "--remove", "--profile", "museum", "--yes").code == Exit.ERROR
    assert person(*_KEYS, "--remove").code == Exit.USAGE


def test_the_persons_own_questions_may_use_them(person: Person, cloud: Parameters) -> None:
    person.output(*_KEYS)
    (person.folder / "home" / ".twarc").unlink()
    found = json.loads(person.output("collection-config", "check", "--live", "--json"))
    assert {each["check"] for each in found if each["check"].endswith("at X")} == {"keys at X", "query at X"}


@pytest.mark.parametrize("command", [("once", "it"), ("schedule", "it", "rate(1 day)")])
def test_nothing_is_started_on_a_cluster_without_keys_there(
    command: tuple[str, ...], person: Person, cloud: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.write(_MUSEUM)
    person.output("collection", "add")
    monkeypatch.setenv("TWARC_CLOUD_CLUSTER", "museum")
    missing = f"There are no keys of profile museum in the parameter store ({cloud.path}/keys)."
    told = person("collection", *command)
    assert (told.code, told.err.startswith(missing)) == (Exit.UNAUTHORIZED, True)
    assert person("collection-config", "check").code == Exit.ERROR
    assert missing in person("collection-config", "check").out
    person.output(*_KEYS)
    assert missing not in person("collection", *command).err
    assert "those of profile museum, in the parameter store" in person.output("collection-config", "check")


def test_a_cluster_needs_a_place_for_keys_and_a_profile(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.output("collection", "add")
    monkeypatch.setenv("TWARC_CLOUD_CLUSTER", "museum")
    assert "does not name the profile whose keys" in person("collection", "once", "it").err
    monkeypatch.delenv("TWARC_CLOUD_PARAMETER_PATH")
    for command in (_KEYS, (*_KEYS, "--list")):
        told = person(*command)
        assert (told.code, "terraform output -raw twarc_cloud_ini" in told.err) == (Exit.USAGE, True)


@pytest.fixture
def desk(tmp_path: Path, cloud: Parameters) -> Iterator[Desk]:
    """A container without keys of its own."""
    with emulator.running(search_posts=20) as emulated:
        made = Desk(tmp_path, emulated.url, {"BEARER_TOKEN": "", "HOME": str(tmp_path / "home")})
        made.put("it", _MUSEUM)
        yield made


def test_a_harvest_reads_them_from_the_parameter_store_and_shows_them_nowhere(
    desk: Desk, cloud: Parameters, tmp_path: Path
) -> None:
    cloud.write("keys/museum", keys_text({"bearer_token": _TOKEN}))
    said = desk.said("--debug", "local", "harvester", "it")
    assert said.code == Exit.OK, said
    assert _TOKEN not in said.out + said.err + _text(tmp_path)


def test_those_of_the_environment_go_before_them_and_those_of_a_home_behind(
    desk: Desk, cloud: Parameters, tmp_path: Path
) -> None:
    a_profile(tmp_path / "home")
    assert desk.harvested("it").code == Exit.OK
    cloud.write("keys/museum", keys_text({"bearer_token": "wrong"}))
    assert desk.harvested("it").code == Exit.UNAUTHORIZED
    assert desk.harvested("it", BEARER_TOKEN=_TOKEN).code == Exit.OK


def test_without_them_anywhere_the_harvest_says_what_to_do(desk: Desk, cloud: Parameters) -> None:
    said = desk.harvested("it")
    assert said.code == Exit.UNAUTHORIZED
    assert f"no keys of profile museum in the parameter store ({cloud.path}/keys)" in said.answer
    assert "`collection-config keys --profile museum` stores them." in said.answer
    assert desk.summaries("it")[-1]["exit_code"] == Exit.UNAUTHORIZED
