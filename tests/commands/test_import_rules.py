"""`collection-config import-rules`: the same rules from every source, and mistakes in one line."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import Exit
from harvester.errors.packages import pinned
from harvester.networks.x.imports import deadlines, redis_rules
from tests.support.cli_session import Person, Result
from tests.support.databases import postgres_programs, postgres_server, valkey_server
from tests.support.servers import no_server

_COLUMNS = ("id", "type", "value", "tag", "campaign")
Rule = dict[str, str]


def _rules(*, keywords: int, accounts: int) -> list[Rule]:
    found = [(f"k{number}", "track", f"storm {number}") for number in range(keywords)]
    found += [(f"f{number}", "follow", str(783214 + number)) for number in range(accounts)]
    return [
        dict(zip(_COLUMNS, (*rule, f"tag {number % 7}", f"c{number % 3}"), strict=True))
        for number, rule in enumerate(found)
    ]


_EMPTY: dict[str, Any] = {"id": "live", "type": "filter", "filter": {}}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    person = Person(tmp_path)
    person.write(_EMPTY)
    return person


def _import(person: Person, *arguments: str, answer: str = "") -> Result:
    return person("collection-config", "import-rules", *arguments, answer=answer)


def _refused(person: Person, *arguments: str, code: Exit = Exit.USAGE, answer: str = "") -> str:
    before = person.file
    told = _import(person, *arguments, answer=answer)
    assert (told.code, person.file) == (code, before), told
    assert told.err.count("\n") == 1 and "Traceback" not in told.err
    return told.err


def _write(person: Person, name: str, text: str | bytes) -> str:
    (person.folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


def _table(rules: list[Rule], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rules)
    return text.getvalue()


_MANY = _rules(keywords=352, accounts=5500)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The collection with 5,852 rules from JSON lines."""
    person = Person(tmp_path_factory.mktemp("wanted"))
    person.write(_EMPTY)
    _write(person, "rules.jsonl", "".join(f"{json.dumps(rule)}\n" for rule in _MANY))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(person.folder)
        told = _import(person, "rules.jsonl")
    assert told.out.startswith("Read 5,852 rows of rules.jsonl: 5,852 rules, 0 repeated, 0 unusable.\n")
    found = person.file
    assert len(found["filter"]["rules"]) == 5852
    assert found["filter"]["rules"][-1] == {
        "id": "f5499",
        "type": "userid",
        "value": "788713",
        "tag": "tag 6",
        "metadata": {"campaign": "c1"},
    }
    return found


@pytest.mark.parametrize(
    "text",
    [
        _table(_MANY),
        _table(_MANY, ";").encode("utf-16"),
        json.dumps(_MANY),
        json.dumps({"rules": _MANY}, indent=1),
    ],
    ids=["csv", "semicolons", "json", "gnip"],
)
def test_every_format_of_a_file_makes_the_same_collection(
    person: Person, wanted: dict[str, Any], text: str | bytes
) -> None:
    assert _import(person, _write(person, "rules", text)).code == 0
    assert person.file == wanted


def test_a_second_import_adds_nothing_and_does_not_list_what_was_there(person: Person) -> None:
    _write(person, "rules.csv", _table(_MANY[:100]))
    assert _import(person, "rules.csv").code == 0
    before = person.file
    told = _import(person, "rules.csv")
    assert told.out == (
        "Read 100 rows of rules.csv: 0 rules, 100 repeated (100 of the collection), 0 unusable.\n"
        "Added 0 rules to collection.json.\n"
    )
    assert person.file == before


@pytest.mark.system
def test_hashes_in_redis_make_the_same_collection(person: Person, wanted: dict[str, Any]) -> None:
    with _valkey(person) as (url, client):
        pipe = client.pipeline(transaction=False)
        for number, rule in enumerate(_MANY):
            place = number if rule["type"] == "track" else number - 352
            shard = place // (400 if rule["type"] == "track" else 5000)
            fields = {"rule_id": rule["id"], "orig_type": rule["type"]}
            fields |= {name: rule[name] for name in ("value", "tag", "campaign")}
            pipe.hset(f"traptor-{rule['type']}:{shard}:{place}", mapping=fields)
        pipe.execute()
        told = _import(person, "--redis", url)
    assert told.out.startswith(f"Read 5,852 rows of {url}: 5,852 rules, 0 repeated, 0 unusable.\n")
    assert person.file == wanted


