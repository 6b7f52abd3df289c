"""What others wrote is text on every page: in titles, names, reasons, events, logs and posts."""

import json
from pathlib import Path

import pytest

from harvester.collection import history
from harvester.dashboard.pages.live import post_of
from harvester.dashboard.rendering import link
from harvester.networks.records import Post
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.dashboard_visit import Visit, a_place

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "x" * 10_000,
    "a\x00b\x1b[2J",
    "\ud800 half",
    "{{ 1234567 * 8 }}{% raw %}",
    "</title></svg></pre></textarea>",
)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words(tmp_path: Path, words: str) -> None:
    store, keys = FolderStore(tmp_path / "collections"), CollectionKeys("museums")
    stored = words.encode("utf-8", "replace").decode()
    tree = {"id": "museums", "type": stored, "title": stored, "notes": stored}
    history.add(store, keys, {**tree, "users": {stored: {"screen_name": stored, "sightings": {stored: 1}}}})
    folder = tmp_path / "collections" / "museums" / "harvests" / "2026" / "11" / "23" / "09" / "00" / "00"
    folder.mkdir(parents=True)
    summary = {
        "harvest_timestamp": "2026-11-23T09:00:00+00:00",
        "state": words,
        "reason": words,
        "hint": words,
        "tweets": 3,
        "gaps": [{"from": "2026-11-23T09:00:00+00:00", "to": "2026-11-23T10:00:00+00:00", "reason": words}],
        "billed": {"usd": 1.0, "prices_as_of": words, "by_endpoint": {words: {"posts": 1}}},
    }
    (folder / "harvest.json").write_text(json.dumps(summary))
    (folder / "events.jsonl").write_text(json.dumps({"event": words}, ensure_ascii=True) + "\n")
    (folder / "user_changes.json").write_text(
        json.dumps([{"user_id": words, "change": words, "error": words}])
    )
    visit = Visit(a_place(tmp_path, label=words.encode("utf-8", "replace").decode()))
    tabs = ("harvests", "gaps", "users", "changes", "files", "cost", "settings")
    pages = [
        "/",
        "/costs",
        "/health",
        *(f"/c/museums?tab={tab}" for tab in tabs),
        "/c/museums/h/20260923090000",
    ]
    for address in pages[:-1]:
        text = visit.page(address)
        assert "\u202e" not in text and "\x1b" not in text and "\x00" not in text
        assert "9876536" not in text
    visit.page("/c/museums/h/20261123090000")


@pytest.mark.parametrize("words", HOSTILE)
def test_a_live_post_has_no_sign_that_hides_another(words: str) -> None:
    value = json.dumps({"data": {"id": "1", "text": words, "author_id": "2"}}).encode()
    found = post_of(Post("1", value, author="2", published="2026-11-23T09:00:00.000Z"))
    assert found["head"] == "2026-11-23 09:00:00 @2"
    assert found["text"].encode("utf-8")
    assert not set("\u202e\x00\x1b") & set(found["text"])


def test_only_web_addresses_are_links() -> None:
    assert link("https://example.org/a") and link("http://example.org")
    for other in ("javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//example.org", ""):
        assert link(other) == ""
