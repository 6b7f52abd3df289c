"""What a person may get wrong is told in one line, with its exit code, and loses nothing."""

import os
import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import emulator
from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.errors import Exit, HarvesterError
from harvester.harvest.harvest import Harvest
from harvester.settings import Settings
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.container_process import Desk, Said
from tests.support.servers import Bucket

pytestmark = pytest.mark.system

_KEYS = CollectionKeys("it")
_SEARCH: dict[str, Any] = {"id": "it", "type": "search", "search": {"query": "flood"}}
_USERS: dict[str, Any] = {"id": "it", "type": "user_timeline", "users": {}}
_FILTER: dict[str, Any] = {"id": "it", "type": "filter", "filter": {"track": "flood"}}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _require_one_line(said: Said, code: Exit, *words: str) -> None:
    assert said.code == code, said
    assert "Traceback" not in said.err + said.out
    assert len(said.answer.splitlines()) == 1, said.err
    assert all(word in said.answer for word in words), said.answer


def _without(tree: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if name != key}


_COLLECTIONS: dict[str, tuple[Any, str]] = {
    "not JSON": ('{"id": "it",', "is not JSON"),
    "not an object": ([1, 2], "not a JSON object"),
    "empty": ("", "is not JSON"),
    "half written": ('{"id": "it", "type": "search", "search": {"query": "fl', "is not JSON"),
    "no id": (_without(_SEARCH, "id"), "Missing id."),
    "another id": ({**_SEARCH, "id": "that"}, "Its id is 'that', and its folder is named it."),
    "no type": (_without(_SEARCH, "type"), "Missing type."),
    "unknown type": ({**_SEARCH, "type": "twitter"}, "Unrecognized collection type 'twitter'"),
    "no section": (_without(_SEARCH, "search"), "missing search"),
    "no query": ({**_SEARCH, "search": {}}, "Query must be provided."),
    "no users": (_without(_USERS, "users"), "missing users"),
    "nothing to filter": ({**_FILTER, "filter": {}}, "Must provide track, follow, locations, or rules"),
    "a template's text": (
        {**_SEARCH, "search": {"query": "<Query>"}},
        "search.query still holds the template",
    ),
    "a template's number": (
        {**_SEARCH, "search": {"query": "flood", "max_records": "<Optional maximum number of records"}},
        "max_records",
    ),
    "unknown key": ({**_SEARCH, "serach": {}}, "Unknown key serach. Did you mean search?"),
    "unknown key below": ({**_SEARCH, "search": {"query": "a", "qurey": "b"}}, "Unknown key search.qurey."),
    "ids that are not digits": ({**_USERS, "users": {"jack": {}}}, "jack is not a user_id."),
    "a since_id that is none": ({**_USERS, "users": {"1": {"since_id": "new"}}}, "since_id of user 1"),
    "negative max_records": ({**_SEARCH, "search": {"query": "a", "max_records": -1}}, "max_records is -1"),
    "huge max_records": (
        {**_SEARCH, "search": {"query": "a", "max_records": 10**30}},
        "search.max_records is",
    ),
    "half a record": ({**_SEARCH, "search": {"query": "a", "max_records": 1.5}}, "max_records is 1.5"),
    "a state that is none": ({**_USERS, "delete_users_for": ["gone"]}, "delete_users_for holds 'gone'"),
}


@pytest.mark.parametrize("case", _COLLECTIONS)
def test_a_bad_collection_is_told_and_left_as_it_is(case: str, desk: Desk) -> None:
    """D-30 and D-23: a template's text was harvested, and most mistakes were tracebacks."""
    content, words = _COLLECTIONS[case]
    path = desk.put("it", content)
    before = path.read_text()
    said = desk.harvested("it")
    _require_one_line(said, Exit.ERROR, words)
    assert words in said.answer
    assert path.read_text() == before
    assert desk.files("it") == {"collection.json"}


