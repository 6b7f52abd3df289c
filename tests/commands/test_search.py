"""`search`: what is typed, what is found, and what is wrong in words."""

import shutil
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from harvester.errors import Exit, HarvesterError
from harvester.ledger.cache import cache_of, one_writer
from tests.support.cli_session import Person
from tests.support.searched_store import BEGAN, made_up_store, page, post, post_id, write_harvest

_HOUR = timedelta(hours=1)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWARC_CLOUD_CACHE", str(tmp_path / "cache"))
    return Person(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    posts = [
        post(
            post_id(BEGAN, 1),
            "The sea level\nrises \x1b[31m#Flood",
            entities={"hashtags": [{"tag": "Flood"}]},
        ),
        post(post_id(BEGAN, 2), "Nothing of it", public_metrics={"like_count": 3, "retweet_count": 0}),
    ]
    write_harvest(tmp_path / "collections", "storms", BEGAN, [[page(posts, BEGAN)]])
    return tmp_path / "collections"


def test_the_first_search_of_a_small_store_builds_the_index(person: Person, folder: Path) -> None:
    told = person("search", '"sea level" tag:flood', "--facets", "day,tag")
    assert told.code == 0, told
    assert told.out.splitlines() == [
        "1 post, 1 shown:",
        f"2026-11-01 09:00:00  @jack  storms  {post_id(BEGAN, 1)}",
        "    The sea level rises \\x1b[31m#Flood",
        "",
        "By day:",
        f"  2026-11-01  1  {'#' * 30}",
        "",
        "By tag:",
        f"  flood  1  {'#' * 30}",
    ]
    assert "Indexed 1 file with 2 posts." in told.err
    assert person("search", "nothing").out.splitlines()[1].endswith("3 likes")


def test_json_has_the_fields_of_the_documentation(person: Person, folder: Path) -> None:
    found = person("search", "sea", "--json", "--facets", "tag", "--limit", "1").json
    assert found["count"] == 1
    assert found["exact"] is True
    assert found["index"]["behind_files"] == 0
    assert found["index"]["as_of"].startswith("20")
    assert found["facets"] == {"tag": [["flood", 1]]}
    assert found["next"] == f"before={post_id(BEGAN, 1)}.1"
    hit = found["hits"][0]
    assert hit["author"] == {"id": "12", "username": "jack"}
    assert (hit["collection"], hit["line"], hit["place"]) == ("storms", 1, None)
    assert hit["file"].startswith("collections/storms/harvests/2026/11/01/09/00/00/tweets-")
    nothing = person("search", "sea", "--json", "--before", found["next"]).json
    assert (nothing["count"], nothing["hits"], nothing["next"]) == (1, [], "")


def test_words_of_the_command_line_are_one_query(person: Person, folder: Path) -> None:
    assert person("search", "sea level", "rises").out.startswith("1 post,")
    assert person("search", "level sea").out.startswith("1 post,")
    assert person("search", "level sea", "rises").out.startswith("0 posts.")
    # A query that is the name of a command.
    assert person("search", "find", "index").out == "0 posts.\n"
    assert person("search", "-c", "storms", "-n", "1").out.startswith("2 posts, 1 shown:")


def test_what_was_read_in_another_way_is_said_and_what_cannot_be_run_is_refused(
    person: Person, folder: Path
) -> None:
    told = person("search", '"sea lvel: rises')
    assert told.code == 0
    assert "A quote was not closed; its words were read one by one." in told.err
    for query, words in (
        ("since:yesterday", "since:yesterday is not a date. Use e.g. since:2026-11-23"),
        ("near:here", "near:here is not a place."),
    ):
        told = person("search", query)
        assert told.code == Exit.USAGE
        assert told.words.startswith(words)
        assert len(told.words.splitlines()) == 1
    told = person("search", "x", "-c", "missing")
    assert told.code == Exit.NO_COLLECTION
    assert "There is no collection missing" in told.words
    told = person("search", "x", "--facets", "hour")
    assert told.code == Exit.USAGE
    assert "'hour' is not one of day, tag, user, lang." in told.words


def test_a_search_of_a_collection_is_behind_by_its_own_files_only(person: Person, folder: Path) -> None:
    for number, name in enumerate(("floods", "fires", "winds", "waves"), 1):
        at = BEGAN + number * _HOUR
        write_harvest(folder, name, at, [[page([post(post_id(at), "sea")], at)]])
    assert person("search", "index", "storms").code == 0
    assert person("search", "sea", "-c", "storms").err == ""
    told = person("search", "sea")
    assert "The index lacks 4 files of fires, floods, waves and 1 other; `search index`" in told.err


def test_an_index_that_is_behind_says_by_how_many_files(person: Person, folder: Path) -> None:
    person("search", "sea")
    lines = [[page([post(post_id(BEGAN + _HOUR), "sea again")], BEGAN)]]
    write_harvest(folder, "storms", BEGAN + _HOUR, lines)
    told = person("search", "sea")
    assert told.out.startswith("1 post,")
    assert "The index lacks 1 file of storms; `search index` adds them." in told.err
    assert person("search", "sea", "--json").json["index"]["behind_files"] == 1
    status = person("search", "status")
    assert status.out.startswith("2 posts of 1 file, ")
    assert "The index lacks 1 file of " in status.err
    assert person("search", "index").code == 0
    assert person("search", "sea").out.startswith("2 posts,")
    status_json = person("search", "status", "--json").json
    assert (status_json["files"], status_json["posts"], status_json["behind_files"]) == (2, 3, 0)
    assert status_json["bytes"] > 0


def test_without_an_index_all_files_can_be_read(person: Person, folder: Path, tmp_path: Path) -> None:
    found = person("search", "sea", "--no-index", "--json").json
    assert (found["count"], found["source"]) == (1, "records")
    assert not (tmp_path / "cache").exists()


def test_without_an_index_what_cannot_be_read_is_named_and_the_rest_is_found(
    person: Person, folder: Path
) -> None:
    write_harvest(folder, "storms", BEGAN + _HOUR, [[b"{", page([post(post_id(BEGAN, 3), "sea")], BEGAN)]])
    told = person("search", "sea", "--no-index")
    assert (told.code, told.out.splitlines()[0]) == (Exit.OK, "2 posts, 2 shown:")
    (line,) = told.err.splitlines()
    assert line.startswith("1 record could not be read, the first: collections/storms/harvests/")
    assert "-000001.jsonl.gz, line 1: is not JSON" in line


def test_a_large_store_is_not_indexed_unasked(
    person: Person, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harvester.commands import search

    monkeypatch.setattr(search, "_AT_ONCE", 10)
    told = person("search", "sea")
    assert told.code == Exit.ERROR
    assert "yet: it has 1 file of " in told.words
    assert "Run `search index`, which takes about 1 minute." in told.words
    expected = person("search", "sea", "--no-index")
    assert person("tables", "build").code == Exit.OK
    told = person("search", "sea")
    assert (told.code, told.out) == (Exit.OK, expected.out)
    assert "has no index; its tables were read. `search index` makes one." in told.err
    assert person("search", "sea", "--no-index", "--json").json["source"] == "tables"
    assert "Run `search index`" in person("search", "sea", "--sort", "best").words
    # Tables that lack a file are not read.
    write_harvest(folder, "storms", BEGAN + _HOUR, [[page([post(post_id(BEGAN, 9), "sea")], BEGAN)]])
    assert "Run `search index`" in person("search", "sea").words
    assert person("search", "sea", "--no-index", "--json").json["source"] == "records"


def test_index_says_what_it_read_and_what_is_damaged(person: Person, folder: Path) -> None:
    write_harvest(folder, "storms", BEGAN + _HOUR, [[b"{not json"]])
    told = person("search", "index", "--json")
    assert told.code == Exit.ERROR
    assert (told.json["files"], told.json["posts"]) == (2, 2)
    assert [(each["line"], each["reason"][:11]) for each in told.json["damaged"]] == [(1, "is not JSON")]
    assert "Damaged: collections/storms/" in person("search", "status").out
    words = "1 file could not be read whole; `search status` names such files."
    assert person("search", "sea", "--json").json["warnings"] == [words]
    assert words in person("search", "sea").err
    told = person("search", "index", "--rebuild")
    assert told.code == Exit.ERROR
    assert "Not indexed: collections/storms/" in told.err
    assert "Indexed 2 files with 2 posts." in told.err
    told = person("search", "index", "storms", "--rebuild")
    assert (told.code, told.words.strip()) == (
        Exit.USAGE,
        "--rebuild is of the whole index. Leave the ids out.",
    )


def test_two_indexers_at_once_is_one_line(person: Person, folder: Path, tmp_path: Path) -> None:
    with one_writer(cache_of(str(folder), str(tmp_path / "cache"))):
        told = person("search", "index")
    assert told.code == Exit.LOCKED
    assert told.words.startswith("Another process is indexing ")


def test_a_collection_that_is_removed_is_told(person: Person, folder: Path) -> None:
    made_up_store(folder, Random(1), posts=10)
    person("search", "index")
    shutil.rmtree(folder / "c1")
    assert "Collection c1 is gone from the store and from the index." in person("search", "index").err


@pytest.mark.parametrize("command", [("search", "sea"), ("search", "index"), ("accounts", "lookup", "12")])
def test_a_place_without_collections_is_refused_in_one_line(
    person: Person, tmp_path: Path, command: tuple[str, ...]
) -> None:
    told = person(*command)
    assert told.code == Exit.NO_COLLECTION
    assert told.words.startswith("There is no folder collections. Name the folder of your collections")
    (tmp_path / "collections").mkdir()
    told = person(*command)
    assert told.code == Exit.NO_COLLECTION
    assert told.words.startswith("There are no collections in ")
    (tmp_path / "page.md").write_text("x")
    told = person(*command, "--collections-path", "page.md")
    assert told.code == Exit.USAGE
    assert told.words.startswith("page.md is a file, and no folder of collections. Name the folder")


def test_the_last_collection_that_is_removed_leaves_the_index(person: Person, folder: Path) -> None:
    person("search", "index")
    shutil.rmtree(folder / "storms")
    assert "Collection storms is gone from the store and from the index." in person("search", "index").err
    assert person("search", "sea").out == "0 posts.\n"


@pytest.mark.parametrize("more", [(), ("--no-index",)])
def test_a_collection_that_is_not_there_is_refused_also_within_a_query(
    person: Person, folder: Path, more: tuple[str, ...]
) -> None:
    told = person("search", "sea (collection:missing OR collection:storms)", *more)
    assert told.code == Exit.NO_COLLECTION
    assert told.words == person("search", "sea", "-c", "missing", *more).words


def test_an_index_without_any_file_is_built_as_if_there_was_none(
    person: Person, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harvester.search.writing import IndexWriter

    def full(*_: object) -> None:
        raise HarvesterError("The disk is full.", hint="Free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(IndexWriter, "commit", full)
        assert person("search", "index").code == Exit.ERROR
        told = person("search", "sea")
        assert (told.code, told.out) == (Exit.ERROR, "")
        assert "The disk is full." in told.err
    assert person("search", "sea").out.startswith("1 post,")


def test_a_query_may_begin_with_a_minus(person: Person, folder: Path) -> None:
    nothing, sea = (post_id(BEGAN, number) for number in (2, 1))
    for typed, found in (
        (("-sea",), [nothing]),
        (("-nothing", "-n", "1"), [sea]),
        (("-n1", "rises", '-"of it"'), [sea]),
        (("--", "-cat", "-level"), [nothing]),
        (("-nothing", "--limit", "1", "-c", "storms", "sea"), [sea]),
    ):
        told = person("search", *typed, "--json") if "--" not in typed else person("search", "--json", *typed)
        assert [int(hit["id"]) for hit in told.json["hits"]] == found, typed
    assert "No such option" in person("search", "sea", "--limt", "5").words


def test_no_posts_are_shown_where_none_are_wanted(person: Person, folder: Path) -> None:
    assert person("search", "sea", "-n", "0").out == "1 post.\n"


def test_posts_that_are_not_found_by_themselves_are_told_when_they_are_indexed(
    person: Person, folder: Path
) -> None:
    line = page([post(post_id(BEGAN, 1), "again")], BEGAN, included=[post(post_id(BEGAN, 7), "along")])
    write_harvest(folder, "storms", BEGAN + _HOUR, [[line]])
    said = "Indexed 2 files with 4 posts; without copies and included ones the index has 2."
    assert said in person("search", "index").err
    assert person("search", "index").err == "Indexed 0 files with 0 posts.\n"
    assert person("search", "").out.startswith("2 posts,")
    assert person("search", "index", "--json").json["index_posts"] == 2
