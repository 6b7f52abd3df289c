"""The live tail shows the newest posts, and those that come."""

import random
import re
from datetime import UTC, datetime
from pathlib import Path

import orjson

from harvester.store.folder import FolderStore
from tests.sinks.histories import Site
from tests.support.collections_on_disk import harvested, one_more
from tests.support.dashboard_visit import Visit, a_place


def test_the_newest_posts_are_shown_and_the_next_come_as_events(tmp_path: Path) -> None:
    store, chance = FolderStore(tmp_path / "collections"), random.Random(4)
    keys = harvested(store, tmp_path / "work", chance, harvests=1)
    visit = Visit(a_place(tmp_path))
    page = visit.page(f"/c/{keys.id}/live")
    assert page.count('<li class="post"') >= 1 and "Schnee" in page
    address = page.partition('data-events="')[2].partition('"')[0].replace("&amp;", "&")
    assert address.startswith(f"/c/{keys.id}/live/events?after=")
    answer = visit.get(address)
    events = answer.response
    assert b"retry" in next(events)  # type: ignore[call-overload]
    quiet = next(events)  # type: ignore[call-overload]
    assert b"event: post" not in quiet and b"0 posts received in the last 10 minutes." in quiet
    one_more(store, tmp_path / "more", chance, keys, datetime(2026, 11, 24, tzinfo=UTC))
    assert b"event: post" in next(events)  # type: ignore[call-overload]
    answer.close()


def test_a_collection_without_posts_says_so(tmp_path: Path) -> None:
    from harvester.collection import history
    from harvester.store.keys import CollectionKeys

    keys = CollectionKeys("museums")
    history.add(
        FolderStore(tmp_path / "collections"), keys, {"id": "museums", "type": "search", "search": {}}
    )
    page = Visit(a_place(tmp_path)).page("/c/museums/live")
    assert "No posts yet." in page
    assert "<code>&#34;count_rules&#34;: true</code>" in page and "`" not in page


def _came_now(number: int) -> bytes:
    data = {"id": str(number), "text": "a", "created_at": f"2026-11-{28 - number:02d}T09:00:00.000Z"}
    came = datetime.now(UTC).isoformat(timespec="seconds")
    return orjson.dumps({"data": data, "__twarc": {"retrieved_at": came}}) + b"\n"


def test_posts_are_shown_by_publication_and_counted_by_when_they_were_received(tmp_path: Path) -> None:
    Site(tmp_path, line=_came_now).harvest([25])
    visit = Visit(a_place(tmp_path))
    page = visit.page("/c/s/live")
    shown = re.findall(r'data-at="([^"]*)"', page)
    assert shown == [f"2026-11-{day:02d}T09:00:00" for day in range(27, 7, -1)]
    answer = visit.get("/c/s/live/events?after=1")
    next(answer.response)  # type: ignore[call-overload]
    first = next(answer.response)  # type: ignore[call-overload]
    assert b"25 posts received in the last 10 minutes." in first and b"event: post" not in first
    answer.close()
