"""Every page renders for whatever a store holds, and says what is wrong with it."""

import json
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.collection import history
from harvester.errors import HarvesterError
from harvester.harvest.lock import Lock
from harvester.store import Entry, Stored
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys
from tests.support.collections_on_disk import died, harvested, one_more
from tests.support.dashboard_visit import Visit, a_place
from tests.support.dashboard_world import WorldClock, made_up
from tests.support.stores import HandClock

_TABS = ("harvests", "gaps", "users", "changes", "files", "cost", "settings")
_BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _pages_of(visit: Visit, collection_id: str) -> dict[str, str]:
    """All pages that show a collection, by their addresses."""
    place = f"/c/{collection_id}"
    addresses = ["/", "/costs", "/health", place, *(f"{place}?tab={tab}" for tab in _TABS)]
    found = {address: visit.page(address) for address in addresses}
    for name in ("harvests", "gaps", "users", "changes", "files", "cost"):
        assert visit.get(f"{place}/{name}.csv").status_code == 200
        assert isinstance(visit.json(f"{place}/{name}.json"), list)
    visit.json(f"{place}.json")
    return found


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "collections")


@pytest.fixture
def museums(store: FolderStore) -> CollectionKeys:
    keys = CollectionKeys("museums")
    history.add(
        store, keys, {"id": "museums", "type": "user_timeline", "users": {"12": {"screen_name": "jack"}}}
    )
    return keys


def test_an_empty_store_says_how_to_begin(tmp_path: Path) -> None:
    visit = Visit(a_place(tmp_path))
    assert "collection-config template" in visit.page("/")
    assert visit.json("/collections.json") == []
    assert visit.get("/collections.csv").data == b""
    for address in ("/costs", "/health"):
        visit.page(address)


def test_a_collection_that_is_not_there_is_a_page_with_the_nearest_name(
    tmp_path: Path, museums: CollectionKeys
) -> None:
    text = Visit(a_place(tmp_path)).page("/c/museum", status=404)
    assert "There is no collection museum" in text and "Did you mean museums?" in text


@pytest.mark.parametrize("name", ["a%20b", "..", "%3Cscript%3E", "x" * 101])
def test_what_is_no_id_is_said_to_be_none(tmp_path: Path, name: str) -> None:
    answer = Visit(a_place(tmp_path)).get(f"/c/{name}")
    assert answer.status_code in (308, 400, 404)
    assert "<script>" not in answer.text


def test_a_collection_without_harvests_says_so(tmp_path: Path, museums: CollectionKeys) -> None:
    pages = _pages_of(Visit(a_place(tmp_path)), "museums")
    assert "never harvested" in pages["/"]
    assert "No harvests yet." in pages["/c/museums"]
    assert "<svg" not in pages["/c/museums"]


def test_harvests_that_ended_are_listed_with_their_own_words(tmp_path: Path, store: FolderStore) -> None:
    chance = random.Random(7)
    keys = harvested(store, tmp_path / "work", chance, harvests=3)
    visit = Visit(a_place(tmp_path))
    pages = _pages_of(visit, keys.id)
    stored = sorted((tmp_path / "collections").glob("*/harvests/**/harvest.json"), reverse=True)
    words = [json.loads(path.read_text()) for path in stored]
    rows = visit.json(f"/c/{keys.id}/harvests.json")
    assert [(row["harvest"], row["state"], row["tweets"]) for row in rows] == [
        (each["harvest_timestamp"], each["state"], each["tweets"]) for each in words
    ]
    (row,) = visit.json("/collections.json")
    assert (row["posts"], row["state"]) == (sum(each["tweets"] for each in words), words[0]["state"])
    assert '<svg class="bars"' in pages[f"/c/{keys.id}"]
    for path in stored:
        digits = "".join(path.parent.parts[-6:])
        page = visit.page(f"/c/{keys.id}/h/{digits}")
        for line in (path.parent / "manifest-sha256.txt").read_text().splitlines():
            assert line.split()[0] in page
        assert visit.json(f"/c/{keys.id}/h/{digits}.json")["tweets"] == json.loads(path.read_text())["tweets"]
        assert visit.get(f"/c/{keys.id}/h/{digits}/files.csv").text.startswith("name,size,")


def test_a_running_first_harvest_runs_on_every_page(
    tmp_path: Path, store: FolderStore, museums: CollectionKeys
) -> None:
    lock = Lock(store, museums.lock, owner="me", clock=HandClock())
    lock.acquire()
    visit = Visit(a_place(tmp_path))
    pages = _pages_of(visit, "museums")
    assert ">running<" in pages["/"] and ">running<" in pages["/c/museums"]
    assert "Stop the harvest" in pages["/c/museums"] and "Harvest once" not in pages["/c/museums"]
    lock.release()
    assert "never harvested" in visit.page("/c/museums")


