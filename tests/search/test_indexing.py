"""An index that is brought up to date holds what one that is built anew holds, whatever happened."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from harvester.clock import Stop, Stopped
from harvester.errors import Conflict, HarvesterError, StoreAway
from harvester.ledger import files, rollups
from harvester.ledger.cache import Cache, cache_of, one_writer
from harvester.ledger.database import Ledger
from harvester.search.answers import FACETS, Question
from harvester.search.asking import Search
from harvester.search.index import unusable
from harvester.search.indexing import Indexed, update
from harvester.store.folder import FolderStore
from harvester.store.reading import FolderReader, reader
from tests.support.searched_store import (
    BEGAN,
    made_up_post,
    made_up_store,
    page,
    post,
    post_id,
    write_collection,
    write_harvest,
)

# `KILLS=200` tries longer.
_KILLS = int(os.environ.get("KILLS", "25"))
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "collections"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return cache_of("store", str(tmp_path / "cache"))


def _updated(folder: Path, cache: Cache, *collections: str, **more: Any) -> Indexed:
    named = collections or tuple(sorted(each.name for each in folder.iterdir()))
    return update(cache, reader(FolderStore(folder)), named, whole_store=not collections, **more)


def _texts(cache: Cache, query: str = "", **more: Any) -> list[str]:
    return [hit.text for hit in Search(cache).ask(Question(query, limit=1000, **more)).hits]


def _contents(cache: Cache) -> tuple[object, ...]:
    """Everything that is in an index and its ledger, without numbers of files."""
    answer = Search(cache).ask(Question(limit=10_000, included=True))
    hits = sorted((hit.document() for hit in answer.hits), key=repr)
    with Ledger.reading(cache) as ledger:
        read = sorted((key, each.sha256, each.state) for key, each in files.known(ledger).items())
        spans = [ledger.rows(f"select * from {table} order by id, first") for table in ("names", "states")]
        sums = rollups.days(ledger), rollups.top_tags(ledger, limit=100), files.totals(ledger)
        members = ledger.rows(
            "select m.id, c.id from members m join collections c on c.number = m.collection"
        )
    return hits, read, spans, sums, sorted(members)


def _anew(folder: Path, tmp_path: Path) -> tuple[object, ...]:
    fresh = cache_of("fresh", str(tmp_path / "fresh"))
    shutil.rmtree(fresh.folder, ignore_errors=True)
    _updated(folder, fresh)
    return _contents(fresh)


def test_only_what_is_new_is_read(folder: Path, cache: Cache) -> None:
    write_harvest(folder, "c", BEGAN, [[page([post(post_id(BEGAN), "first")], BEGAN)]])
    assert _updated(folder, cache).files == 1
    assert _updated(folder, cache).files == 0
    write_harvest(folder, "c", BEGAN + _HOUR, [[page([post(post_id(BEGAN + _HOUR), "second")], BEGAN)]])
    done = _updated(folder, cache)
    assert (done.files, done.posts, done.notices) == (1, 1, [])
    assert _texts(cache) == ["second", "first"]


def test_a_harvest_that_is_known_is_not_opened(folder: Path, cache: Cache) -> None:
    class Counting(FolderReader):
        def read(self, key: str) -> Any:
            asked.append(key)
            return super().read(key)

    asked: list[str] = []
    for number in range(3):
        write_harvest(folder, "c", BEGAN + number * _HOUR, [[page([post(number + 1, "x")], BEGAN)]])
    counting = Counting(folder, "collections/")
    update(cache, counting, ["c"], whole_store=True)
    asked.clear()
    update(cache, counting, ["c"], whole_store=True)
    assert asked == ["collections/c/collection.json"]


def test_the_copy_that_was_retrieved_last_is_the_hit(folder: Path, cache: Cache, tmp_path: Path) -> None:
    moments = [BEGAN, BEGAN + 2 * _DAY, BEGAN + _DAY]
    # The repair began before the second harvest, and is stored after it.
    for moment, text in zip(moments, ("old words", "new words", "middle words"), strict=True):
        lines = [[page([post(post_id(BEGAN), text)], moment)]]
        write_harvest(folder, "c", moment, lines, repairs="middle" in text)
        _updated(folder, cache)
    assert _texts(cache) == ["new words"]
    assert Search(cache).ask(Question("old OR middle")).count == 0
    assert _contents(cache) == _anew(folder, tmp_path)


def test_a_post_in_three_files_is_one_hit_and_in_two_collections_one_each(folder: Path, cache: Cache) -> None:
    again = post(post_id(BEGAN), "again")
    for collection in ("one", "two"):
        write_harvest(folder, collection, BEGAN, [[page([again], BEGAN)]] * 3)
    _updated(folder, cache)
    answer = Search(cache).ask(Question("again", facets=FACETS))
    assert answer.count == 2
    assert answer.facets["day"] == [("2026-11-01", 2)]
    assert sorted(hit.collection for hit in answer.hits) == ["one", "two"]


def test_posts_that_came_along_are_found_only_where_they_are_asked_for(folder: Path, cache: Cache) -> None:
    original = post(post_id(BEGAN - _HOUR), "the original")
    lines = [[page([post(post_id(BEGAN), "a repost")], BEGAN, included=[original])]]
    write_harvest(folder, "c", BEGAN, lines)
    _updated(folder, cache)
    assert _texts(cache) == ["a repost"]
    assert _texts(cache, included=True) == ["a repost", "the original"]
    assert _texts(cache, "kind:included") == ["the original"]


def test_more_posts_than_are_looked_for_at_once_come_again_and_are_there_once(
    folder: Path, cache: Cache
) -> None:
    for hour in range(2):
        posts = [post(post_id(BEGAN, number), f"text {hour}") for number in range(1_100)]
        began = BEGAN + timedelta(hours=hour)
        write_harvest(folder, "c", began, [[page(posts, began)]])
    _updated(folder, cache)
    counts = [Search(cache).ask(Question(f"text {hour}")).count for hour in range(2)]
    assert counts == [0, 1_100]


def _remove(paths: list[Path]) -> None:
    paths[0].unlink()


def _replace(paths: list[Path]) -> None:
    shutil.rmtree(paths[0].parent)
    folder = next(each for each in paths[0].parents if each.name == "collections")
    write_harvest(folder, "c", BEGAN + _DAY, [[page([post(post_id(BEGAN), "changed")], BEGAN + _DAY)]])


def _remove_harvest(paths: list[Path]) -> None:
    shutil.rmtree(paths[0].parent)


@pytest.mark.parametrize(
    ("change", "found", "why"),
    [
        (_remove, ["first"], "is gone"),
        (_remove_harvest, ["first"], "is gone"),
        (_replace, ["changed"], "has changed"),
    ],
)
def test_a_file_that_displaced_a_copy_and_is_gone_or_changed_has_its_collection_read_again(
    folder: Path,
    cache: Cache,
    tmp_path: Path,
    change: Callable[[list[Path]], None],
    found: list[str],
    why: str,
) -> None:
    same = post_id(BEGAN)
    write_harvest(folder, "c", BEGAN, [[page([post(same, "first")], BEGAN)]])
    paths = write_harvest(folder, "c", BEGAN + _DAY, [[page([post(same, "second")], BEGAN + _DAY)]])
    write_harvest(folder, "other", BEGAN, [[page([post(same, "other")], BEGAN)]])
    _updated(folder, cache)
    change(paths)
    done = _updated(folder, cache)
    assert [notice.startswith("Collection c is read again: ") and why in notice for notice in done.notices]
    assert _texts(cache, collections=["c"]) == found
    assert _texts(cache, collections=["other"]) == ["other"]
    # Names that were seen in it stay known.
    assert _contents(cache)[:2] == _anew(folder, tmp_path)[:2]


def test_a_collection_that_is_gone_is_taken_out(folder: Path, cache: Cache, tmp_path: Path) -> None:
    made_up_store(folder, Random(2), posts=10)
    _updated(folder, cache)
    shutil.rmtree(folder / "c1")
    assert _updated(folder, cache).notices == ["Collection c1 is gone from the store and from the index."]
    hits = {hit.collection for hit in Search(cache).ask(Question(limit=1000)).hits}
    assert hits == {"c0"}
    assert _contents(cache)[:2] == _anew(folder, tmp_path)[:2]


def test_a_bad_record_is_named_and_the_rest_is_found(folder: Path, cache: Cache) -> None:
    lines = [page([post(1 << 60, "before")], BEGAN), b"{not json", page([post(1 << 61, "after")], BEGAN)]
    write_harvest(folder, "c", BEGAN, [lines])
    cut = write_harvest(folder, "c", BEGAN + _HOUR, [[page([post(3 << 60, "cut off")], BEGAN)]])
    cut[0].write_bytes(cut[0].read_bytes()[:-20])
    done = _updated(folder, cache)
    assert [(bad.file[-13:], bad.line) for bad in done.damaged] == [
        ("0001.jsonl.gz", 2),
        ("0001.jsonl.gz", 1),
    ]
    assert set(_texts(cache)) >= {"after", "before"}
    assert _updated(folder, cache).damaged == []
    with Ledger.reading(cache) as ledger:
        assert {each.state for each in files.known(ledger).values()} == {files.DAMAGED}


def test_a_damaged_file_that_is_restored_is_found_again(folder: Path, cache: Cache, tmp_path: Path) -> None:
    """Its manifest is the same as before, so its posts stayed away for good."""
    write_harvest(folder, "c", BEGAN, [[page([post(1 << 60, "before")], BEGAN)]])
    cut = write_harvest(folder, "c", BEGAN + _HOUR, [[page([post(3 << 60, "cut off")], BEGAN)]])[0]
    whole = cut.read_bytes()
    cut.write_bytes(whole[:-20])
    _updated(folder, cache)
    assert (_updated(folder, cache).notices, _updated(folder, cache).files) == ([], 0)
    cut.write_bytes(whole)
    assert ["was damaged and has changed" in each for each in _updated(folder, cache).notices] == [True]
    assert set(_texts(cache)) == {"before", "cut off"}
    assert _contents(cache)[:2] == _anew(folder, tmp_path)[:2]
    assert (_updated(folder, cache).notices, _updated(folder, cache).files) == ([], 0)


def test_an_index_of_another_version_is_built_anew_and_says_so(folder: Path, cache: Cache) -> None:
    made_up_store(folder, Random(1), posts=10)
    _updated(folder, cache)
    before = _contents(cache)
    with one_writer(cache), Ledger.writing(cache) as ledger:
        ledger.note("index", "0/0.1")
    assert not Search(cache).exists
    assert _updated(folder, cache).notices == ["The index was made by another version; it is rebuilt."]
    assert Search(cache).exists
    assert _contents(cache) == before
    with one_writer(cache), Ledger.writing(cache) as ledger:
        ledger.run("pragma user_version = 99")
    assert _updated(folder, cache).notices == ["The index was made by another version; it is rebuilt."]
    assert _contents(cache) == before


def test_a_damaged_index_is_one_line_that_says_how_to_build_it_anew(folder: Path, cache: Cache) -> None:
    made_up_store(folder, Random(1), posts=10)
    _updated(folder, cache)
    before = _contents(cache)
    (cache.index / "meta.json").write_text("{")
    for action in (lambda: Search(cache).ask(Question()), lambda: _updated(folder, cache)):
        with pytest.raises(HarvesterError, match="cannot be used") as caught:
            action()
        assert "search index --rebuild" in caught.value.hint
        assert "\n" not in str(caught.value)
    _updated(folder, cache, rebuild=True)
    assert _contents(cache) == before


@pytest.mark.parametrize("part", ["ledger.sqlite3", "index", "index/meta.json"])
def test_without_one_of_its_two_parts_all_is_built_anew(folder: Path, cache: Cache, part: str) -> None:
    made_up_store(folder, Random(1), posts=10)
    _updated(folder, cache)
    before = _contents(cache)
    path = cache.folder / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    _updated(folder, cache)
    assert _contents(cache) == before


def test_two_at_once_is_refused_and_searches_go_on(folder: Path, cache: Cache) -> None:
    made_up_store(folder, Random(1), posts=10)
    _updated(folder, cache)
    with one_writer(cache):
        with pytest.raises(Conflict, match="Another process is indexing "):
            _updated(folder, cache)
        assert Search(cache).ask(Question("flood")).count


class _Away(FolderReader):
    """A store that becomes unavailable after the given number of files."""

    def __init__(self, folder: Path, *, files: int) -> None:
        super().__init__(folder, "collections/")
        self._left = files

    def pieces(self, key: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise StoreAway(f"{self.name} cannot be reached.", hint="Check the network.")
        return super().pieces(key)


def test_a_store_that_is_away_in_between_costs_nothing_but_time(
    folder: Path, cache: Cache, tmp_path: Path
) -> None:
    class Dark(FolderReader):
        def entries(self, prefix: str) -> Any:
            raise StoreAway(f"{self.name} cannot be reached.", hint="Check the network.")

    made_up_store(folder, Random(3), posts=20)
    for allowed in (0, 1, 3, 5):
        with pytest.raises(StoreAway):
            update(cache, _Away(folder, files=allowed), ["c0", "c1"], whole_store=True)
        with pytest.raises(StoreAway):
            update(cache, Dark(folder, "collections/"), ["c0", "c1"], whole_store=True)
    assert _updated(folder, cache).files
    assert _contents(cache) == _anew(folder, tmp_path)


def test_a_stop_in_between_costs_nothing_but_time(folder: Path, cache: Cache, tmp_path: Path) -> None:
    made_up_store(folder, Random(3), posts=20)
    stop = Stop()
    told = []

    def show(words: str, **numbers: int) -> None:
        told.append((words, numbers))
        if len(told) == 5:
            stop.request("enough")

    with pytest.raises(Stopped):
        _updated(folder, cache, stop=stop, show=show)
    assert told[0][1]["of_bytes"] > 0
    _updated(folder, cache)
    assert _contents(cache) == _anew(folder, tmp_path)


def test_a_full_disk_is_one_line_and_the_index_stays_as_it_was(folder: Path, cache: Cache) -> None:
    """In a process whose files have a maximum size, as on a disk that is full."""
    made_up_store(folder, Random(1), posts=10)
    _updated(folder, cache)
    before = _contents(cache)
    draw = Random(5)
    for number in range(8):
        posts = [made_up_post(draw, BEGAN + _DAY, 100 * number + at) for at in range(90)]
        write_harvest(folder, "c9", BEGAN + number * _HOUR, [[page(posts, BEGAN + number * _HOUR)]])
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))"
    ended = subprocess.run(
        [sys.executable, "-c", _program(folder, cache, limit)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended.stderr
    assert len(ended.stdout.splitlines()) == 1
    assert "cannot be" in ended.stdout
    asked = Question(limit=10_000, collections=["c0", "c1"], included=True)
    assert sorted((hit.document() for hit in Search(cache).ask(asked).hits), key=repr) == before[0]
    _updated(folder, cache)
    assert Search(cache).ask(Question("collection:c9")).count == 720


def _program(folder: Path, cache: Cache, first: str = "", *, commit_every: int = 20) -> str:
    """An indexer as a process of its own."""
    return textwrap.dedent(f"""
        import resource, signal, sys
        from pathlib import Path
        from harvester.errors import HarvesterError
        from harvester.ledger.cache import Cache
        from harvester.search import indexing
        from harvester.store.folder import FolderStore
        from harvester.store.reading import reader
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        indexing._POSTS_A_COMMIT = {commit_every}
        cache = Cache(Path({str(cache.folder)!r}), {cache.store!r})
        folder = Path({str(folder)!r})
        names = sorted(each.name for each in folder.iterdir())
        {first}
        try:
            print("begins", flush=True, file=sys.stderr)
            indexing.update(cache, reader(FolderStore(folder)), names, whole_store=True)
        except HarvesterError as error:
            print(error)
            sys.exit(1)
    """)


@pytest.mark.system
def test_an_indexer_that_is_killed_again_and_again_ends_with_what_a_fresh_one_has(
    folder: Path, cache: Cache, tmp_path: Path
) -> None:
    """Each life is killed at a random moment; meanwhile harvests are added, and some files change."""
    draw = Random(11)
    made_up_store(folder, draw, posts=30)
    for life in range(_KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", _program(folder, cache)], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr
        assert process.stderr.readline() == "begins\n"
        try:
            process.wait(draw.uniform(0.0, 0.25))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        started = BEGAN + timedelta(days=10, minutes=life)
        posts = [made_up_post(draw, started, at) for at in range(draw.randint(1, 30))]
        paths = write_harvest(folder, draw.choice(("c0", "c1")), started, [[page(posts, started)]])
        if draw.random() < 0.15:
            paths[0].unlink()
    _updated(folder, cache)
    assert _contents(cache)[:2] == _anew(folder, tmp_path)[:2]
    assert _contents(cache)[3:] == _anew(folder, tmp_path)[3:]


def test_a_collection_without_harvests_is_indexed_as_empty(folder: Path, cache: Cache) -> None:
    write_collection(folder, "empty")
    assert _updated(folder, cache).files == 0
    assert Search(cache).exists
    assert Search(cache).ask(Question()).count == 0


def test_a_writer_that_ended_of_a_full_disk_says_so(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = ValueError("An error occurred in a thread: 'An index writer was killed.. A worker thread...'")
    cache.folder.mkdir(parents=True, exist_ok=True)
    for free, words in (
        (
            12 << 10,
            f"{cache.index} cannot be written: the disk is full (12K free). Free some space, then run",
        ),
        (10**12, f"{cache.index} cannot be written: An error occurred in a thread"),
    ):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        said = str(unusable(cache, killed))
        assert said.startswith(words)
        assert "--rebuild" not in said