@pytest.mark.system
def test_sets_in_redis_make_the_same_rules_without_what_a_set_does_not_hold(
    person: Person, wanted: dict[str, Any]
) -> None:
    with _valkey(person) as (url, client):
        for shard in range(2):
            accounts = [rule["value"] for rule in _MANY if rule["type"] == "follow"][shard::2]
            client.sadd(f"traptor-follow:{shard}", *accounts)
        client.sadd("traptor-track:0", *[rule["value"] for rule in _MANY if rule["type"] == "track"])
        assert _import(person, "--redis", url).code == 0
    bare = [{"type": rule["type"], "value": rule["value"]} for rule in wanted["filter"]["rules"]]
    assert sorted(person.file["filter"]["rules"], key=str) == sorted(bare, key=str)


_CREATE = "CREATE TABLE rules (id text, type text, value text, tag text, campaign text)"
_INSERT = "INSERT INTO rules VALUES (:id, :type, :value, :tag, :campaign)"


def test_a_table_of_sqlite_makes_the_same_collection(person: Person, wanted: dict[str, Any]) -> None:
    with sqlite3.connect(person.folder / "rules.db") as database:
        database.execute(_CREATE)
        database.executemany(_INSERT, _MANY)
    database.close()
    told = _import(person, "--sql", "sqlite:///rules.db")
    assert told.out.startswith("Read 5,852 rows of sqlite:///rules.db: 5,852 rules, ")
    assert person.file == wanted


@pytest.mark.system
def test_a_table_of_postgresql_makes_the_same_collection(person: Person, wanted: dict[str, Any]) -> None:
    programs = postgres_programs()
    if not programs:
        pytest.skip("PostgreSQL is not installed here")
    import sqlalchemy

    with postgres_server(*programs) as url:
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(_CREATE))
            connection.execute(sqlalchemy.text(_INSERT), _MANY)
        engine.dispose()
        told = _import(person, "--sql", url)
        assert (told.code, person.file) == (0, wanted)
        # Neither a colon nor a percent sign is a parameter.
        query = "SELECT 'a:b' AS value, campaign::text AS x FROM rules WHERE value LIKE 'storm 35%' LIMIT 1"
        assert _import(person, "--sql", url, "--query", query).code == 0
        assert person.file["filter"]["rules"][-1]["value"] == "a:b"
        words = _refused(person, "--sql", url, "--query", "SELECT value FROM nothing")
        assert 'refuses the query: relation "nothing" does not exist' in words


_MIXED = """value,type,tag
happy,track,mood
url_contains:"cnn.com",track,news
happy,track,
nobody,follow,
"[-122.75, 36.8, -121.75, 37.8]",locations,
sad
"""
_REPORT = """\
Read 6 rows of rules.csv: 3 rules, 1 repeated, 2 unusable; 2 corrected.
corrected  line 3    url_contains:"cnn.com" -> cnn com (keyword)
repeated   line 4    happy: same as line 2
unusable   line 5    nobody: no account id; write @nobody for a name
corrected  line 6    [-122.75, 36.8, -121.75, 37.8] -> -122.75,36.8,-121.75,37.8 (geo)
unusable   line 7    sad: has 1 cells, and the header 3
Added 3 rules to collection.json.
"""


def test_the_report_accounts_for_each_row(person: Person) -> None:
    told = _import(person, _write(person, "rules.csv", _MIXED))
    assert (told.code, told.out, told.err) == (Exit.PARTIAL, _REPORT, "")
    values = [(rule["type"], rule["value"]) for rule in person.file["filter"]["rules"]]
    assert values == [("keyword", "happy"), ("keyword", "cnn com"), ("geo", "-122.75,36.8,-121.75,37.8")]


def test_the_report_as_json_has_each_row_that_is_no_new_rule_as_it_was_written(person: Person) -> None:
    found = _import(person, "--json", _write(person, "rules.csv", _MIXED)).json
    figures = {name: found[name] for name in ("read", "new", "repeated", "unusable", "corrected", "removed")}
    assert figures == {"read": 6, "new": 3, "repeated": 1, "unusable": 2, "corrected": 2, "removed": 0}
    assert (found["sources"], found["written"]) == (["rules.csv"], True)
    assert [row["place"] for row in found["rows"]] == [f"line {number}" for number in range(3, 8)]
    assert found["rows"][0] == {
        "source": "rules.csv",
        "place": "line 3",
        "became": "new",
        "value": 'url_contains:"cnn.com"',
        "type": "keyword",
        "corrected": "cnn com",
        "reason": None,
    }


