"""Accounts are looked up in what was seen of them; without an index the page says how to make one."""

from pathlib import Path

import pytest

from harvester.ledger.cache import cache_of
from harvester.search.indexing import update
from harvester.store.reading import reader
from tests.support.dashboard_visit import Visit, a_place
from tests.support.dashboard_world import COLLECTIONS, made_up


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a world, and that of its index."""
    folder = tmp_path_factory.mktemp("world")
    store = made_up(folder / "collections", days=6)
    cache = folder / "cache"
    update(cache_of(store.name, str(cache)), reader(store), COLLECTIONS, whole_store=True)
    return folder, cache


@pytest.fixture
def visit(world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Visit:
    folder, cache = world
    place = a_place(folder)
    return Visit(a_place(folder, settings=type(place.settings)(cache=str(cache))))


@pytest.mark.parametrize("asked", ["103", "@oldgallery", "oldgallery"])
def test_an_account_is_found_by_its_id_and_by_its_name(visit: Visit, asked: str) -> None:
    page = visit.page(f"/accounts?q={asked}")
    assert "oldgallery" in page and "103" in page and "/search?user=103" in page
    (found,) = visit.json(f"/accounts.json?q={asked}")
    assert (found["id"], found["username"]) == ("103", "oldgallery")
    assert "museums" in found["collections"]


def test_an_account_that_was_not_seen_is_none(visit: Visit) -> None:
    assert "No such account was seen." in visit.page("/accounts?q=@nowhere")
    assert visit.json("/accounts.json?q=@nowhere") == []


def test_what_is_no_date_or_state_is_said_in_words(visit: Visit) -> None:
    assert "is not a date" in visit.page("/accounts?q=@tate&at=yesterday", status=400)
    assert "is not a state" in visit.page("/accounts?state=happy", status=400)
    visit.page("/accounts?state=suspended")


def test_programs_look_up_by_address(visit: Visit) -> None:
    assert visit.json("/lookup/id/103")["username"] == "oldgallery"
    assert [each["id"] for each in visit.json("/lookup/screen_name/oldgallery")] == ["103"]
    assert visit.json("/lookup")["accounts"] >= 8
    for path in ("/lookup/id/999", "/lookup/screen_name/nobody_at_all"):
        answer = visit.get(path)
        assert (answer.status_code, [*(answer.json or {})]) == (404, ["error"])


def test_without_an_index_it_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    page = Visit(a_place(tmp_path)).page("/accounts")
    assert "search index" in page
    assert not list(tmp_path.glob("twarc-cloud"))
