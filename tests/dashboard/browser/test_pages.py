"""Pages in a real browser: nothing from outside, nothing hostile, and all of it for everyone."""

import json
import re
from typing import Any

import pytest

from tests.dashboard.browser.conftest import Watched
from tests.dashboard.browser.ready import AXE

PAGES = (
    "/",
    "/c/museums",
    "/c/storms?tab=gaps",
    "/c/museums?tab=users",
    "/c/museums?tab=changes",
    "/c/museums?tab=settings",
    "/c/election?tab=cost",
    "/c/followers",
    "/c/hostile",
    "/c/hostile?tab=settings",
    "/c/new-year",
    "/c/damaged",
    "/c/storms/live",
    "/costs",
    "/health",
    "/accounts",
    "/accounts?q=103",
    "/accounts?q=@x&at=yesterday",
    "/statistics",
    "/statistics?collection=museums",
    "/search",
    "/search?q=night&collection=museums",
    "/search?collection=hostile",
    "/search?since=x",
)


_REFUSED = ("/search?since=x", "/accounts?q=@x&at=yesterday", "/c/nowhere")


def _of_hostile(page: Any, address: str) -> list[str]:
    """The pages of the harvest and of a post with hostile words."""
    page.goto(f"{address}/c/hostile")
    harvest: str = page.locator("td a").first.get_attribute("href")
    page.goto(f"{address}/search?collection=hostile")
    post: str = page.locator("article a[href^='/post/']").first.get_attribute("href")
    return [harvest, post]


def test_no_page_asks_for_anything_outside_or_complains(tab: Watched) -> None:
    for path in (*PAGES, *_of_hostile(tab.page, tab.address)):
        if path in _REFUSED:
            # The browser says in its console that it was.
            continue
        page = tab.open(path)
        page.wait_for_load_state("load")
        assert page.locator("main img, main script, main iframe").count() == 0
        assert page.locator("main [onerror], main [onclick], main [style]").count() == 0
    assert tab.complaints == []


def test_hostile_words_are_shown_as_words(tab: Watched) -> None:
    page = tab.open("/c/hostile")
    assert '<script>alert("x")</script>' in page.locator("h1").inner_text()
    assert page.locator('a[href^="javascript:"]').count() == 0


def _violations(page: Any) -> list[str]:
    # As a function's body, for pages allow no script element of others.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run()")
    return [f"{each['id']}: {node['html'][:120]}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(chrome: Any, dashboard: tuple[str, list[Any]], scheme: str) -> None:
    address, cookies = dashboard
    context = chrome.new_context(
        color_scheme=scheme, viewport={"width": 1200, "height": 900}, reduced_motion="reduce"
    )
    context.add_cookies(cookies)
    page, found = context.new_page(), {}
    for path in (*PAGES, *_of_hostile(page, address), "/c/nowhere"):
        page.goto(address + path)
        if violations := _violations(page):
            found[path] = violations
    context.close()
    assert found == {}


@pytest.mark.looks(viewport={"width": 390, "height": 844})
def test_nothing_is_wider_than_a_telephone(tab: Watched) -> None:
    wide = {}
    for path in (*PAGES, *_of_hostile(tab.page, tab.address)):
        if path in _REFUSED:
            continue
        page = tab.open(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide[path] = width
    assert wide == {}


@pytest.mark.looks(java_script_enabled=False)
def test_without_javascript_pages_links_and_forms_work(tab: Watched) -> None:
    page = tab.open("/")
    page.get_by_role("link", name="museums", exact=True).click()
    assert page.locator("h1").inner_text().startswith("museums")
    page.get_by_role("link", name="Gaps").click()
    assert "tab=gaps" in page.url
    page.get_by_role("link", name="Reload").click()
    page.get_by_role("button", name="Verify the files").click()
    assert "It said: collection verify -- museums" in page.locator("main").inner_text()


def test_a_page_is_used_by_keyboard(tab: Watched) -> None:
    page = tab.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
        if seen[-1] == "museums":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/c/museums")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") is not None


def test_a_range_is_drawn_on_the_chart_and_the_same_by_the_fields(tab: Watched) -> None:
    page = tab.open("/c/museums")
    box = page.locator("svg[data-brush]").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**/search?*")
    drawn = dict(re.findall(r"(since|until)=(\d{4}-\d\d-\d\d)", page.url))
    assert drawn["since"] < drawn["until"]
    page.goto(f"{tab.address}/c/museums")
    page.get_by_label("From (UTC)").fill(drawn["since"])
    page.get_by_label("To (UTC)").fill(drawn["until"])
    page.get_by_role("button", name="Search these days").press("Enter")
    page.wait_for_url("**/search?*")
    assert dict(re.findall(r"(since|until)=(\d{4}-\d\d-\d\d)", page.url)) == drawn


def test_a_click_on_the_map_asks_for_200_km_around_it_as_the_field_does(tab: Watched) -> None:
    page = tab.open("/search?q=night")
    box = page.locator("svg[data-map]").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.51, box["y"] + box["height"] * 0.25)
    page.wait_for_url("**near=*")
    near = page.get_by_label("Near (lat,lon,km)").input_value()
    assert re.fullmatch(r"-?\d+\.\d\d,-?\d+\.\d\d,200", near)
    assert page.locator("svg .near").count() == 1
    page.get_by_label("Near (lat,lon,km)").fill("52.5,13.4,200")
    page.get_by_label("Near (lat,lon,km)").press("Enter")
    page.wait_for_url("**near=52.5*")
    assert page.locator("article").count() > 0


def test_figures_become_live(tab: Watched) -> None:
    page = tab.open("/")
    page.locator("#live", has_text="Live, as of").wait_for(timeout=15_000)


def test_a_post_that_comes_again_is_shown_once_and_at_its_time(tab: Watched) -> None:
    post = {"id": "1", "at": "2006-03-21T20:50:14", "head": "the first", "text": "one"}
    newer = {"id": "2", "at": "2036-03-21T20:50:14", "head": "the last", "text": "two"}
    body = "".join(f"event: post\ndata: {json.dumps(each)}\n\n" for each in (newer, post, post))
    tab.page.route(
        "**/live/events*", lambda route: route.fulfill(content_type="text/event-stream", body=body)
    )
    page = tab.open("/c/storms/live")
    page.locator("#tail", has_text="the first").wait_for(timeout=15_000)
    heads = page.locator("#tail li b").all_inner_texts()
    assert len(heads) == 22 and heads[0] == "the last" and heads[-1] == "the first"
    tab.page.unroute("**/live/events*")


def test_the_live_tail_can_be_paused(tab: Watched) -> None:
    page = tab.open("/c/storms/live")
    button = page.get_by_role("button", name="Pause")
    button.press("Enter")
    assert page.get_by_role("button", name="Continue").get_attribute("aria-pressed") == "true"


def test_print_leaves_out_what_cannot_be_clicked(tab: Watched) -> None:
    page = tab.open("/c/museums")
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav").first.is_visible() and not page.locator("button").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("svg.bars").is_visible() and page.locator("table").is_visible()


def test_states_are_seen_with_forced_colours(tab: Watched) -> None:
    page = tab.open("/")
    page.emulate_media(forced_colors="active")
    shapes = page.evaluate(
        "[...document.querySelectorAll('.state')].map(e => getComputedStyle(e, '::before').backgroundColor)"
    )
    assert all(shape != "rgba(0, 0, 0, 0)" for shape in shapes)