def test_strict_refuses_what_would_be_corrected(person: Person) -> None:
    told = _import(person, "--strict", _write(person, "rules.csv", _MIXED))
    assert "Read 6 rows of rules.csv: 1 rule, 1 repeated, 4 unusable.\n" in told.out
    assert 'url_contains:"cnn.com": would be corrected to cnn com (keyword)' in told.out


def test_rows_of_standard_input_and_of_a_file_are_one_import(person: Person) -> None:
    _write(person, "gnip.json", json.dumps({"rules": [{"value": "from:12 cats", "a": 1}]}))
    told = _import(person, "-", "gnip.json", answer="value\nfrom:12 cats\n")
    assert "Read 2 rows of standard input and gnip.json: 1 rule, 1 repeated, 0 unusable." in told.out
    assert (
        "gnip.json rule 1 from:12 cats: same as line 2 of standard input; its metadata left out" in told.out
    )
    assert person.file["filter"]["rules"] == [{"type": "native", "value": "from:12 cats"}]


def test_rules_without_a_type_have_the_one_that_is_given(person: Person) -> None:
    rules = [{"value": "from:17919972", "tag": "a"}, {"value": "735369652956766200"}]
    _write(person, "gnip.json", json.dumps({"rules": rules}))
    assert (
        "2 rules, 0 repeated, 0 unusable; 1 corrected."
        in _import(person, "--type", "follow", "gnip.json").out
    )
    assert [rule["type"] for rule in person.file["filter"]["rules"]] == ["userid", "userid"]


@pytest.mark.parametrize(
    ("name", "type", "value"),
    [
        ("track_rules", "keyword", "happy"),
        ("follow_rules", "userid", "17919972"),
        ("locations_rules", "geo", "-122.75,36.8,-121.75,37.8"),
        ("extended_tweets/track_rules", "keyword", "tweet"),
        ("extended_tweets/follow_rules", "userid", "735369652956766200"),
    ],
)
def test_the_rule_files_of_traptor_are_read_with_all_that_they_say(
    person: Person, shared_data: Path, name: str, type: str, value: str
) -> None:
    path = shared_data / "real-v1" / f"{name}.json"
    assert _import(person, str(path)).out.count("\n") == 2
    (rule,) = person.file["filter"]["rules"]
    (line,) = path.read_text().splitlines()
    given = json.loads(line)
    assert (rule["type"], rule["value"], rule["tag"], rule["status"]) == (type, value, "test", "active")
    assert rule["id"] == str(given["rule_id"])
    assert rule["metadata"] == {
        key: given[key] for key in ("description", "appid", "date_added", "rule_type")
    }


def test_rules_that_are_not_in_the_import_are_removed_when_that_is_confirmed(person: Person) -> None:
    section = {"track": "happy,sad", "rules": [{"id": "7", "type": "native", "value": "cat"}]}
    person.write({"id": "live", "type": "filter", "filter": section})
    _write(person, "rules.csv", "value,type\nhappy,track\njoy,track\n")
    refused = _import(person, "--replace", "rules.csv")
    assert (refused.code, person.file["filter"]) == (Exit.USAGE, section)
    assert "Remove 2 rules of collection.json that are not among these?" in refused.err
    told = _import(person, "--replace", "--yes", "rules.csv")
    assert "Added 1 rule to collection.json, and removed 2 that are not among these." in told.out
    assert person.file["filter"] == {
        "rules": [{"type": "keyword", "value": "happy"}, {"type": "keyword", "value": "joy"}]
    }


def test_a_sheet_that_was_edited_changes_the_rules_of_its_ids_and_the_sum_adds_up(person: Person) -> None:
    rules = [{"id": str(number), "type": "keyword", "value": f"word{number}"} for number in range(3)]
    person.write({"id": "live", "type": "filter", "filter": {"rules": rules}})
    _write(
        person,
        "rules.csv",
        "id,type,value,status\n0,keyword,word0,inactive\n1,keyword,word1,\n3,geo,x,\n4,keyword,new,\n",
    )
    dry = _import(person, "--dry-run", "rules.csv")
    assert "Would add 1 rule to collection.json, and change 1. Nothing was changed." in dry.out
    told = _import(person, "rules.csv")
    figures = "1 new rule, 1 changed, 1 repeated (1 of the collection), 1 unusable"
    assert told.out.startswith(f"Read 4 rows of rules.csv: {figures}.\n")
    assert "changed    line 2    word0: 0 has another status\n" in told.out
    assert told.out.endswith("Added 1 rule to collection.json, and changed 1.\n")
    assert [rule.get("status") for rule in person.file["filter"]["rules"]] == ["inactive", None, None, None]


