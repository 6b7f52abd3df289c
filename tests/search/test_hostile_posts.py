"""Posts of any content are indexed and found: markup, control characters, halves of pairs, strange dates."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.ledger.cache import cache_of
from harvester.search.answers import FACETS, Question
from harvester.search.asking import Search
from harvester.search.indexing import Indexed, update
from harvester.search.scan import scan
from harvester.store.folder import FolderStore
from harvester.store.reading import reader
from tests.support.searched_store import BEGAN, page, post, post_id, write_harvest

_HALF = b"\\ud800"
_LONG = "y" * 70_000


def _posts() -> list[dict[str, Any]]:
    tags = {"hashtags": [{"tag": _LONG}, {"tag": "\u202e"}], "mentions": [{"username": _LONG}]}
    return [
        post(post_id(BEGAN, 1), "<script>alert(1)</script> \u202e reversed \u0000 nothing"),
        post(post_id(BEGAN, 2), "x" * 100_000 + " longword"),
        post(post_id(BEGAN, 3), "tagged", entities=tags),
        post(post_id(BEGAN, 4), "first day", created_at="0001-01-01T00:00:00.000Z"),
        post(post_id(BEGAN, 5), "last day", created_at="9999-12-31T23:59:59.999Z"),
        post(post_id(BEGAN, 6), "no day", created_at="never"),
        post(7, "earliest key", created_at="0001-01-01T00:00:00.000Z"),
        post(8, "latest key", created_at="9999-12-31T23:59:59.999Z"),
        post(2**63 - 1, "great key"),
        {**post(post_id(BEGAN, 7), "named"), "id": "abc"},
        {**post(post_id(BEGAN, 8), "greater"), "id": "9" * 23},
        post(post_id(BEGAN, 9), "pole", geo={"coordinates": {"type": "Point", "coordinates": [180, 90]}}),
        post(post_id(BEGAN, 10), "nowhere", geo={"coordinates": {"type": "Point", "coordinates": [500, 1]}}),
    ]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Indexed, Search]:
    folder = tmp_path_factory.mktemp("hostile")
    lines = [page([each], BEGAN) for each in _posts()]
    half = page([post(post_id(BEGAN, 20), "HALF half", entities={"hashtags": [{"tag": "HALF"}]})], BEGAN)
    lines.append(half.replace(b"HALF", _HALF).replace(b'"jack"', b'"ja' + _HALF + b'"'))
    write_harvest(folder, "c", BEGAN, [lines])
    cache = cache_of("hostile", str(folder / "cache"))
    return update(cache, reader(FolderStore(folder)), ["c"], whole_store=True), Search(cache)


def test_all_are_read_and_counted(indexed: tuple[Indexed, Search]) -> None:
    done, search = indexed
    assert (done.posts, done.damaged) == (14, [])
    answer = search.ask(Question(facets=FACETS, cells=True))
    assert answer.count == 14
    days = dict(answer.facets["day"])
    assert (days["0001-01-01"], days["9999-12-31"]) == (2, 2)
    assert answer.cells == [(89.5, 179.5, 1)]


@pytest.mark.parametrize(
    ("query", "begins"),
    [
        ("alert reversed", "<script>"),
        ("longword", "xxx"),
        ("xxx*", "xxx"),
        (f"tag:{_LONG[:9_000]} OR tagged", "tagged"),
        ("until:0001 day", "first day"),
        ("since:2100 -great day", "last day"),
        ("no day", "no day"),
        ("until:1900 key", "earliest key"),
        ("since:2100 latest", "latest key"),
        ("near:89.9,179,50", "pole"),
        ("greater", "greater"),
        ("half", "? half"),
    ],
)
def test_each_is_found(indexed: tuple[Indexed, Search], query: str, begins: str) -> None:
    hits = indexed[1].ask(Question(query)).hits
    assert [hit.text.startswith(begins) for hit in hits] == [True]


def test_a_scan_finds_a_post_whose_time_of_retrieval_is_none(tmp_path: Path) -> None:
    told = orjson.loads(page([post(post_id(BEGAN, 1), "kept")], BEGAN))
    told["__twarc"]["retrieved_at"] = "\x00022-10-03T18:00:00.000Z"
    write_harvest(tmp_path, "c", BEGAN, [[orjson.dumps(told)]])
    assert [hit.text for hit in scan(reader(FolderStore(tmp_path)), ["c"], Question("kept")).hits] == ["kept"]
