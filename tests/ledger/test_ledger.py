"""The ledger says what was read, adds it up, and tells in one line when its file cannot be used."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.errors import Conflict, Exit, HarvesterError
from harvester.ledger import files, rollups, sightings
from harvester.ledger.cache import Cache, cache_of, one_writer
from harvester.ledger.database import Ledger, is_outdated, remove
from harvester.ledger.files import ReadFile
from harvester.ledger.sightings import Sighting
from harvester.ledger.spans import Span


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return cache_of("s3://bucket", str(tmp_path))


@pytest.fixture
def ledger(cache: Cache) -> Iterator[Ledger]:
    with one_writer(cache), Ledger.writing(cache) as made:
        yield made


def _read(ledger: Ledger, key: str, **found: object) -> int:
    collection = files.require_collection(ledger, key.partition("/")[0])
    number = files.begin(ledger, key, sha256="x", collection=collection, harvest="h")
    files.finish(ledger, [ReadFile(number, **found)])  # type: ignore[arg-type]
    return number


def test_a_file_is_begun_and_then_done_with_what_it_holds(ledger: Ledger) -> None:
    collection = files.require_collection(ledger, "c")
    number = files.begin(ledger, "c/1", sha256="x", collection=collection, harvest="h")
    assert files.known(ledger)["c/1"].state == files.BEGUN
    assert files.totals(ledger) == (0, 0, 0)
    files.finish(ledger, [ReadFile(number, posts=3, included=2, newest="2026", days={1: 3}, tags={"a": 1})])
    assert files.known(ledger)["c/1"].state == files.DONE
    assert files.totals(ledger) == files.totals(ledger, "c") == (1, 3, 2)
    assert files.newest(ledger, "c") == "2026"
    assert files.keys_of(ledger, {number, 99}) == {number: "c/1"}


def test_days_and_tags_are_added_up_by_collection_and_for_all(ledger: Ledger) -> None:
    _read(ledger, "a/1", days={0: 1, 1: 2}, tags={"x": 5, "y": 1})
    _read(ledger, "a/2", days={1: 1}, tags={"y": 1})
    _read(ledger, "b/1", days={1: 10}, tags={"y": 4})
    assert rollups.days(ledger, "a") == [("1970-01-01", 1), ("1970-01-02", 3)]
    assert rollups.days(ledger) == [("1970-01-01", 1), ("1970-01-02", 13)]
    assert rollups.top_tags(ledger, "a", limit=1) == [("x", 5)]
    assert rollups.top_tags(ledger) == [("y", 6), ("x", 5)]
    assert rollups.days(ledger, "missing") == []


def test_a_collection_that_is_forgotten_leaves_the_sums_of_the_others(ledger: Ledger) -> None:
    _read(ledger, "a/1", days={0: 1, 1: 2}, tags={"x": 5}, posts=3)
    _read(ledger, "b/1", days={1: 10}, tags={"x": 1, "y": 4}, posts=10)
    files.forget(ledger, "a")
    assert files.to_empty(ledger) == [files.collection_number(ledger, "a")]
    files.emptied(ledger)
    assert files.to_empty(ledger) == []
    assert rollups.days(ledger) == rollups.days(ledger, "b") == [("1970-01-02", 10)]
    assert rollups.top_tags(ledger) == [("y", 4), ("x", 1)]
    assert files.totals(ledger) == (1, 10, 0)


def test_sightings_widen_spans_and_keep_the_newest_profile(ledger: Ledger) -> None:
    collection = files.require_collection(ledger, "c")
    for source, moment, name in (("f1", "2", "jack"), ("f2", "3", "Jack"), ("f0", "1", "jack")):
        seen = Sighting("12", name, "active", source, moment, moment, profile=moment.encode())
        sightings.add(ledger, collection, [seen, seen])
    assert sightings.spans(ledger, "names", "12") == [Span("jack", "1", "3", "f2")]
    assert ledger.value("select data from profiles") == b"3"
    # Accounts that were only ever active have no state.
    assert sightings.spans(ledger, "states", "12") == []


def test_a_change_of_name_and_state_parts_the_spans(ledger: Ledger) -> None:
    collection = files.require_collection(ledger, "c")
    first = [Sighting("12", "jack", "active", "f1", "1", "2"), Sighting("13", "biz", "", "f1", "1", "1")]
    sightings.add(ledger, collection, first)
    later = [
        Sighting("12", "", "suspended", "f2", "3", "3"),
        Sighting("12", "jacky", "active", "f2", "4", "5"),
    ]
    sightings.add(ledger, collection, later)
    assert [(span.value, span.first, span.last) for span in sightings.spans(ledger, "names", "12")] == [
        ("jack", "1", "2"),
        ("jacky", "4", "5"),
    ]
    assert [(span.value, span.first) for span in sightings.spans(ledger, "states", "12")] == [
        ("suspended", "3"),
        ("active", "4"),
    ]


def test_a_transaction_that_fails_changes_nothing(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        ledger.note("as_of", "now")
        raise ZeroDivisionError
    assert ledger.as_of == ""


def test_a_reader_sees_what_was_there_when_a_writer_is_at_it(cache: Cache, ledger: Ledger) -> None:
    ledger.note("as_of", "before")
    with ledger.transaction():
        ledger.note("as_of", "after")
        with Ledger.reading(cache) as reader:
            assert reader.as_of == "before"


def test_without_a_file_or_with_another_version_a_ledger_is_empty(cache: Cache) -> None:
    with Ledger.reading(cache) as ledger:
        assert ledger.is_empty
        assert files.known(ledger) == {}
    with one_writer(cache), Ledger.writing(cache) as ledger:
        ledger.run("pragma user_version = 99")
    assert is_outdated(cache)
    with Ledger.reading(cache) as ledger:
        assert ledger.is_empty
    remove(cache)
    assert not is_outdated(cache)


def test_a_file_that_is_no_ledger_is_one_line(cache: Cache) -> None:
    cache.folder.mkdir()
    cache.ledger.write_bytes(b"not a database at all, but long enough to be read as one" * 100)
    assert is_outdated(cache)
    words = r"cannot be used: file is not a database\."
    with pytest.raises(HarvesterError, match=words) as caught, Ledger.reading(cache):
        pass
    assert "search index --rebuild" in caught.value.hint


def test_a_full_disk_is_one_line_and_the_ledger_stays_as_it_was(cache: Cache, ledger: Ledger) -> None:
    ledger.note("as_of", "before")
    pages = ledger.value("select page_count from pragma_page_count()")
    ledger.run(f"pragma max_page_count = {pages}")
    with pytest.raises(HarvesterError, match="database or disk is full") as caught, ledger.transaction():
        ledger.run_many("insert into meta values (?, ?)", ((str(at), "x" * 1000) for at in range(1000)))
    assert "free some space" in caught.value.hint
    assert ledger.as_of == "before"


def test_a_second_writer_is_refused_and_a_folder_is_its_owners_alone(cache: Cache) -> None:
    with one_writer(cache):
        assert cache.folder.stat().st_mode & 0o777 == 0o700
        words = "Another process is indexing s3://bucket"
        with pytest.raises(Conflict, match=words) as caught, one_writer(cache):
            pass
    assert caught.value.exit_code == Exit.LOCKED
    with one_writer(cache):
        assert (cache.folder / "store").read_text() == "s3://bucket\n"


def test_a_store_has_one_cache_wherever_it_is_named_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cache_of("collections", "/c") == cache_of(str(tmp_path / "collections"), "/c")
    assert cache_of("a", "/c").folder != cache_of("b", "/c").folder
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_of("a").folder.parent == Path("/x/twarc-cloud")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_of("a").folder.parent == Path.home() / ".cache/twarc-cloud"


def test_sqlite_is_new_enough() -> None:
    # `update ... from` came with it.
    assert sqlite3.sqlite_version_info >= (3, 33)
