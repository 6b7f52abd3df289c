"""A question reads the tables, and can reach or change nothing else."""

import os
import resource
import signal
import threading
from pathlib import Path

import orjson
import pytest

from harvester.errors import Exit, HarvesterError, Terminated
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.tables.ask import answer, opened
from harvester.tables.catalog import catalog
from harvester.tables.columns import TABLES
from harvester.tables.paths import tables_named
from tests.support import record_forms
from tests.support.cli_session import Person
from tests.support.record_store import store_harvest
from tests.support.table_rows import asked, build

_KEYS = CollectionKeys("election")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return _with_tables(tmp_path)


@pytest.fixture(scope="module")
def only_asked(tmp_path_factory: pytest.TempPathFactory) -> FolderStore:
    """The same for all tests that change nothing in it."""
    return _with_tables(tmp_path_factory.mktemp("asked"))


def _with_tables(folder: Path) -> FolderStore:
    store = FolderStore(folder / "collections")
    store_harvest(store, _KEYS, record_forms.made_up_lines())
    build(store, _KEYS)
    return store


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd.parquet'",
        "SELECT * FROM read_parquet('https://example.org/posts.parquet')",
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/hostname'')')",
        "FROM posts, read_text('/etc/hostname')",
    ],
)
def test_nothing_else_of_the_machine_can_be_read(only_asked: FolderStore, statement: str) -> None:
    with pytest.raises(HarvesterError, match=r"The query failed: Permission Error: Cannot access"):
        asked(only_asked, statement)


@pytest.mark.parametrize(
    "statement",
    [
        *("COPY posts TO 'x.csv'", "COPY (SELECT 1) TO '{path}'", "EXPORT DATABASE 'x'", "ATTACH 'x.db'"),
        *("SET enable_external_access = true", "RESET lock_configuration", "LOAD httpfs", "INSTALL httpfs"),
        *(
            "CREATE TABLE x AS SELECT 1",
            "DROP VIEW posts",
            "INSERT INTO posts VALUES (1)",
            "VACUUM",
        ),
        *("SELECT 1; SELECT 2", "SELECT 1; DROP VIEW posts", "", "PRAGMA version", "CALL pragma_version()"),
    ],
)
def test_only_one_select_passes(only_asked: FolderStore, statement: str) -> None:
    (entry,) = catalog(only_asked, "election").files("posts")
    path = only_asked.file_of(entry.key)
    before = path.read_bytes()
    with pytest.raises(HarvesterError, match="takes one SELECT statement") as caught:
        asked(only_asked, statement.format(path=path))
    assert caught.value.exit_code == Exit.USAGE and path.read_bytes() == before


def test_what_is_no_sql_is_one_line(only_asked: FolderStore) -> None:
    for statement, words in (
        ("SELECT * FRO posts", "syntax error"),
        ("SELECT * FROM nothing", "Table with name nothing does not exist"),
        ("SELECT nothing FROM posts", 'column "nothing" not found'),
        ("SELECT 'a'::INTEGER", "Could not convert string 'a'"),
        ("SELECT CAST(text AS INTEGER) FROM posts", "Could not convert string"),
    ):
        with pytest.raises(HarvesterError) as caught:
            asked(only_asked, statement)
        said = str(caught.value)
        assert words.lower() in said.lower() and "\n" not in said, said


def test_columns_of_one_name_are_told_apart(only_asked: FolderStore) -> None:
    (row,) = asked(only_asked, "SELECT 1 AS id, 2 AS id_1, 3 AS id, 4 AS id")
    assert row == {"id": 1, "id_1": 2, "id_2": 3, "id_3": 4}


def test_an_answer_as_json_has_no_numbers_that_json_lacks(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = Person(tmp_path)("tables", "sql", "SELECT 1 / 0 AS a, [-1 / 0, 0.5] AS b", "--json")
    assert orjson.loads(told.out) == [{"a": "inf", "b": ["-inf", 0.5]}]


def test_variables_of_this_program_are_no_tables(only_asked: FolderStore) -> None:
    with pytest.raises(HarvesterError, match="Table with name secrets does not exist"):
        secrets = [1]
        asked(only_asked, f"SELECT * FROM secrets -- {secrets}")


def test_posts_once_has_the_newest_of_each_post_and_none_that_was_included(store: FolderStore) -> None:
    lines = record_forms.made_up_lines()
    store_harvest(
        store, _KEYS, [line.replace(b"09:00:01", b"23:00:01") for line in lines], at="2026-10-07T09:00:00Z"
    )
    store_harvest(store, CollectionKeys("museums"), lines)
    build(store, _KEYS)
    build(store, CollectionKeys("museums"))
    once = asked(store, "SELECT collection, id, included FROM posts_once")
    ids = [(row["collection"], row["id"]) for row in once]
    expected = asked(store, "SELECT DISTINCT collection, id FROM posts WHERE NOT included")
    assert sorted(ids) == sorted((row["collection"], row["id"]) for row in expected)
    assert len(ids) == len(set(ids)) and not any(row["included"] for row in once)
    (row,) = asked(store, "SELECT max(hour(retrieved_at)) AS hour FROM posts_once")
    assert row["hour"] == 23


def test_a_table_without_a_file_has_its_columns_and_no_rows(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "other")
    store_harvest(store, _KEYS, [])
    build(store, _KEYS)
    for table, columns in TABLES.items():
        if table != "harvests":
            assert asked(store, f"SELECT {', '.join(columns)} FROM {table}") == []


def test_tables_of_no_collection_are_said(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError, match=r"There are no tables in .*Run `tables build`"):
        asked(FolderStore(tmp_path), "SELECT 1")


def test_a_damaged_table_is_named(store: FolderStore) -> None:
    (entry,) = catalog(store, "election").files("posts")
    path = store.file_of(entry.key)
    os.truncate(path, 100)
    with pytest.raises(HarvesterError, match=rf"{path.name}.*Remove it.*tables build"):
        asked(store, "SELECT * FROM posts")


def test_the_tables_that_a_statement_names_are_found() -> None:
    assert tables_named("select 1 from posts_once join ACCOUNTS using (id)") == ["posts", "accounts"]
    assert tables_named('select * from "hashtags"') == ["hashtags"]
    assert tables_named("select 'postscript'") == []


def test_a_query_that_does_not_fit_on_the_disk_for_temporary_files_says_so(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened({}, tmp_path, memory_mb=30, threads=1) as connection:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            with pytest.raises(HarvesterError, match=r"temporary files is full \(/.*TMPDIR"):
                list(answer(connection, "SELECT md5(range::VARCHAR) AS a FROM range(2000000) ORDER BY a")[1])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_ends_a_query(tmp_path: Path, threads: int) -> None:
    """DuckDB made it an error without words, or heard it only at the end of the query."""

    def hear(number: int, _: object) -> None:
        raise Terminated(number)

    before = signal.signal(signal.SIGTERM, hear)
    try:
        with opened({}, tmp_path, threads=threads) as connection, pytest.raises(Terminated):
            threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGTERM]).start()
            list(answer(connection, "SELECT count(*) FROM range(20000000000) found(n) WHERE n % 7 = 3")[1])
    finally:
        signal.signal(signal.SIGTERM, before)