def test_a_dead_harvest_is_shown_as_harvest_list_does(tmp_path: Path, store: FolderStore) -> None:
    chance = random.Random(3)
    keys = harvested(store, tmp_path / "work", chance, harvests=1)
    died(store, tmp_path / "dead", chance, keys, _BEGAN + timedelta(days=1))
    visit = Visit(a_place(tmp_path))
    pages = _pages_of(visit, keys.id)
    assert 'state bad" >' not in pages["/"]
    assert ">died<" in pages["/"] and ">died<" in pages[f"/c/{keys.id}"]
    assert "nothing that was stored is lost" in pages[f"/c/{keys.id}"]
    assert visit.json(f"/c/{keys.id}/harvests.json")[0]["state"] == "interrupted"
    assert visit.json("/health.json")["collections"][0]["id"] == keys.id


def test_a_harvest_of_2019_is_shown(tmp_path: Path, museums: CollectionKeys) -> None:
    folder = tmp_path / "collections" / "museums" / "harvests" / "2019" / "07" / "01" / "10" / "00" / "00"
    folder.mkdir(parents=True)
    (folder / "harvester.json").write_text(
        json.dumps({"harvest_timestamp": "2019-07-01T10:00:00", "tweets": 12, "files": 1, "file_bytes": 345})
    )
    (folder / "tweets-20190701100000.jsonl.gz").write_bytes(b"x" * 345)
    (folder / "manifest-sha1.txt").write_text(f"{'ab' * 20}  tweets-20190701100000.jsonl.gz\n")
    (tmp_path / "collections" / "museums" / "last_harvest.json").write_text(
        '{"harvest_id": "2019-07-01T10:00:00"}'
    )
    visit = Visit(a_place(tmp_path))
    pages = _pages_of(visit, "museums")
    assert "2019-07-01" in pages["/c/museums"]
    page = visit.page("/c/museums/h/20190701100000")
    assert "ab" * 20 in page and "tweets-20190701100000.jsonl.gz" in page


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"state": 7, "gaps": {}, "tweets": "x"}'])
def test_an_unreadable_summary_is_a_row_that_says_so(
    tmp_path: Path, store: FolderStore, content: bytes
) -> None:
    keys = harvested(store, tmp_path / "work", random.Random(5), harvests=2)
    newest = max((tmp_path / "collections").glob("*/harvests/**/harvest.json"))
    newest.write_bytes(content)
    pages = _pages_of(Visit(a_place(tmp_path)), keys.id)
    if content[:1] != b"{" or content == b"{":
        assert "unreadable" in pages[f"/c/{keys.id}"]


def test_a_damaged_collection_is_named_and_the_others_are_shown(
    tmp_path: Path, store: FolderStore, museums: CollectionKeys
) -> None:
    other = harvested(store, tmp_path / "work", random.Random(1))
    (tmp_path / "collections" / "museums" / "collection.json").write_text("{")
    visit = Visit(a_place(tmp_path))
    page = visit.page("/")
    assert "collections/museums/collection.json is not JSON" in page and f"/c/{other.id}" in page
    assert "is not JSON" in visit.page("/c/museums")


class _Forbidding(FolderStore):
    """A folder whose collection `museums` may not be read, as a policy of a bucket can have it."""

    def _forbid(self, key: str) -> None:
        if key.startswith("collections/museums/"):
            raise HarvesterError("AWS denies s3:GetObject on museums.", hint="Add it to the policy.")

    def read(self, key: str) -> Stored:
        self._forbid(key)
        return super().read(key)

    def entries(self, prefix: str) -> Iterator[Entry]:
        self._forbid(prefix)
        return super().entries(prefix)


def test_no_permission_for_one_collection_hides_no_other(
    tmp_path: Path, store: FolderStore, museums: CollectionKeys
) -> None:
    other = harvested(store, tmp_path / "work", random.Random(1))
    visit = Visit(a_place(tmp_path, _Forbidding(tmp_path / "collections")))
    page = visit.page("/")
    assert "AWS denies s3:GetObject on museums. Add it to the policy." in page and f"/c/{other.id}" in page
    assert "AWS denies" in visit.page("/costs") and "AWS denies" in visit.page("/health")
    assert "AWS denies" in visit.page("/c/museums", status=502)


