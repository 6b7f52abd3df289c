"""`collection-config`: the file on the desk, and how it and the store come together."""

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import emulator
from harvester.clock import moment
from harvester.collection import history
from harvester.commands.cli import collection_file
from harvester.documents import Tree
from harvester.errors import Exit
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.cli_session import Person, a_profile, at_a_terminal

_SECRETS = {
    "consumer_key": "s3cretA",
    "consumer_secret": "s3cretB",
    "access_token": "s3cretC",
    "access_token_secret": "s3cretD",
}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with at_a_terminal(tmp_path, monkeypatch, users=3, posts_per_user=3) as (person, _):
        yield person


@dataclass(frozen=True)
class _Account:
    """An account that the emulated X has."""

    user_id: str
    name: str
    emulated: emulator.Emulated


@pytest.fixture
def account_at_x(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Person, _Account]]:
    with at_a_terminal(tmp_path, monkeypatch, users=1, posts_per_user=1) as (person, emulated):
        user_id = next(iter(emulated.control.truth(detail=True)["posts"]["by_user"]))
        yield person, _Account(user_id, _name_of(emulated.url, user_id), emulated)


def _added(person: Person, *users: str) -> None:
    person.output("collection-config", "template", "user_timeline", "--id", "museums")
    if users:
        person.output("collection-config", "userids", *users)
    person.output("collection", "add")


def test_nothing_is_said_of_a_change_where_there_is_none(person: Person) -> None:
    """`update` then ended with an error."""
    _added(person, "12")
    person.output("collection-config", "download", "museums", "--force")
    words = "`collection-config update` stores the change."
    for typed in (("userids", "12"), ("remove-users", "13"), ("screennames", "British Museum")):
        assert words not in person("collection-config", *typed).err
    assert "Restored 0 users to collection.json.\n" in person.output(
        *("collection-config", "restore-users", "--all")
    )
    assert words in person("collection-config", "remove-users", "12").err


def test_a_folder_in_place_of_a_file_is_not_to_be_moved_away(person: Person) -> None:
    _added(person)
    told = person("collection-config", "userid-files", "collections/")
    assert (told.code, told.err) == (
        2,
        "collections/ is a folder. Name the files in it, e.g. collections/*.txt.\n",
    )
    stored = "collections/museums/collection.json"
    told = person(*("collection-config", "template", "search", "--collection-config-filepath", stored))
    assert told.err.endswith(
        "Use a file of your own, outside the collections; `update` stores its changes.\n"
    )
    told = person("collection-config", "check", "--collection-config-filepath", "collections")
    assert (told.code, "collections is a folder. Name the file in it, e.g. coll" in told.err) == (2, True)


def test_a_change_from_another_terminal_waits_and_both_are_in_the_file(person: Person) -> None:
    """Each said that it added its users, and the file had those of the last."""
    _added(person)
    path, began = person.folder / "collection.json", Event()

    def with_user(tree: Tree, user: str) -> Tree:
        return {**tree, "users": {**tree["users"], user: {}}}

    def theirs(tree: Tree) -> Tree:
        began.set()
        return with_user(tree, "13")

    with ThreadPoolExecutor() as terminals:

        def mine(tree: Tree) -> Tree:
            terminals.submit(collection_file.change, path, theirs)
            assert not began.wait(0.2)
            return with_user(tree, "12")

        collection_file.change(path, mine)
    assert set(person.file["users"]) == {"12", "13"}


def test_a_change_that_is_made_during_an_update_stays_in_the_file(person: Person) -> None:
    _added(person)
    person.output("collection-config", "userids", "12")
    before = person.file
    person.output("collection-config", "userids", "13")
    path = person.folder / "collection.json"
    collection_file.follow(path, {**before, "title": "stored"}, before)
    assert set(person.file["users"]) == {"12", "13"}
    assert person("collection-config", "update").code == 0
    collection_file.follow(path, {**person.file, "title": "stored"}, person.file)
    assert person.file["title"] == "stored"


def _harvested(person: Person, change: Any) -> None:
    """What a harvest does to the stored collection at its end."""
    store = FolderStore(person.folder / "collections")
    history.edit(store, CollectionKeys("museums"), change, harvest="2026-11-23T09:00:00+00:00")


