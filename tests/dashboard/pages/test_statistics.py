"""Statistics show what came in each interval, and say so where there is nothing."""

from pathlib import Path

from tests.support.dashboard_visit import Visit, a_place
from tests.support.dashboard_world import WorldClock, made_up


def test_figures_are_shown_by_day_hour_and_minute(tmp_path: Path) -> None:
    store = made_up(tmp_path / "collections", days=6)
    visit = Visit(a_place(tmp_path, store, clock=WorldClock()))
    page = visit.page("/statistics?collection=museums")
    assert '<svg class="bars"' in page and "stats replay museums" in page
    rows = visit.json("/statistics.json?collection=museums")
    posts = {row["harvest"][:10]: row["tweets"] for row in visit.json("/c/museums/harvests.json")}
    assert {row["interval"][:10]: row["tweets"] for row in rows} == posts
    assert visit.get("/statistics.csv?collection=museums").text.startswith("interval,")
    for by in ("hour", "minute", "century"):
        visit.page(f"/statistics?collection=museums&by={by}")


def test_the_collection_that_is_chosen_at_first_is_shown(tmp_path: Path) -> None:
    visit = Visit(a_place(tmp_path, made_up(tmp_path / "collections", days=6), clock=WorldClock()))
    page = visit.page("/statistics")
    first = page.partition("<option selected>")[2].partition("<")[0]
    assert first and f"stats replay {first} " in page
    assert visit.json("/statistics.json") == visit.json(f"/statistics.json?collection={first}")


def test_without_a_collection_or_a_harvest_there_is_a_page(tmp_path: Path) -> None:
    visit = Visit(a_place(tmp_path, made_up(tmp_path / "collections", days=1), clock=WorldClock()))
    assert "There are no collections." in Visit(a_place(tmp_path / "empty")).page("/statistics")
    assert "No figures in this time." in visit.page("/statistics?collection=new-year")
    assert "There is no collection nowhere" in visit.page("/statistics?collection=nowhere", status=404)