class _Counting(FolderStore):
    """Counts what a bucket would be asked."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, key: str) -> Stored:
        self.reads.append(key)
        return super().read(key)


def test_what_has_ended_is_read_once(tmp_path: Path, store: FolderStore) -> None:
    chance = random.Random(2)
    keys = harvested(store, tmp_path / "work", chance, harvests=12)
    counting = _Counting(tmp_path / "collections")
    visit = Visit(a_place(tmp_path, counting))
    visit.page("/")
    assert sum(key.endswith("/harvest.json") for key in counting.reads) == 12
    counting.reads.clear()
    visit.page("/")
    assert not any(key.endswith("/harvest.json") for key in counting.reads)
    assert len(counting.reads) <= 8
    one_more(store, tmp_path / "more", chance, keys, _BEGAN + timedelta(days=2))
    counting.reads.clear()
    (row,) = visit.json("/collections.json")
    assert row["last_harvest"].startswith("2026-11-25")
    assert sum(key.endswith("/harvest.json") for key in counting.reads) <= 2


def test_a_collection_that_was_removed_meanwhile_is_gone(tmp_path: Path, museums: CollectionKeys) -> None:
    visit = Visit(a_place(tmp_path))
    assert "museums" in visit.page("/")
    shutil.rmtree(tmp_path / "collections" / "museums")
    assert "There are no collections" in visit.page("/")
    visit.page("/c/museums", status=404)


def test_rows_are_filtered_by_links(tmp_path: Path, store: FolderStore, museums: CollectionKeys) -> None:
    harvested(store, tmp_path / "work", random.Random(1))
    visit = Visit(a_place(tmp_path))
    found: list[dict[str, Any]] = visit.json("/collections.json?state=never%20harvested")
    assert [row["id"] for row in found] == ["museums"]
    assert "Shown: state never harvested." in visit.page("/?state=never+harvested")
    assert [row["id"] for row in visit.json("/collections.json?label=timeline")] != []


def test_who_may_not_list_tasks_and_schedules_sees_the_collections(
    tmp_path: Path, museums: CollectionKeys
) -> None:
    place = a_place(tmp_path)

    class Denied:
        def tasks(self) -> list[Any]:
            raise HarvesterError("AWS denies tasks.", hint="Add it to the policy.")

        schedules = tasks

    page = Visit(a_place(tmp_path, compute=Denied())).page("/")
    assert "/c/museums" in page and "AWS denies tasks. Add it to the policy." in page
    assert "AWS denies" not in Visit(place).page("/")


_ODD: tuple[Any, ...] = (None, 7, -1, 1.5, "x", [1], {"a": 1}, True, 10**30)
_FIELDS = ("state", "reason", "hint", "tweets", "files", "file_bytes", "gaps", "billed", "task", "activity")
_TIMES = ("harvest_timestamp", "updated", "harvest_end_timestamp", "exit_code", "store", "repairs")


@pytest.mark.parametrize("name", [*_FIELDS, *_TIMES, "billed.usd", "task.cpu", "gaps.repaired", "gaps.to"])
def test_a_summary_that_was_changed_by_hand_breaks_no_page(
    tmp_path: Path, store: FolderStore, name: str
) -> None:
    outer, _, inner = name.partition(".")
    for number, odd in enumerate(_ODD):
        summary = _summary()
        if outer == "gaps" and inner:
            summary["gaps"][0][inner] = odd
        elif inner:
            summary[outer][inner] = odd
        else:
            summary[outer] = odd
        keys = CollectionKeys(f"museums-{number}")
        history.add(store, keys, {"id": keys.id, "type": "user_timeline", "users": {"12": {}}})
        store.create(keys.harvest(_BEGAN).harvest, json.dumps(summary).encode())
    visit = Visit(a_place(tmp_path))
    for path in ("/", "/costs", "/health"):
        visit.page(path)
    for number in range(len(_ODD)):
        for path in ("", "?tab=gaps", "?tab=cost", "/h/20261123090000"):
            visit.page(f"/c/museums-{number}{path}")


def _summary() -> dict[str, Any]:
    began, ended = "2026-11-23T09:00:00+00:00", "2026-11-23T10:00:00+00:00"
    return {
        "harvest_timestamp": began,
        "harvest_end_timestamp": ended,
        "state": "partial",
        "tweets": 3,
        "store": "s3://museum",
        "billed": {"usd": 1.0},
        "task": {"cpu": 256, "memory": 512},
        "gaps": [{"from": began, "to": ended, "reason": "x"}],
    }


def test_a_stream_says_how_much_of_the_time_is_in_no_open_gap(tmp_path: Path) -> None:
    store = made_up(tmp_path / "collections", days=40, with_strange=False)
    visit = Visit(a_place(tmp_path, store, clock=WorldClock()))
    gaps = [gap for gap in visit.json("/c/storms/gaps.json") if gap["state"] == "open"]
    facts = visit.json("/c/storms.json")
    assert len(gaps) == facts["gaps"] > 0
    share = float(facts["covered"].partition(" %")[0])
    assert 95 < share < 100
    assert visit.json("/c/museums.json")["covered"] == ""
