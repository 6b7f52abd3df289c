"""The search page: from an index, from the files where there is none, and in words where neither can be."""

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest

from harvester.dashboard import finder
from harvester.ledger.cache import cache_of
from harvester.search.indexing import update
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from harvester.store.reading import reader
from tests.support.dashboard_visit import Visit, a_place
from tests.support.dashboard_world import COLLECTIONS, HOSTILE, WorldClock, made_up
from tests.support.record_store import store_harvest
from tests.support.table_rows import build


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FolderStore]:
    folder = tmp_path_factory.mktemp("world")
    return folder, made_up(folder / "collections", days=12)


@pytest.fixture(scope="module", params=["index", "files"])
def caches(
    world: tuple[Path, FolderStore], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    """The user's folder of caches, with an index of the world or without."""
    folder, (_, store) = tmp_path_factory.mktemp("caches"), world
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        if request.param == "index":
            update(cache_of(store.name), reader(store), COLLECTIONS, whole_store=True)
    return folder


@pytest.fixture
def visit(world: tuple[Path, FolderStore], caches: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    folder, store = world
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    # The summaries of this world tell of more posts than its files hold.
    monkeypatch.setattr(finder, "_READ_AT_MOST", 1_000_000)
    yield Visit(a_place(folder, store, clock=WorldClock()))


def test_the_page_and_its_json_and_csv_have_the_same_posts(visit: Visit) -> None:
    found = visit.json("/search.json?tag=storm&collection=museums")
    assert found["count"] > 0 and found["hits"]
    page = visit.page("/search?tag=storm&collection=museums")
    lines = visit.get("/search.csv?tag=storm&collection=museums").text.splitlines()
    assert len(lines) == len(found["hits"]) + 1
    for hit in found["hits"]:
        assert f"/post/museums/{hit['id']}" in page
    assert f"<b>{found['count']:,}</b> posts in museums" in page


def test_facets_and_places_are_links_of_the_same_search(visit: Visit) -> None:
    page = visit.page("/search?q=night")
    assert "/search?q=night&amp;tag=" in page and "/search?q=night&amp;user=" in page
    assert '<circle class="dot"' in page and '<svg class="bars"' in page
    assert "<mark>night</mark>" in page


def test_older_posts_follow_without_a_hole(visit: Visit) -> None:
    first = visit.json("/search.json?collection=museums")
    second = visit.json(f"/search.json?collection=museums&{first['next']}")
    ids = [hit["id"] for hit in (*first["hits"], *second["hits"])]
    assert ids == sorted(ids, key=int, reverse=True) and len(set(ids)) == 40
    assert "Older posts" in visit.page("/search?collection=museums")


def test_an_area_is_drawn_on_the_map(visit: Visit) -> None:
    assert '<ellipse class="near"' in visit.page("/search?near=52.5,13.4,200")


def test_a_window_has_one_before_and_one_after(visit: Visit) -> None:
    page = visit.page("/search?since=2026-11-20&until=2026-11-21")
    assert "since=2026-11-18&amp;until=2026-11-19" in page and "since=2026-11-22&amp;until=2026-11-23" in page


@pytest.mark.parametrize("query", ["since=x", "near=400,1,1", "until=2026-13-01", "before=x"])
def test_what_cannot_be_asked_is_said_in_words(visit: Visit, query: str) -> None:
    page = visit.page(f"/search?{query}", status=400)
    assert 'class="problem"' in page


def test_an_unclosed_quote_and_an_unknown_field_are_warnings(visit: Visit) -> None:
    assert "A quote was not closed" in visit.page("/search?q=%22night")
    assert "is not a field" in visit.page("/search?q=tagg:night")


def test_a_collection_that_is_not_there_is_named(visit: Visit) -> None:
    assert "There is no collection nowhere" in visit.page("/search?collection=nowhere", status=404)


def test_hostile_posts_are_text_in_hits_and_on_their_page(visit: Visit) -> None:
    page = visit.page("/search?collection=hostile")
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in page and "\u202e" not in page
    hit = visit.json("/search.json?collection=hostile")["hits"][0]
    post = visit.page(f"/post/hostile/{hit['id']}")
    assert "&lt;img src=x" in post and "\u202e" not in post and "Line 1 of" in post
    assert visit.json(f"/post/hostile/{hit['id']}.json")["record"]["text"].startswith("<script>")
    visit.page(f"/search?q={quote(HOSTILE)}")


def test_a_post_that_is_not_there_is_said_to_be_none(visit: Visit) -> None:
    assert "There is no post 1 in museums" in visit.page("/post/museums/1", status=404)


@pytest.mark.system
def test_without_an_index_a_large_store_says_how_to_make_one(
    world: tuple[Path, FolderStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(finder, "_READ_AT_MOST", 10)
    visit = Visit(a_place(*world))
    page = visit.page("/search?q=night")
    assert "search index" in page and "<b>" not in page.partition("<main")[2]
    build(world[1], CollectionKeys("museums"))
    found = visit.page("/search?q=night&collection=museums")
    assert "Tables were read for this." in found and "posts in museums" in found


def test_without_the_extra_one_line_says_what_installs_it(
    world: tuple[Path, FolderStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "tantivy", None)
    for name in ("asking", "conditions", "index"):
        monkeypatch.delitem(sys.modules, f"harvester.search.{name}", raising=False)
    page = Visit(a_place(*world)).page("/search?q=night")
    assert "needs the Python package tantivy" in page and "pip install" in page


def test_a_post_shows_its_metrics_each_time_it_was_received(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store, keys = FolderStore(tmp_path / "collections"), CollectionKeys("storms")
    for hour, likes in ((9, 3), (10, 1_250)):
        when = f"2026-11-23T{hour:02}:00:00.000Z"
        data = {"id": "1577000000000000009", "text": "wind", "public_metrics": {"like_count": likes}}
        line = orjson.dumps({"data": data, "__twarc": {"retrieved_at": when}})
        store_harvest(store, keys, [line], at=when)
    # Another file is damaged, which hides no other.
    store_harvest(store, keys, [b"{"], at="2026-11-23T11:00:00.000Z")
    visit = Visit(a_place(tmp_path, store))
    expected = [("2026-11-23T09:00:00.000Z", 3), ("2026-11-23T10:00:00.000Z", 1_250)]
    for at_most in (100, 0):
        # The second time they are in tables, and the files would be too many.
        monkeypatch.setattr(finder, "_READ_AT_MOST", at_most)
        update(cache_of(store.name), reader(store), [keys.id], whole_store=True)
        found = visit.json("/post/storms/1577000000000000009.json")["sightings"]
        assert [(each["retrieved_at"], each["likes"]) for each in found] == expected
        page = visit.page("/post/storms/1577000000000000009").partition("Metrics over time")[2]
        assert page.index(">3<") < page.index(">1,250<")
        build(store, keys, skip_bad=True)
