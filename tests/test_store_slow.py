"""A store that does not answer is mentioned after ten seconds, and given up in the time that is set."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harvester.errors import StoreAway
from harvester.store.s3 import S3Store
from harvester.store.slow import SlowRequests
from tests.stores import HandClock


@contextmanager
def _silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_silent_store_is_given_up_within_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with _silent() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        store = S3Store("museum-posts", patience=1.0)
        begun = time.monotonic()
        with pytest.raises(StoreAway, match="cannot be reached"):
            store.require()
        assert time.monotonic() - begun < 10


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "twarc-cloud"]


def test_what_takes_long_is_told_after_ten_seconds_and_each_thirty(caplog: pytest.LogCaptureFixture) -> None:
    clock, ticked = HandClock(), threading.Semaphore(0)
    slow = SlowRequests("s3://b", clock.elapsed, wait=lambda _: ticked.acquire(timeout=30))

    def at(seconds: float) -> list[str]:
        clock.seconds = 1000 + seconds
        ticked.release()
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline and len(_warnings(caplog)) == counted[-1]:
            time.sleep(0.01)
        counted.append(len(_warnings(caplog)))
        return _warnings(caplog)

    counted = [0]
    with slow.watched("collections/a/collection.json"):
        assert at(9.0) == []
        assert at(10.5) == [
            "s3://b has not answered for 10 s (collections/a/collection.json); still waiting."
        ]
        assert len(at(39.0)) == 1
        assert len(at(41.0)) == 2
    ticked.release()
    clock.seconds += 1000
    with slow.watched("collections/a/lock.json"):
        ticked.release()
    assert len(_warnings(caplog)) == 2