def test_doctor_fails_when_x_refuses_the_keys(
    account_at_x: tuple[Person, _Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, _ = account_at_x
    assert "ok  fields: X accepts every field" in person.output("doctor")
    monkeypatch.setenv("BEARER_TOKEN", "wrongkey")
    told = person("doctor")
    assert told.code == Exit.ERROR
    assert "BAD keys at X: X does not accept the keys" in told.out
    assert "Check the keys" in told.out and "fields" not in told.out


@pytest.mark.parametrize("kind", ["user_timeline", "search", "filter"])
def test_a_template_says_what_is_to_be_filled_in_and_is_refused_until_it_is(
    person: Person, kind: str
) -> None:
    assert person.output("collection-config", "template", kind).startswith(
        "Template written to collection.json.\n"
    )
    assert person.file["type"] == kind
    told = person("collection", "add")
    assert told.code == 1
    assert "still holds the template's text" in told.err
    assert not (person.folder / "collections" / "museums").exists()


def test_a_template_is_not_written_over_a_file_unasked(person: Person) -> None:
    person.output("collection-config", "template", "search", "--id", "one")
    told = person("collection-config", "template", "search", "--id", "two", answer="n\n")
    assert (told.code, person.file["id"]) == (1, "one")
    assert "Cancelled" in told.err
    assert "written" not in told.words
    person.output("collection-config", "template", "search", "--id", "two", answer="y\n")
    person.output("collection-config", "template", "search", "--id", "three", "--force")
    assert person.file["id"] == "three"


@pytest.mark.parametrize(
    ("collection_id", "words"),
    [
        ("my museum", "Id contains spaces."),
        ("../x", "may hold only letters"),
        ("x" * 300, "Id has 300 characters; the limit is 100."),
        ("a\udc80b", "may hold only letters"),
        ("", "Missing id."),
    ],
    ids=["a space", "a path", "too long", "not text", "empty"],
)
@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_template_refuses_an_id_that_no_collection_can_have(
    person: Person, collection_id: str, words: str, options: tuple[str, ...]
) -> None:
    told = person("collection-config", "template", "user_timeline", "--id", collection_id, *options)
    assert (told.code, words in told.err, told.out) == (Exit.USAGE, True, "")
    assert not (person.folder / "collection.json").exists()


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_an_error_file_that_cannot_be_written_is_refused_before_anything_is_paid(
    account_at_x: tuple[Person, _Account], options: tuple[str, ...]
) -> None:
    person, account = account_at_x
    person.output("collection-config", "template", "user_timeline", "--id", "museums")
    (person.folder / "names.txt").write_text(f"{account.name}\nNobody_here\n")
    billed = account.emulated.truth()["billed"]
    for error_file in ("/nonexistent/x", "names.txt/x"):
        for command in (("screenname-files", "names.txt"), ("screennames", account.name)):
            told = person("collection-config", *command, "--error-file", error_file, *options)
            assert (told.code, told.out) == (Exit.USAGE, "")
            assert f"{error_file} cannot be written" in told.err
    assert person.file["users"] == {}
    assert account.emulated.truth()["billed"] == billed


def test_a_question_that_nobody_answers_is_an_error_that_names_the_option(person: Person) -> None:
    person.output("collection-config", "template", "search")
    told = person("collection-config", "template", "search")
    assert told.code == 2
    assert "--force" in told.err
    assert "--yes" not in told.err


def test_user_ids_are_added_once_and_what_is_not_one_leaves_the_file_alone(person: Person) -> None:
    person.output("collection-config", "template", "user_timeline", "--id", "museums")
    (person.folder / "ids.txt").write_bytes("\ufeff12\n\n  14  \n12\n".encode())
    told = person("collection-config", "userids", "12", "13", "13")
    assert (told.code, told.out) == (0, "Added user ids to collection.json.\n")
    assert told.err == "2 users added.\n"
    told = person("collection-config", "userid-filenames", "ids.txt")
    assert told.err == "1 user added, 1 already in the file (12).\n"
    assert person("collection-config", "userids").code == 2
    assert list(person.file["users"]) == ["12", "13", "14"]
    person.output("collection-config", "userid-files", answer="15\n")
    before = person.file
    told = person("collection-config", "userids", "16", "abc")
    assert told.code == 1
    assert "abc is not a user_id." in told.err
    assert person.file == before


def test_a_search_has_no_users(person: Person) -> None:
    person.output("collection-config", "template", "search", "--id", "s")
    for command in ("userids", "screennames", "remove-users"):
        told = person("collection-config", command, "12")
        assert (
            told.code,
            "Collection is not a user_timeline or graph. s is a search: it has no users." in told.err,
        ) == (1, True)


def _without_counts(person: Person) -> dict[str, Any]:
    """The users of the file, but for the number of posts that a look-up tells of each."""
    users = person.file["users"]
    return {key: {k: v for k, v in user.items() if k != "tweet_count"} for key, user in users.items()}


def test_screen_names_become_ids_and_unknown_ones_are_told(account_at_x: tuple[Person, _Account]) -> None:
    person, account = account_at_x
    user_id, name = account.user_id, account.name
    person.output("collection-config", "template", "user_timeline", "--id", "museums")
    told = person("collection-config", "screennames", f"@{name.upper()}", "@Nobody_here", "no good name!")
    assert told.code == 3
    assert told.out.splitlines() == [
        "Getting users ids for screen names. This may take some time ...",
        "Added screen names to collection.json.",
        "Following screen names where not found:",
        "Nobody_here",
        "no good name!",
    ]
    assert "1 user added, 2 not found." in told.err
    limits = "(1 to 15 of a-z, A-Z, 0-9 and _)"
    assert f"1 of these cannot be a screen name {limits} and was not looked up." in told.err
    assert _without_counts(person) == {user_id: {"screen_name": name}}
    errors = ("--error-file", "not-found.txt")
    again = person("collection-config", "screennames", "Nobody_here", "Nobody_there", *errors)
    assert (person.folder / "not-found.txt").read_text() == "Nobody_here\nNobody_there\n"
    assert again.code == 3
    assert _without_counts(person) == {user_id: {"screen_name": name}}
    person.output("collection-config", "remove-users", f"@{name}")
    assert person.file["users"] == {}


def test_a_name_that_moved_is_added_as_the_account_that_has_it_today(
    account_at_x: tuple[Person, _Account],
) -> None:
    person, account = account_at_x
    user_id, name = account.user_id, account.name
    before = {"1": {"screen_name": name, "since_id": "5"}, "2": {"screen_name": "other"}}
    (person.folder / "names.txt").write_text(f"@{name}\n")
    person.write({"id": "museums", "type": "user_timeline", "users": before})
    told = person("collection-config", "screenname-files", "names.txt")
    assert f"0 users added, 1 already in the file ({name})." in told.err
    assert "--look-up-known" in told.err
    assert person.file["users"] == before
    told = person("collection-config", "screennames", f"@{name}")
    assert f"{name} is now the name of account {user_id}; 1, " in told.err
    assert _without_counts(person) == {**before, user_id: {"screen_name": name}}
    told = person("collection-config", "remove-users", f"@{name}")
    assert (told.code, f"is the name of 2 users here: 1, {user_id}." in told.err) == (2, True)
    assert len(person.file["users"]) == 3
    told = person("collection-config", "remove-users", user_id, "@other", "@nobody")
    assert (told.code, told.out.splitlines()[0]) == (3, "Removed 2 users from collection.json.")
    assert list(person.file["users"]) == ["1"]


def test_a_name_is_looked_up_and_paid_for_once_however_it_is_written(
    account_at_x: tuple[Person, _Account],
) -> None:
    person, account = account_at_x
    user_id, name = account.user_id, account.name
    before = account.emulated.truth()["billed"]["users"]
    person.output("collection-config", "template", "user_timeline", "--id", "museums")
    person.output("collection-config", "screennames", name.lower(), f"@{name.upper()}", name)
    assert _without_counts(person) == {user_id: {"screen_name": name}}
    assert account.emulated.truth()["billed"]["users"] - before == 1


def _name_of(url: str, user_id: str) -> str:
    import urllib.request

    request = urllib.request.Request(
        f"{url}/2/users/{user_id}", headers={"Authorization": "Bearer emulator-bearer"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["data"]["username"])


def test_keys_put_the_name_of_a_profile_into_the_file_and_no_secret(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BEARER_TOKEN")
    a_profile(person.folder / "home")
    person.output("collection-config", "template", "search", "--id", "s")
    assert person.output("collection-config", "credentials") == "Added keys to collection.json.\n"
    assert person.file["keys"] == {"profile": "museum"}
    told = person("collection-config", "keys", "--profile", "other")
    assert told.code == 4
    assert "museum" in told.err
    assert person.file["keys"] == {"profile": "museum"}


def test_keys_of_a_collection_that_is_stored_already_are_stored_by_update(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BEARER_TOKEN")
    a_profile(person.folder / "home")
    person.output("collection-config", "template", "user_timeline", "--id", "museums")
    person.output("collection", "add")
    told = person("collection-config", "keys")
    assert told.code == 0 and "`collection-config update` stores the change." in told.err


def test_without_any_keys_there_are_words_and_no_change(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BEARER_TOKEN")
    person.output("collection-config", "template", "search", "--id", "s")
    told = person("collection-config", "keys")
    assert told.code == 4
    assert "collection-config keys" in told.err
    assert not (person.folder / "home" / ".twarc").exists()


def test_a_file_of_keys_that_is_not_there_is_told_though_the_environment_has_some(person: Person) -> None:
    person.output("collection-config", "template", "search", "--id", "s")
    before = person.file
    told = person("collection-config", "keys", "--twarc-config-filepath", "elsewhere")
    assert told.code == 4
    assert person.file == before


def test_keys_in_the_file_are_refused_by_the_store_and_move_to_a_profile(person: Person) -> None:
    tree = {"id": "old", "type": "search", "search": {"query": "q"}, "keys": _SECRETS}
    person.write(tree)
    told = person("collection", "add")
    assert told.code == 2
    assert "s3cret" not in told.words
    person.output("collection-config", "keys", "--move-to", "museum")
    assert person.file["keys"] == {"profile": "museum"}
    assert "s3cretB" in (person.folder / "home" / ".twarc").read_text()
    assert (person.folder / "home" / ".twarc").stat().st_mode & 0o077 == 0
    person.output("collection", "add")
    stored = "".join(path.read_text() for path in (person.folder / "collections").rglob("*.json"))
    assert "s3cret" not in stored


def test_an_update_keeps_what_a_harvest_learnt_and_removed_meanwhile(person: Person) -> None:
    _added(person, "12", "13", "14")
    _harvested(person, lambda now: {**now, "users": {"12": {"since_id": "99"}, "13": {}}})
    person.output("collection-config", "userids", "15")
    assert person.output("collection-config", "update") == "Collection configuration updated.\n"
    expected = {"12": {"since_id": "99"}, "13": {}, "15": {}}
    assert person.stored("museums")["users"] == expected
    assert person.file == person.stored("museums")


def test_a_change_of_what_is_not_users_is_a_change(person: Person) -> None:
    _added(person, "12")
    person.write({**person.file, "delete_users_for": ["suspended"]})
    person.output("collection-config", "update")
    assert person.stored("museums")["delete_users_for"] == ["suspended"]
    told = person("collection-config", "update")
    assert (told.code, told.err) == (
        1,
        "No changes in collection configuration. Edit collection.json first.\n",
    )


def test_an_earlier_version_of_the_file_is_not_overwritten_and_can_be_brought_back(person: Person) -> None:
    _added(person, "12")
    earlier = person.file
    person.write({**earlier, "title": "New"})
    person.output("collection-config", "update")
    person.write(earlier)
    told = person("collection-config", "update")
    assert told.code == 1
    assert "collection.json is an earlier version of museums, without changes of its own" in told.err
    assert person.file == earlier
    person.write({key: earlier[key] for key in earlier if key not in ("changeset", "timestamp")})
    person.output("collection-config", "update", "--yes")
    assert "title" not in person.stored("museums")


def test_a_file_that_a_harvest_learnt_more_than_is_refreshed(person: Person) -> None:
    _added(person, "12")
    _harvested(person, lambda now: {**now, "users": {"12": {"since_id": "99"}}})
    assert "No changes" in person("collection-config", "update").err
    assert person.file == person.stored("museums")


def test_an_update_that_removes_somebody_asks_first_and_a_no_changes_nothing(person: Person) -> None:
    _added(person, "12", "13")
    person.output("collection-config", "remove-users", "12")
    told = person("collection-config", "update", answer="n\n")
    assert told.code == 1
    assert "users -> 12 deleted" in told.err
    assert "updated" not in told.words
    assert list(person.stored("museums")["users"]) == ["12", "13"]
    assert person("collection-config", "update").code == 2
    person.output("collection-config", "update", "--yes")
    assert list(person.stored("museums")["users"]) == ["13"]


def test_a_dry_run_tells_and_changes_nothing(person: Person) -> None:
    _added(person, "12")
    before = person.stored("museums")
    person.output("collection-config", "userids", "13")
    assert "users -> 13 added" in person.output("collection-config", "update", "--dry-run")
    assert person.stored("museums") == before


def test_two_persons_who_change_the_same_thing_are_told(person: Person) -> None:
    _added(person, "12")
    mine = {**person.file, "title": "Mine"}
    person.write({**person.file, "title": "Theirs"})
    person.output("collection-config", "update")
    person.write(mine)
    told = person("collection-config", "update", answer="n\n")
    assert "Also changed in the store meanwhile: title." in told.err
    assert person.stored("museums")["title"] == "Theirs"


def test_a_file_that_does_not_say_where_it_is_from_sets_no_since_id_back(person: Person) -> None:
    _added(person, "12", "13")
    _harvested(person, lambda now: {**now, "users": {"12": {"since_id": "99"}, "13": {}}})
    person.write(
        {"id": "museums", "type": "user_timeline", "users": {"12": {"since_id": "5"}}, "title": "New"}
    )
    assert person("collection-config", "update", answer="n\n").code == 1
    person.output("collection-config", "update", "--yes")
    assert person.stored("museums")["users"] == {"12": {"since_id": "99"}}


class _Thinking(io.BytesIO):
    """A person who answers after a while, in which something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(b"y\n")
        self._meanwhile: Callable[[], object] | None = meanwhile

    def read1(self, size: int | None = -1, /) -> bytes:
        if self._meanwhile:
            self._meanwhile()
            self._meanwhile = None
        return super().read1(size)


def test_what_a_harvest_learns_while_a_question_is_read_is_not_set_back(person: Person) -> None:
    _added(person, "12", "13")
    person.output("collection-config", "remove-users", "12")
    learnt: dict[str, Any] = {"users": {"12": {}, "13": {"since_id": "99"}}}
    told = person(
        *("collection-config", "update"),
        answer=_Thinking(lambda: _harvested(person, lambda now: {**now, **learnt})),
    )
    assert told.code == 0, told
    assert person.stored("museums")["users"] == {"13": {"since_id": "99"}}


def test_since_ids_go_only_where_that_is_asked_for(person: Person) -> None:
    _added(person, "12")
    _harvested(person, lambda now: {**now, "users": {"12": {"since_id": "99"}}})
    person.output("collection-config", "download", "museums")
    person.write({**person.file, "users": {"12": {}}})
    assert person("collection-config", "update").code == 1
    person.output("collection-config", "download", "museums")
    person.write({**person.file, "users": {"12": {}}})
    person.output("collection-config", "update", "--reset-state")
    assert person.stored("museums")["users"] == {"12": {}}


def test_neither_type_nor_an_unknown_collection_can_be_updated(person: Person) -> None:
    _added(person, "12")
    person.write({"id": "museums", "type": "search", "search": {"query": "q"}})
    told = person("collection-config", "update")
    assert (told.code, told.err.startswith("Collection type may not change.")) == (1, True)
    person.write({"id": "other", "type": "search", "search": {"query": "q"}})
    assert person("collection-config", "update").code == 10


@pytest.mark.parametrize("content", ["{}", "{"])
def test_a_download_asks_where_a_damaged_history_does_not_say_what_would_be_lost(
    person: Person, content: str
) -> None:
    _added(person, "12")
    _harvested(person, lambda now: {**now, "users": {"12": {"since_id": "99"}}})
    first = min((person.folder / "collections/museums/changesets").iterdir())
    first.write_text(content)
    told = person("collection-config", "download", "museums", answer="y\n")
    assert "collection.json has changes that are not stored. Overwrite it?" in told.words
    assert told.code == 0, told
    assert person.file == person.stored("museums")


def test_a_collection_is_brought_back_as_it_was_also_where_only_its_history_is_left(person: Person) -> None:
    _added(person, "12", "13")
    first = person.stored("museums")["timestamp"]
    _harvested(person, lambda now: {**now, "title": "Another", "users": {"12": {"since_id": "99"}}})
    download = ("collection-config", "download", "museums", "--force", "--as-of")
    in_tokyo = moment(first).astimezone(timezone(timedelta(hours=9)))
    assert f"as of {first[:10]} {first[11:19]} UTC" in person.output(*download, in_tokyo.isoformat())
    assert set(person.file["users"]) == {"12", "13"} and "version" not in person.file
    refused = person("collection-config", "update").err
    assert "as one of `download --as-of` or of your own: what was changed since is replaced.\n" in refused
    person.output("collection-config", "update", "--yes")
    brought = person.stored("museums")
    told = person(*download, "2196-01-01").err
    assert told == "It is as it was then: there is nothing to bring back.\n"
    assert (brought["users"], "title" in brought) == ({"12": {"since_id": "99"}, "13": {}}, False)
    assert "museums has no version that is that old." in person(*download, "2019-01-01").err
    # A person types a time to the second, and means all of it.
    person.output(*download, first[:19])
    (person.folder / "collections/museums/collection.json").unlink()
    assert "users -> 13 added" in person.output("collection-config", "changes", "museums")
    assert "Its history is still there" in person("collection", "once", "museums").err
    told = person(*download, "2196-01-01").err
    assert told == "museums is no longer there: `collection add` stores what it was then.\n"
    person.output("collection", "add")
    assert person.stored("museums")["users"] == brought["users"]
    oldest = min((person.folder / "collections/museums/changesets").iterdir())
    oldest.write_text(json.dumps({**json.loads(oldest.read_text()), "change_timestamp": None}))
    assert "it does not say when it was made." in person(*download, first).err
    assert "users -> 12 added" in person.output("collection-config", "changes", "museums", "--since", first)


def test_a_stored_collection_that_cannot_be_read_now_is_not_called_damaged(person: Person) -> None:
    _added(person, "12")
    stored, before = person.folder / "collections/museums/collection.json", person.file
    stored.unlink()
    # As on a disk that is not mounted.
    stored.symlink_to(person.folder / "away/collection.json")
    told = person("collection-config", "download", "museums", "--force", "--as-of", "2196-01-01")
    assert (told.code, person.file, told.out) == (1, before, "")
    assert "damaged" not in told.words and "Traceback" not in told.words


def test_a_download_asks_before_it_loses_changes_and_only_then(person: Person) -> None:
    _added(person, "12")
    _harvested(person, lambda now: {**now, "users": {"12": {"since_id": "99"}}})
    assert person.output("collection-config", "download", "museums") == "Downloaded to collection.json.\n"
    person.output("collection-config", "userids", "13")
    assert person("collection-config", "download", "museums", answer="n\n").code == 1
    assert "13" in person.file["users"]
    person.output("collection-config", "download", "museums", "--force")
    assert person.file["users"] == {"12": {"since_id": "99"}}


def test_a_download_asks_before_it_loses_the_changes_of_another_collection(person: Person) -> None:
    _added(person, "12")
    person.output("collection-config", "template", "user_timeline", "--id", "zoos", "--force")
    person.output("collection", "add")
    person.output("collection-config", "userids", "13")
    assert person("collection-config", "download", "museums", answer="n\n").code == 1
    assert list(person.file["users"]) == ["13"]
    person.output("collection-config", "update")
    person.output("collection-config", "download", "museums")
    assert list(person.file["users"]) == ["12"]


def _removed_by_a_harvest(person: Person) -> None:
    _added(person, "12", "13")
    _harvested(person, lambda now: {**now, "users": {"13": {}}})
    folder = person.folder / "collections/museums/harvests/2026/11/23/09/00/00"
    folder.mkdir(parents=True)
    (folder / "harvest.json").write_text(json.dumps({"harvest_timestamp": "2026-11-23T09:00:00+00:00"}))
    was = {"screen_name": "jack", "since_id": "20", "sightings": {"suspended": 1}}
    change = {"user_id": "12", "change": "suspended", "deleted": True, "was": was}
    stays = {"user_id": "14", "change": "protected", "deleted": False, "was": was}
    (folder / "user_changes.json").write_text(json.dumps([change, stays]))


def test_who_was_removed_by_a_harvest_can_be_restored_with_what_was_known(person: Person) -> None:
    _removed_by_a_harvest(person)
    # The file is from before the removal: an update alone brings no user back.
    assert person("collection-config", "update").code == 1
    answer = person("collection-config", "restore-users", "@Jack", "77", "14")
    assert answer.code == 3
    told = answer.out
    assert told.splitlines()[1:] == ["Following users were not removed by a harvest:", "77", "14"]
    person.output("collection-config", "update")
    assert person.stored("museums")["users"]["12"] == {"screen_name": "jack", "since_id": "20"}


def test_a_history_tells_who_did_what_and_no_since_id(person: Person) -> None:
    _added(person, "12", "13")
    _harvested(person, lambda now: {**now, "users": {"12": {"screen_name": "jack", "since_id": "9"}}})
    _harvested(person, lambda now: {**now, "users": {"12": {"screen_name": "jill", "since_id": "10"}}})
    lines = person.output("collection-config", "changes", "museums").splitlines()
    users = [line for line in lines if line.startswith("users")]
    assert users[0].startswith("users -> 12 added on 20")
    assert users[0].endswith("by a person")
    by = "by the harvest of 2026-11-23T09:00:00+00:00"
    assert [
        line for line in users if "screen_name changed from jack to jill on " in line and line.endswith(by)
    ]
    assert [line for line in users if line.startswith("users -> 13 deleted on ") and line.endswith(by)]
    assert not any("since_id" in line for line in lines)
    deleted = person.output("collection-config", "changes", "museums", "--deletes-only").splitlines()
    assert len(deleted) == 1
    assert (
        person.output("collection-config", "changes", "museums", "--since", "2099-01-01") == "No changes.\n"
    )
    assert person("collection-config", "changes", "museums", "--since", "soon").code == 2
    assert person("collection-config", "changes", "nowhere").code == 10


def test_a_history_of_2019_is_told_without_its_secrets(person: Person) -> None:
    folder = person.folder / "collections/old/changesets"
    folder.mkdir(parents=True)
    first = {"id": "old", "type": "user_timeline", "keys": _SECRETS, "users": {"12": {"screen_name": "jack"}}}
    rotated: dict[str, Any] = {"keys": {"consumer_key": "s3cretX"}}
    for number, update in enumerate([first, rotated]):
        name = f"change-2019030915330{number}.json"
        content = {"update": update, "delete": [], "change_timestamp": f"2019-03-09T15:33:0{number}.5"}
        (folder / name).write_text(json.dumps(content))
    (folder.parent / "collection.json").write_text(json.dumps(first))
    told = person.output("collection-config", "changes", "old")
    assert "keys -> consumer_key changed from (not shown) to (not shown) on 2019-03-09T15:33:01.5" in told
    assert "keys -> consumer_key set to (not shown) on 2019-03-09T15:33:00.5" in told
    assert "users -> 12 (jack) added on 2019-03-09T15:33:00.5" in told
    assert "s3cret" not in told + person.output("collection-config", "changes", "old", "--json")


def test_a_check_finds_what_would_fail_before_anything_is_spent(person: Person) -> None:
    person.output("collection-config", "template", "filter", "--id", "live")
    assert person("collection-config", "check").code == 1
    person.write({"id": "live", "type": "filter", "filter": {"track": "a" * 2000}})
    told = person("collection-config", "check")
    assert (told.code, "BAD" in told.out, "character" in told.out) == (1, True, True)
    person.write({"id": "live", "type": "filter", "filter": {"track": "library", "max_records": 100}})
    assert "at most $0.50 a harvest" in person.output("collection-config", "check")


def test_a_live_check_asks_whether_keys_and_query_are_accepted(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.write({"id": "s", "type": "search", "search": {"query": "library"}})
    found = json.loads(person.output("collection-config", "check", "--live", "--json"))
    assert [each["check"] for each in found if each["check"].endswith("at X")] == ["keys at X", "query at X"]
    person.write({"id": "s", "type": "search", "search": {"query": "no_such_operator:x library"}})
    assert "BAD collection at X: " in person("collection-config", "check", "--live").out
    monkeypatch.setenv("BEARER_TOKEN", "revoked")
    told = person("collection-config", "check", "--live")
    assert (told.code, "BAD keys at X: X does not accept the keys" in told.out) == (1, True)


@pytest.mark.parametrize("content", ["{", "[]", "", "\x00"])
@pytest.mark.parametrize("command", ["update", "check", "userids", "keys"])
def test_a_file_that_is_not_a_collection_is_told_in_words(person: Person, content: str, command: str) -> None:
    (person.folder / "collection.json").write_text(content)
    told = person("collection-config", command)
    assert told.code in (1, 2)
    assert "collection.json" in told.err
    assert "Traceback" not in told.words


@pytest.mark.parametrize(
    "command", ["collection once", "collection filter-start", "collection-config check", "collection copy"]
)
def test_a_damaged_stored_collection_is_named_with_what_to_do(person: Person, command: str) -> None:
    stored = person.folder / "collections/museums/collection.json"
    stored.parent.mkdir(parents=True)
    stored.write_text("{")
    told = person(*command.split(), "museums", *(["other"] if command.endswith("copy") else []))
    assert told.code == 1
    assert "collections/museums/collection.json is not JSON: " in told.err
    assert "move the damaged one away, and `collection add` stores it." in told.err


def test_a_key_that_is_given_twice_is_refused_wherever_the_collection_is_read(person: Person) -> None:
    _added(person, "12")
    text = '{"id": "museums", "type": "user_timeline", "users": {"12": {},\n"12": {"since_id": "5"}}}'
    (person.folder / "collection.json").write_text(text)
    twice = "users.12 is given twice, on lines 1 and 2. Keep one of each."
    for command in ("check", "update", "userids 13", "remove-users 12"):
        told = person("collection-config", *command.split())
        assert (told.code, told.err.partition(" Fix it")[0]) == (2, f"collection.json is ambiguous. {twice}")
    stored = person.folder / "collections/museums/collection.json"
    stored.write_text(text)
    for command in (
        *("collection-config check museums", "collection-config download museums", "collection once museums"),
        *("collection-config forget-keys museums", "collection copy museums other"),
    ):
        told = person(*command.split())
        assert told.code == 1, command
        assert f"collections/museums/collection.json is ambiguous. {twice}" in told.err
    told = person.harvester("local", "harvester", "museums")
    assert (told.code, f"is ambiguous. {twice}" in told.err) == (1, True)
    told = person("collection", "verify", "museums", "--json")
    assert (told.code, "it is ambiguous: users.12 is given twice" in told.out) == (12, True)
    assert stored.read_text() == text


def test_a_secret_that_a_second_key_hides_is_removed_too(person: Person) -> None:
    _added(person)
    (changeset,) = (person.folder / "collections/museums/changesets").iterdir()
    hidden = f'{{"update": {{"keys": {json.dumps(_SECRETS)}, "keys": {{}}}}, "version": 0}}'
    changeset.with_name("change-20200101000000-00000000.json").write_text(hidden)
    told = person("collection-config", "forget-keys", "museums", "--yes")
    assert told.code == 0, told
    left = [path.read_text() for path in (person.folder / "collections/museums").rglob("*.json")]
    assert not any(secret in text for text in left for secret in _SECRETS.values())


def test_a_file_that_is_not_there_or_not_to_be_read_is_told_in_words(person: Person) -> None:
    assert "There is no collection.json." in person("collection-config", "update").err
    (person.folder / "folder.json").mkdir()
    told = person("collection-config", "check", "--collection-config-filepath", "folder.json")
    assert told.code == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_is_read_as_editors_save_it(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tree = {"id": "c", "type": "search", "search": {"query": "Überraschung"}}
    (tmp_path / "collection.json").write_bytes(json.dumps(tree, ensure_ascii=False).encode(encoding))
    Person(tmp_path).output("collection", "add")
    assert Person(tmp_path).stored("c")["search"] == tree["search"]


def test_a_file_in_another_encoding_is_told_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "collection.json").write_bytes('{"id": "müsëum"}'.encode("latin-1"))
    told = Person(tmp_path)("collection", "add")
    assert told.code == 2
    assert "save it as UTF-8" in told.err