def test_a_file_of_nothing_usable_replaces_nothing(person: Person) -> None:
    person.write({"id": "live", "type": "filter", "filter": {"track": "happy"}})
    _write(person, "rules.csv", "value,type\n,track\nbird,topic\n,\n")
    assert "There is no usable rule in rules.csv." in _refused(
        person, "--replace", "--yes", "--json", "rules.csv"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "rules is empty."),
        ("value,tag\n", "There is no rule in rules."),
        ("[]", "There is no rule in rules."),
        ("term\nhappy\n", "rules has no column value"),
        ("value\ncafé\n".encode("latin-1"), "Line 2 of rules is not text in UTF-8."),
        ('[{"value": "happy"}, {"val', "rules is cut off or not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(
    person: Person, data: str | bytes, words: str
) -> None:
    assert words in _refused(person, _write(person, "rules", data))


def test_a_folder_and_a_file_that_is_not_there_are_refused_in_one_line(person: Person) -> None:
    (person.folder / "folder").mkdir()
    assert "folder is a folder, not a file of rules." in _refused(person, "folder")
    assert "There is no file nothing.csv." in _refused(person, "nothing.csv")


def test_mistakes_of_the_command_line_are_refused_in_one_line(person: Person) -> None:
    assert "No rules given." in _refused(person)
    assert "--query needs --sql." in _refused(person, "--query", "SELECT 1")


def test_only_streams_of_x_have_rules_to_import(person: Person) -> None:
    person.write({"id": "it", "type": "search", "search": {"query": "cats"}})
    assert "Collection is not a filter." in _refused(person, "rules.csv", code=Exit.ERROR)


@contextmanager
def _valkey(person: Person, *, password: str = "") -> Iterator[tuple[str, Any]]:
    import redis

    with valkey_server(person.folder, password=password) as url:
        client = redis.Redis.from_url(url, password=password or None)
        yield url, client
        client.close()


@pytest.mark.system
def test_each_key_in_redis_is_accounted_for(person: Person) -> None:
    with _valkey(person) as (url, client):
        client.hset("traptor-track:0:10", mapping={"value": "second", "tag": "a"})
        client.hset("traptor-track:0:9", mapping={"value": "first"})
        client.hset("traptor-track:1:9", mapping={"value": "first", "rule_id": "5"})
        client.hset("traptor-locations:0:0", mapping={"value": "1,2,3,4", "orig_type": "geo"})
        client.hset("traptor-follow:0:0", mapping={"value": b"caf\xe9"})
        client.set("traptor-track:2:1", "third")
        client.sadd("traptor-topic:0", "fourth")
        client.set("traptor-notify", "fifth")
        client.set("stats:track:0:5", "sixth")
        told = _import(person, "--redis", f"{url}/0")
    assert told.code == Exit.PARTIAL
    assert told.out.splitlines()[0] == f"Read 8 rows of {url}/0: 4 rules, 0 repeated, 4 unusable."
    assert [line.split()[1] for line in told.out.splitlines() if line.startswith("unusable")] == [
        "traptor-track:2:1",
        "traptor-follow:0:0",
        "traptor-notify",
        "traptor-topic:0",
    ]
    assert [rule["value"] for rule in person.file["filter"]["rules"]] == [
        "first",
        "second",
        "first",
        "1,2,3,4",
    ]
    assert person.file["filter"]["rules"][1]["tag"] == "a"