@pytest.mark.parametrize(
    "collection_id", ["../x", "a/b", "a b", " ", "", ".hidden", "-x", "a\nb", "é", "x" * 200]
)
def test_an_id_that_is_none_is_refused_before_anything_is_touched(collection_id: str, desk: Desk) -> None:
    """S-09: an id went into paths and names unchecked."""
    said = desk.said("local", "harvester", "--", collection_id)
    _require_one_line(said, Exit.USAGE, "Check the id, or choose another one.")
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize(
    "collection_id", ["temp", "temperature", "collections", "x" * 100, "open", "lock.json"]
)
def test_an_id_that_looks_like_something_else_is_harvested_into_its_own_folder(
    collection_id: str, desk: Desk
) -> None:
    """D-25: `temp` in an id was replaced in every key, so that its data went to another prefix."""
    with emulator.running(search_posts=120) as emulated:
        desk.url = emulated.url
        desk.put(collection_id, {**_SEARCH, "id": collection_id})
        said = desk.harvested(collection_id)
        assert said.code == Exit.OK, said
        assert desk.summaries(collection_id)[0]["tweets"] == 120
        folders = {path.name for path in (desk.folder / "collections").iterdir()}
        assert folders - {".scratch"} == {collection_id}


def test_a_collection_that_is_not_there(desk: Desk) -> None:
    _require_one_line(
        desk.harvested("it"), Exit.NO_COLLECTION, "There is no collection it", "add the collection"
    )


def test_a_folder_of_collections_that_is_a_file(desk: Desk) -> None:
    (desk.folder / "collections").write_text("")
    said = desk.harvested("it")
    assert said.code in (Exit.ERROR, Exit.NO_COLLECTION)
    assert "Traceback" not in said.err


def test_keys_that_are_missing(desk: Desk) -> None:
    desk.put("it", _SEARCH)
    said = desk.harvested("it", BEARER_TOKEN="")
    _require_one_line(said, Exit.UNAUTHORIZED, "There are no keys for the X API", "which asks for them")
    assert desk.summaries("it")[0]["state"] == "failed"


def test_a_profile_that_is_missing(desk: Desk) -> None:
    desk.put("it", {**_SEARCH, "keys": {"profile": "museum"}})
    (desk.folder / ".twarc").write_text("[home]\nbearer_token = secret-of-home\n")
    said = desk.harvested("it", BEARER_TOKEN="", HOME=str(desk.folder))
    _require_one_line(said, Exit.UNAUTHORIZED, "no profile museum")
    assert "secret-of-home" not in said.err + said.out


def test_keys_that_are_refused(desk: Desk) -> None:
    with emulator.running() as emulated:
        desk.url = emulated.url
        desk.put("it", _SEARCH)
        said = desk.harvested("it", BEARER_TOKEN="not-this-one")
        _require_one_line(said, Exit.UNAUTHORIZED, "does not accept the keys", "Check the keys")
        assert "not-this-one" not in said.err + said.out + str(desk.summaries("it"))


@pytest.mark.parametrize(
    "tree", [_SEARCH, {**_USERS, "users": {"1": {}}}, _FILTER], ids=lambda tree: tree["type"]
)
def test_a_network_that_cannot_be_reached(tree: dict[str, Any], desk: Desk) -> None:
    desk.put("it", tree)
    said = desk.harvested("it")
    _require_one_line(said, Exit.RETRY_LATER, "could not be reached", "continues where it was")
    summary = desk.summaries("it")[0]
    assert (summary["state"], summary["exit_code"]) == ("stopped", Exit.RETRY_LATER)
    assert summary["reason"].rstrip(".") in said.answer


def test_an_address_of_the_network_that_is_none(desk: Desk) -> None:
    desk.put("it", _SEARCH)
    said = desk.harvested("it", X_API_URL="not a url")
    assert said.code != Exit.OK
    assert "Traceback" not in said.err, said.err


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TWARC_CLOUD_LOCK_SECONDS": "soon"}, "lock_seconds is 'soon'; it must be a number."),
        ({"TWARC_CLOUD_CONCURRENCY": "-3"}, "concurrency is -3; it must be more than 0"),
    ],
)
def test_a_setting_that_is_none(environment: dict[str, str], words: str, desk: Desk) -> None:
    desk.put("it", _SEARCH)
    _require_one_line(desk.harvested("it", **environment), Exit.USAGE, words)


