"""The live tail shows the newest posts, and those that come."""

import random
from datetime import UTC, datetime
from pathlib import Path

from harvester.store.folder import FolderStore
from tests.support.collections_on_disk import harvested, one_more
from tests.support.dashboard_visit import Visit, a_place


def test_the_newest_posts_are_shown_and_the_next_come_as_events(tmp_path: Path) -> None:
    store, chance = FolderStore(tmp_path / "collections"), random.Random(4)
    keys = harvested(store, tmp_path / "work", chance, harvests=1)
    visit = Visit(a_place(tmp_path))
    page = visit.page(f"/c/{keys.id}/live")
    assert page.count('<li class="post">') >= 1 and "Schnee" in page
    address = page.partition('data-events="')[2].partition('"')[0].replace("&amp;", "&")
    assert address.startswith(f"/c/{keys.id}/live/events?after=")
    answer = visit.get(address)
    events = answer.response
    assert b"retry" in next(events)  # type: ignore[call-overload]
    quiet = next(events)  # type: ignore[call-overload]
    assert b"event: post" not in quiet and b"0 posts in 10 minutes." in quiet
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
    assert "No posts yet." in Visit(a_place(tmp_path)).page("/c/museums/live")