@pytest.mark.system
def test_the_password_of_redis_is_from_the_environment_and_printed_nowhere(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _valkey(person, password="s3cret") as (url, client):
        client.sadd("traptor-track:0", "happy")
        assert f"Set {redis_rules.PASSWORD} in the environment" in _refused(person, "--redis", url)
        monkeypatch.setenv(redis_rules.PASSWORD, "wr0ng")
        assert "does not accept the password" in _refused(person, "--redis", url)
        monkeypatch.setenv(redis_rules.PASSWORD, "s3cret")
        told = _import(person, "--redis", url)
    assert told.code == 0 and "s3cret" not in told.words
    assert "s3cret" not in (person.folder / "collection.json").read_text()


@pytest.mark.parametrize(
    ("option", "url", "variable"),
    [
        ("--redis", "redis://:s3cret@localhost/5", "TWARC_CLOUD_REDIS_PASSWORD"),
        ("--redis", "redis://localhost/5?password=s3cret", "TWARC_CLOUD_REDIS_PASSWORD"),
        ("--sql", "postgresql+psycopg://me:s3cret@localhost/rules", "TWARC_CLOUD_SQL_PASSWORD"),
        ("--sql", "postgresql+psycopg://localhost/rules?password=s3cret", "TWARC_CLOUD_SQL_PASSWORD"),
    ],
)
def test_a_password_in_a_url_is_refused(person: Person, option: str, url: str, variable: str) -> None:
    words = _refused(person, option, url)
    assert variable in words and "s3cret" not in words


def test_a_server_that_is_away_is_told_in_one_line(person: Person) -> None:
    with no_server() as url:
        where = url.removeprefix("http://")
        words = _refused(person, "--redis", f"redis://{where}/5", code=Exit.RETRY_LATER)
        assert f"redis://{where}/5 cannot be read: the connection was refused" in words
        words = _refused(person, "--sql", f"postgresql+psycopg://{where}/rules", code=Exit.RETRY_LATER)
        assert f"postgresql+psycopg://{where}/rules cannot be read: " in words


def test_a_server_that_does_not_answer_is_given_up(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(redis_rules, "CONNECT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        words = _refused(person, "--redis", url, code=Exit.RETRY_LATER)
    assert f"{url} cannot be read: it did not answer within 0.2 seconds." in words
    assert (deadlines.CONNECT, deadlines.READ) == (10, 60)


@pytest.mark.parametrize(
    ("create", "options", "words"),
    [
        ("CREATE TABLE terms (value text)", (), "no such table: rules"),
        ("CREATE TABLE rules (term text, tag text)", (), "has no column value; its columns are: term, tag."),
        ("CREATE TABLE rules (value text)", (), "There is no rule in sqlite:///rules.db."),
        (
            "CREATE TABLE rules (value text)",
            ("--query", "SELECT tag FROM rules"),
            "refuses the query: no such column: tag",
        ),
        ("CREATE TABLE rules (value text)", ("--query", "CREATE TABLE a (b)"), "The query returns no rows."),
        (
            "CREATE TABLE rules (value text)",
            ("--query", "SELECT value, 1 AS x, 2 AS x FROM rules"),
            "The query returns two columns x.",
        ),
    ],
)
def test_a_database_without_the_rules_is_told_in_one_line(
    person: Person, create: str, options: tuple[str, ...], words: str
) -> None:
    with sqlite3.connect(person.folder / "rules.db") as database:
        database.execute(create)
    database.close()
    assert words in _refused(person, "--sql", "sqlite:///rules.db", *options)


@pytest.mark.parametrize(
    ("option", "url", "words"),
    [
        ("--redis", "localhost", "--redis is not an address of a Redis server."),
        ("--redis", "http://localhost:80", "--redis is not an address of a Redis server."),
        ("--redis", "redis://localhost:port", "--redis is not an address of a Redis server."),
        ("--sql", "rules.db", "--sql is not a URL of a database."),
        ("--sql", "sqlite:///nothing.db", "There is no database file nothing.db."),
        ("--sql", "nosuch://localhost/rules", "SQLAlchemy has no driver nosuch."),
        ("--sql", "mysql+pymysql://localhost/rules", "needs the Python module pymysql"),
    ],
)
def test_a_url_that_is_none_is_refused(person: Person, option: str, url: str, words: str) -> None:
    assert words in _refused(person, option, url)
    assert not (person.folder / "nothing.db").exists()


def test_no_command_installs_a_package_by_the_name_of_a_driver_s_module(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    words = _refused(person, "--sql", "mysql://localhost/rules")
    assert "mysql:// needs the Python module MySQLdb, which is not installed. Install the driver" in words
    assert "pip install" not in words


def test_the_values_of_a_query_are_those_of_json(person: Person) -> None:
    query = "SELECT 'happy' AS Value, 12 AS id, 'track' AS type, 1.5 AS weight, NULL AS note, X'6869' AS raw"
    assert _import(person, "--sql", "sqlite://", "--query", query).code == 0
    assert person.file["filter"]["rules"] == [
        {"id": "12", "type": "keyword", "value": "happy", "metadata": {"weight": 1.5, "raw": "hi"}}
    ]


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for option, package in (("--redis", "redis"), ("--sql", "sqlalchemy")):
        words = _refused(person, option, f"{package}://localhost")
        assert f"{option} needs the Python package {package}, which is not installed. Run: " in words
        assert words.endswith(f"-m pip install --require-hashes -r {pinned('requirements-rules.txt')}\n")
