"""A store that does not answer is mentioned after ten seconds, and given up in the time that is set."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harvester.errors import NotFound, StoreAway
from harvester.store.s3 import S3Store
from harvester.store.slow import SlowRequests
from tests.support.scripted_x import Reply, in_turn, scripted
from tests.support.stores import HandClock


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


class _Ticks:
    """The waits of a watcher, each of which ends when the test says so."""

    def __init__(self) -> None:
        self._due, self._waiting = threading.Semaphore(0), threading.Semaphore(0)

    def wait(self, _: float) -> None:
        self._waiting.release()
        assert self._due.acquire(timeout=60)

    def pass_one(self) -> None:
        """Let one wait end, and return when the watcher is in the next."""
        assert self._waiting.acquire(timeout=60)
        self._due.release()
        assert self._waiting.acquire(timeout=60)
        self._waiting.release()

    def pass_last(self) -> None:
        self._due.release()


def test_what_takes_long_is_told_after_ten_seconds_and_each_thirty(caplog: pytest.LogCaptureFixture) -> None:
    clock, ticks = HandClock(), _Ticks()
    slow = SlowRequests("s3://b", clock.elapsed, wait=ticks.wait)

    def at(seconds: float) -> list[str]:
        clock.seconds = 1000 + seconds
        ticks.pass_one()
        return _warnings(caplog)

    with slow.watched("collections/a/collection.json"):
        assert at(9.0) == []
        assert at(10.5) == [
            "s3://b has not answered for 10 s (collections/a/collection.json); still waiting."
        ]
        assert len(at(39.0)) == 1
        assert len(at(41.0)) == 2
    clock.seconds += 1000
    with slow.watched("collections/a/lock.json"):
        ticks.pass_one()
    assert len(_warnings(caplog)) == 2
    ticks.pass_last()


def test_a_store_that_is_busy_once_is_asked_again_however_short_the_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def error(status: int, code: str) -> Reply:
        return Reply(
            status, f"<Error><Code>{code}</Code></Error>".encode(), {"content-type": "application/xml"}
        )

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with scripted(in_turn(error(503, "SlowDown"), error(404, "NoSuchKey"))) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(NotFound):
            S3Store("museum-posts", patience=5.0).read("collections/a/collection.json")

    assert len(server.requests) == 2
