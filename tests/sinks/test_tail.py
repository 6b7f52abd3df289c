"""`Tail` shows the newest posts, and then each that comes, wherever the harvest is."""

import gzip
from pathlib import Path

import orjson
import pytest

from harvester.clock import Stop
from harvester.networks.records import Post
from harvester.networks.registry import network_of
from harvester.sinks.archive.tail import Tail
from tests.sinks.histories import KEYS, Site
from tests.support.stores import HandClock


def _dated(number: int) -> bytes:
    """As a timeline is stored: the later in the file, the earlier published; all came in the same minute."""
    data = {
        "id": str(number),
        "author_id": "7",
        "text": "a",
        "created_at": f"2026-11-{28 - number:02d}T09:00:00.000Z",
    }
    return orjson.dumps({"data": data, "__twarc": {"retrieved_at": "2026-11-28T10:00:00+00:00"}}) + b"\n"


def _tail(site: Site, *, here: bool = True) -> Tail:
    return Tail(site.store, KEYS, network_of({}), work_root=site.work if here else None)


def _ids(posts: list[Post]) -> list[int]:
    return [int(post.id) for post in posts]


@pytest.mark.parametrize("number", [0, 1, 7, 30, 1000])
def test_the_newest_are_those_stored_last_over_files_and_harvests(tmp_path: Path, number: int) -> None:
    site = Site(tmp_path)
    site.harvest([10, 10, 5], per_file=10, gaps=[0])
    site.harvest([])
    site.harvest([4, 3], per_file=3)
    tail = _tail(site)
    assert _ids(tail.newest(number)) == list(range(1, 33))[-number or 33 :]
    assert tail.more() == []
    site.harvest([2])
    assert _ids(tail.more()) == [33, 34]


def test_what_is_synced_here_comes_at_once(tmp_path: Path) -> None:
    site, seen = Site(tmp_path), []
    tails: list[Tail] = []

    def look() -> None:
        if not tails:
            tails.append(_tail(site))
            seen.extend(_ids(tails[0].newest(3)))
        while posts := tails[0].more():
            seen.extend(_ids(posts))
        assert seen[-1] == site.posts
        assert tails[0].pause < 1

    site.harvest([5, 700, 1, 30, 2], per_file=100, meanwhile=look)
    assert seen == list(range(3, 739))


def test_of_another_machine_posts_come_with_its_checkpoints(tmp_path: Path) -> None:
    site = Site(tmp_path)
    tail, seen = _tail(site, here=False), []
    site.harvest([5] * 40, per_file=60, meanwhile=lambda: seen.extend(_ids(tail.more())))
    assert 0 < len(seen) <= 200
    while posts := tail.more():
        seen.extend(_ids(posts))
    assert seen == list(range(1, 201))


def test_a_collection_without_posts_has_none_yet(tmp_path: Path) -> None:
    site = Site(tmp_path)
    tail = _tail(site)
    assert tail.newest(20) == []
    site.harvest([])
    assert tail.more() == []
    site.harvest([3])
    assert _ids(tail.more()) == [1, 2, 3]


def test_it_follows_until_a_stop(tmp_path: Path) -> None:
    site, stop, seen = Site(tmp_path), Stop(), []
    site.harvest([2])

    class Clock(HandClock):
        def wait(self, stop: Stop, seconds: float) -> bool:
            if site.posts > 5:
                stop.request("enough")
            else:
                site.harvest([2])
            return stop.requested

    tail = _tail(site)
    assert _ids(tail.newest(1)) == [2]
    for post in tail.follow(clock=Clock(), stop=stop):
        seen.append(int(post.id))
    assert seen == [3, 4, 5, 6]


def test_a_line_that_is_no_record_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(tmp_path)
    site.harvest([2])
    (path,) = (tmp_path / "collections").rglob("tweets-*")
    path.write_bytes(gzip.compress(b"no record\n" + gzip.decompress(path.read_bytes())))
    assert _ids(_tail(site).newest(5)) == [1, 2]
    assert "passed over" in caplog.text


def test_of_a_timeline_the_posts_published_last_are_the_newest(tmp_path: Path) -> None:
    site = Site(tmp_path, line=_dated)
    site.harvest([25])
    tail = _tail(site)
    assert _ids(tail.newest(3)) == [3, 2, 1]
    assert tail.received == []
    site.harvest([1])
    assert _ids(tail.more()) == [26]


def test_all_that_came_since_a_time_is_read(tmp_path: Path) -> None:
    site = Site(tmp_path, line=_dated)
    site.harvest([5, 5, 5], per_file=5)
    tail = _tail(site)
    assert _ids(tail.newest(1, since="2026-11-28T09:55:00")) == [1]
    assert len(tail.received) == 15
    assert _ids(tail.newest(1, since="2026-11-28T10:05:00")) == [11]
    assert tail.received == []