def test_an_ini_that_cannot_be_read(desk: Desk) -> None:
    desk.put("it", _SEARCH)
    (desk.folder / "twarc_cloud.ini").write_text("no section\n")
    _require_one_line(desk.harvested("it"), Exit.USAGE, "twarc_cloud.ini cannot be read")


def test_a_bucket_that_does_not_exist(desk: Desk, s3: Bucket) -> None:
    said = desk.said("aws", "harvester", "no-such-bucket", "it", **s3.server.environment)
    _require_one_line(said, Exit.ERROR, "The bucket no-such-bucket does not exist")


def test_a_bucket_that_refuses(desk: Desk, s3: Bucket) -> None:
    wrong = {**s3.server.environment, "AWS_SECRET_ACCESS_KEY": "wrong"}
    said = desk.said("aws", "harvester", s3.name, "it", **wrong)
    _require_one_line(said, Exit.ERROR, s3.name, "keys")


def test_a_bucket_without_keys(desk: Desk, s3: Bucket) -> None:
    environment = {**s3.server.environment, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    _require_one_line(desk.said("aws", "harvester", s3.name, "it", **environment), Exit.ERROR, "AWS keys")


def test_a_bucket_that_cannot_be_reached(desk: Desk, s3: Bucket) -> None:
    away = {**s3.server.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    _require_one_line(desk.said("aws", "harvester", s3.name, "it", **away), Exit.ERROR, "cannot be reached")


def test_a_collection_that_is_not_in_the_bucket(desk: Desk, s3: Bucket) -> None:
    said = desk.said("aws", "harvester", s3.name, "it", **s3.server.environment)
    _require_one_line(said, Exit.NO_COLLECTION, f"There is no collection it in s3://{s3.name}")


class _SpoiltMeanwhile(FolderStore):
    """Somebody edits the collection by hand between the first look at it and the lock."""

    def create(self, key: str, data: bytes) -> str:
        if key == _KEYS.lock:
            spoilt = b'{"id": "it", "type": "search", "search": {}}'
            self.replace(_KEYS.collection, spoilt, version=self.read(_KEYS.collection).version)
        return super().create(key, data)


def test_a_collection_that_is_spoilt_before_the_lock_is_taken_is_refused_too(tmp_path: Path) -> None:
    store = _SpoiltMeanwhile(tmp_path)
    history.add(store, _KEYS, _SEARCH)
    asked: list[object] = []
    harvest = Harvest(
        store=store,
        keys=_KEYS,
        client=asked.append,  # type: ignore[arg-type]
        settings=Settings(),
        work_root=tmp_path / "temp",
        clock=SystemClock(),
        stop=Stop(),
    )
    with pytest.raises(HarvesterError) as refused:
        harvest.run()
    assert "Query must be provided." in refused.value.problems
    assert not asked


def test_a_lock_that_is_held(desk: Desk) -> None:
    desk.put("it", _SEARCH)
    lock = desk.folder / "collections" / "it" / "lock.json"
    lock.write_text('{"owner": "somebody", "host": "elsewhere", "ttl": 60}')
    _require_one_line(desk.harvested("it"), Exit.LOCKED, "locked", "somebody", "elsewhere", "expires")
    assert desk.files("it") == {"collection.json", "lock.json"}


def test_a_lock_that_is_not_json_counts_until_it_expires_or_is_removed(desk: Desk) -> None:
    """D-08: a lock whose owner was gone kept every harvest out for ever."""
    with emulator.running(search_posts=10) as emulated:
        desk.url = emulated.url
        desk.put("it", _SEARCH)
        lock = desk.folder / "collections" / "it" / "lock.json"
        lock.write_text("{half a lo")
        _require_one_line(desk.harvested("it"), Exit.LOCKED, "locked")
        unlocked = desk.said("local", "unlock", "it")
        assert (unlocked.code, lock.exists()) == (Exit.OK, False)
        assert desk.harvested("it").code == Exit.OK


def test_a_lock_of_2019_is_taken_over_once_it_is_old(desk: Desk) -> None:

    with emulator.running(search_posts=10) as emulated:
        desk.url = emulated.url
        desk.put("it", _SEARCH)
        lock = desk.folder / "collections" / "it" / "lock.json"
        lock.write_text('{"harvest_id": "2019-04-01T00:00:00"}')
        old = datetime.now(UTC).timestamp() - 3600
        os.utime(lock, (old, old))
        assert desk.harvested("it").code == Exit.OK
        assert not lock.exists()


def test_files_that_a_crash_left_half_written_are_in_nobody_s_way(desk: Desk) -> None:
    with emulator.running(search_posts=120) as emulated:
        desk.url = emulated.url
        desk.put("it", _SEARCH)
        work = desk.folder / "temp" / "local" / "it" / "20260101000000-dead"
        work.mkdir(parents=True)
        (work / "journal-000001.jsonl").write_text('{"harvest": "2026-01-01T00:0')
        scratch = desk.folder / "collections" / ".scratch"
        scratch.mkdir()
        (scratch / "half").write_bytes(b"half")
        said = desk.harvested("it")
        assert said.code == Exit.OK, said
        assert desk.summaries("it")[0]["tweets"] == 120
        assert not list((desk.folder / "temp" / "local" / "it").iterdir())


def test_records_without_a_journal_that_can_be_read_are_kept_and_told(desk: Desk) -> None:
    with emulator.running(search_posts=120) as emulated:
        desk.url = emulated.url
        desk.put("it", _SEARCH)
        work = desk.folder / "temp" / "local" / "it" / "20260101000000-dead"
        work.mkdir(parents=True)
        (work / "journal-000001.jsonl").write_text("no journal\n")
        (work / "tweets-20260101000000-000001.jsonl.gz").write_bytes(b"\x1f\x8b\x08half")
        said = desk.harvested("it")
        assert said.code == Exit.OK, said
        assert "no readable journal; kept" in said.err
        assert (work / "tweets-20260101000000-000001.jsonl.gz").read_bytes() == b"\x1f\x8b\x08half"


@pytest.mark.parametrize("content", ["{half a check", "[]", '{"state": {}}', "null"])
def test_a_checkpoint_that_cannot_be_read_is_told_and_kept(content: str, desk: Desk) -> None:
    desk.put("it", _SEARCH)
    checkpoint = desk.folder / "collections" / "it" / "checkpoint.json"
    checkpoint.write_text(content)
    _require_one_line(desk.harvested("it"), Exit.ERROR, "checkpoint.json")
    assert checkpoint.read_text() == content
    assert desk.files("it") == {"collection.json", "checkpoint.json"}


def test_a_work_folder_that_cannot_be_written(desk: Desk) -> None:
    desk.put("it", _SEARCH)
    (desk.folder / "temp").write_text("a file where a folder should be")
    said = desk.harvested("it")
    assert said.code == Exit.ERROR
    assert "Traceback" not in said.err, said.err
    assert "temp" in said.answer


def test_two_usage_errors_are_told_as_click_does(desk: Desk) -> None:
    for arguments, words in (
        (["bogus"], "No such command"),
        (["local", "harvester"], "Missing argument"),
        (["local", "harvester", "it", "--port", "99999"], "--port"),
        (["local", "harvester", "it", "--tweets-per-file", "many"], "--tweets-per-file"),
    ):
        said = desk.said(*arguments)
        assert (said.code, said.out) == (Exit.USAGE, "")
        assert words in said.err


def test_no_number_of_tweets_a_file(desk: Desk) -> None:
    _require_one_line(desk.harvested("it", "--tweets-per-file", "0"), Exit.USAGE, "tweets_per_file")


def test_a_port_that_is_taken(desk: Desk) -> None:

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        desk.put("it", _SEARCH)
        said = desk.harvested("it", "--port", str(taken.getsockname()[1]))
    _require_one_line(said, Exit.USAGE, "Port", "Choose another --port.")
    assert desk.files("it") == {"collection.json"}


def test_every_line_of_the_log_has_its_time_and_level(desk: Desk) -> None:
    desk.put("it", _SEARCH)
    log = [line for line in desk.harvested("it").err.splitlines() if line.startswith("20")]
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:]+ [A-Z]+ ", line) for line in log)
