"""Live figures come as events, in a bounded number of streams that end by themselves."""

import http.client
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harvester.clock import Stop
from harvester.dashboard.server import served
from harvester.dashboard.streams import MOST, News, Streams
from harvester.store.folder import FolderStore
from tests.support.collections_on_disk import harvested, one_more
from tests.support.dashboard_visit import Visit, a_place
from tests.support.stores import HandClock


def _events(data: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in data.decode().strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_only_what_changed_is_sent(tmp_path: Path) -> None:
    looks = iter([News({"a": "1", "b": "x"}), News({"a": "2", "b": "x"}), News({"a": "2", "b": "x"})])
    streams, last = Streams(HandClock(), Stop()), News({"a": "3", "b": "x"})
    found = list(streams._events(lambda: next(looks, last), lambda: False, 100.0))
    assert _events(b"".join(found)) == [("patch", {"a": "1", "b": "x"}), ("patch", {"a": "2"})]
    assert b": still here\n\n" in found


def test_a_stream_ends_with_its_page() -> None:
    gone = iter([False, True])
    streams = Streams(HandClock(), Stop())
    assert len(list(streams._events(lambda: News({"a": "1"}), lambda: next(gone), 5.0))) == 2


def test_no_more_streams_than_there_are_places(tmp_path: Path) -> None:
    visit = Visit(a_place(tmp_path))
    opened = [visit.get("/events") for _ in range(MOST)]
    assert {answer.status_code for answer in opened} == {200}
    assert visit.get("/events").status_code == 503
    opened[0].close()
    again = visit.get("/events")
    assert again.status_code == 200
    for answer in (*opened, again):
        answer.close()


def test_a_page_hears_of_new_posts_while_others_are_answered(tmp_path: Path) -> None:
    store, chance = FolderStore(tmp_path / "collections"), random.Random(4)
    keys = harvested(store, tmp_path / "work", chance, harvests=1)
    with served(a_place(tmp_path), port=0) as address:
        link = urlsplit(address)
        cookie = _entered(link.netloc, f"/?{link.query}")
        stream = http.client.HTTPConnection(link.netloc, timeout=30)
        stream.request("GET", "/events", headers={"Cookie": cookie})
        answer = stream.getresponse()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        first = _patch(answer)
        one_more(
            store, tmp_path / "more", chance, keys, datetime(2026, 11, 24, tzinfo=UTC) + timedelta(hours=1)
        )
        later = _patch(answer)
        name = f"posts-{keys.id}"
        assert int(later[name].replace(",", "")) > int(first[name].replace(",", ""))
        other = http.client.HTTPConnection(link.netloc, timeout=30)
        other.request("GET", "/", headers={"Cookie": cookie})
        assert other.getresponse().status == 200
        stream.close()


def _entered(host: str, path: str) -> str:
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("GET", path)
    return connection.getresponse().headers["Set-Cookie"].partition(";")[0]


def _patch(answer: http.client.HTTPResponse) -> dict[str, str]:
    while True:
        line = answer.readline()
        assert line, "the stream ended"
        if line == b"event: patch\n":
            return json.loads(answer.readline().removeprefix(b"data: "))


@pytest.mark.parametrize("address", ["/events?collection=nowhere", "/events?collection=a%20b"])
def test_a_stream_of_what_is_not_there_says_so(tmp_path: Path, address: str) -> None:
    answer = Visit(a_place(tmp_path)).get(address)
    if answer.status_code == 200:
        first = next(answer.response)  # type: ignore[call-overload]
        assert b"retry" in first
        assert b"Not live" in next(answer.response)  # type: ignore[call-overload]
    answer.close()
