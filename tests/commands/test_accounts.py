"""`accounts`: names and states as the stored posts and harvests show them."""

from datetime import timedelta
from pathlib import Path

import orjson
import pytest

import emulator
from harvester.errors import Exit
from tests.support.cli_session import Person, a_profile
from tests.support.searched_store import BEGAN, page, post, post_id, write_collection, write_harvest

_DAY = timedelta(days=1)


def _user(id: str, name: str, **more: object) -> dict[str, object]:
    return {"id": id, "username": name, "name": name.title(), "protected": False, **more}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWARC_CLOUD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "collections"
    write_collection(folder, "museums", {"type": "user_timeline", "users": {"12": {}, "14": {}}})
    # The name moves from 12 to 13.
    for number, users in enumerate(
        ([_user("12", "jack")], [_user("12", "jacky")], [_user("13", "jack"), _user("12", "jacky")])
    ):
        moment = BEGAN + number * _DAY
        lines = [[page([post(post_id(moment), "x")], moment, users=users)]]
        sides = {}
        if number == 1:
            changes = [{"user_id": "14", "change": "suspended", "sightings": 1}]
            sides = {"user_changes.json": orjson.dumps(changes)}
        if number == 2:
            sides = {"users.jsonl": orjson.dumps(_user("15", "biz", protected=True))}
        write_harvest(folder, "museums", moment, lines, sides=sides)
    return Person(tmp_path)


def _lines(person: Person, *arguments: str) -> list[str]:
    return person.output("accounts", *arguments).splitlines()


def test_before_anything_is_indexed_one_line_says_what_to_do(person: Person) -> None:
    told = person("accounts", "lookup", "12")
    assert told.code == Exit.ERROR
    assert told.words.startswith("Nothing of ")
    assert "`search index`" in told.words


def test_an_account_is_found_by_its_id_and_by_any_name_it_had(person: Person) -> None:
    person.output("search", "index")
    assert _lines(person, "lookup", "12") == [
        "12  @jacky  Jacky  active",
        "    in museums",
        "    @jacky  seen 2026-11-02 09:00:00 ... 2026-11-03 09:00:00",
        "    @jack  seen 2026-11-01 09:00:00",
    ]
    assert _lines(person, "lookup", "https://x.com/jacky?s=20") == _lines(person, "lookup", "@jacky")
    # Both had the name; who had it last is first.
    found = person("accounts", "lookup", "@Jack", "--json").json
    assert [(each["id"], each["username"]) for each in found] == [("13", "jack"), ("12", "jacky")]
    assert found[1]["names"][0] == {
        "username": "jack",
        "first": "2026-11-01T09:00:00Z",
        "last": "2026-11-01T09:00:00Z",
        "source": "collections/museums/harvests/2026/11/01/09/00/00/tweets-20261101090000-000001.jsonl.gz",
    }
    assert found[0]["profile"] == {"name": "Jack", "protected": False}


@pytest.mark.parametrize(
    ("at", "ids"),
    [
        ("2026-11-01T09:00", ["12"]),
        ("2026-11-01", ["12"]),
        ("2026-11", ["13", "12"]),
        ("2026-11-03T09:00:00Z", ["13"]),
        ("2026-11-02", []),
    ],
)
def test_at_a_date_only_those_are_found_that_were_seen_with_the_name_then(
    person: Person, at: str, ids: list[str]
) -> None:
    person.output("search", "index")
    told = person("accounts", "lookup", "@jack", "--at", at, "--json")
    assert [each["id"] for each in told.json] == ids
    assert told.code == (0 if ids else Exit.PARTIAL)


def test_what_was_not_seen_is_said(person: Person) -> None:
    person.output("search", "index")
    told = person("accounts", "lookup", "12", "@missing")
    assert told.code == Exit.PARTIAL
    assert "@missing was not seen in what is indexed." in told.err
    told = person("accounts", "lookup", "@jack", "--at", "once")
    assert (told.code, told.words.strip()) == (
        Exit.USAGE,
        "once is not a date. Use e.g. 2026-11-23 or 2026-11-23T09:30.",
    )
    for command in ("lookup", "history"):
        told = person("accounts", command, "999")
        assert (told.code, told.err) == (Exit.PARTIAL, "999 was not seen in what is indexed.\n")
        told = person("accounts", command, "")
        assert (told.code, told.words.strip()) == (
            Exit.USAGE,
            "An account has no empty name. Use an id or a name, e.g. 12 or @jack.",
        )


def test_files_that_the_index_lacks_are_told(person: Person, tmp_path: Path) -> None:
    person.output("search", "index")
    assert person("accounts", "lookup", "12").err == ""
    moment = BEGAN + 5 * _DAY
    write_harvest(tmp_path / "collections", "museums", moment, [[page([post(post_id(moment), "x")], moment)]])
    for command in (("lookup", "12"), ("history", "12"), ("list", "--state", "active")):
        assert "The index lacks 1 file of museums; `search index" in person("accounts", *command).err


def test_a_day_of_a_look_up_is_no_sighting(person: Person, tmp_path: Path) -> None:
    users = {"12": {"screen_name": "jacky", "looked_up": "2026-11-09"}, "16": {"looked_up": "2026-11-09"}}
    write_collection(tmp_path / "collections", "museums", {"type": "user_timeline", "users": users})
    person.output("search", "index")
    assert _lines(person, "lookup", "12")[2] == "    @jacky  seen 2026-11-02 09:00:00 ... 2026-11-03 09:00:00"
    assert _lines(person, "lookup", "16") == ["16  no name known  active", "    in museums"]


def test_a_history_names_the_file_that_shows_each_name_and_state(person: Person) -> None:
    person.output("search", "index")
    rows = _lines(person, "history", "14")
    assert rows[0].split() == ["FIRST", "LAST", "SEEN", "SOURCE"]
    assert rows[1].split()[4:] == [
        "suspended",
        "collections/museums/harvests/2026/11/02/09/00/00/user_changes.json",
    ]
    assert [row.split()[4] for row in _lines(person, "history", "12")[1:]] == ["@jack", "@jacky"]
    assert person("accounts", "history", "@jacky", "--json").json["collections"] == ["museums"]
    told = person("accounts", "history", "@jack")
    assert told.code == Exit.USAGE
    assert told.words.startswith("@jack was the name of 13 and 12. Use one of these ids, e.g.")
    moved = person("accounts", "history", "14", "--collections-path", f"{person.folder}/collections")
    assert f" {person.folder}/collections/museums/harvests/2026/" in moved.out


def test_accounts_are_listed_by_their_last_state(person: Person) -> None:
    person.output("search", "index")
    assert [row.split()[0] for row in _lines(person, "list", "--state", "suspended")[1:]] == ["14"]
    assert [each["id"] for each in person("accounts", "list", "--state", "protected", "--json").json] == [
        "15"
    ]
    assert _lines(person, "list", "--state", "deleted", "-c", "museums") == ["No account is deleted."]
    told = person("accounts", "list", "--state", "suspended", "-c", "other")
    assert told.code == Exit.NO_COLLECTION
    assert told.words == person("search", "x", "-c", "other").words
    assert person("accounts", "list", "--state", "gone").code == Exit.USAGE


def test_a_suspended_account_that_is_seen_again_is_active(person: Person, tmp_path: Path) -> None:
    person.output("search", "index")
    moment = BEGAN + 5 * _DAY
    lines = [[page([post(post_id(moment), "back")], moment, users=[_user("14", "back")])]]
    write_harvest(tmp_path / "collections", "museums", moment, lines)
    person.output("search", "index")
    assert _lines(person, "list", "--state", "suspended") == ["No account is suspended."]
    states = person("accounts", "history", "14", "--json").json["states"]
    assert [each["state"] for each in states] == ["suspended", "active"]


def test_the_network_is_asked_only_when_that_is_wanted_and_agreed_to(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    a_profile(tmp_path / "home")
    with emulator.running(users=2) as emulated:
        monkeypatch.setenv("X_API_URL", emulated.url)
        user, other = emulated.control.users()[:2]
        asked = (
            "accounts",
            "lookup",
            "--live",
            f"@{user['username']}",
            "@no_such_name_x",
            other["id"],
            "999",
        )
        told = person(*asked)
        assert told.code == Exit.USAGE
        assert "Look up 4 accounts for at most $0.04?" in told.words
        assert emulated.control.truth()["requests"] == []
        told = person(*asked, "--yes", "--json")
        assert told.code == Exit.PARTIAL
        assert [(each["id"], each["username"]) for each in told.json] == [
            (each["id"], each["username"]) for each in (user, other)
        ]
        assert "@no_such_name_x was not found.\n999 was not found." in told.err
    told = person("accounts", "lookup", "@not/a/name", "--live", "--yes")
    assert told.code == Exit.USAGE
    assert "Neither a name nor an id: not/a/name." in told.words
