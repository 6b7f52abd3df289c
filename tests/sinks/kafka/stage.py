"""A Kafka sink for tests: its messages, and what it is opened with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harvester.clock import Clock, Stop, SystemClock
from harvester.documents import Tree
from harvester.sinks import Asked, Message, Position, Sink, Surroundings
from harvester.sinks.kafka import opened

HARVEST = "2026-11-23T09:05:07.000000+00:00"
TOPIC = "posts"


def post(number: int, *, key: str = "", size: int = 100) -> Message:
    value = b'{"data":{"id":"%d","text":"%s"}}' % (number, b"x" * size)
    position = Position(HARVEST, "tweets-20261123090507-000001.jsonl.gz", number)
    return Message(
        f"live/{number}", key or str(number), "post", str(number), "2026-11-23T09:05:08.000Z", value, position
    )


def posts(first: int, end: int, **more: Any) -> list[Message]:
    return [post(number, **more) for number in range(first, end)]


def no_note(_event: str, _tree: Tree) -> None:
    pass


@contextmanager
def kafka_sink(
    servers: str,
    *,
    clock: Clock | None = None,
    stop: Stop | None = None,
    secret: str = "",
    replay: bool = False,
    name: str = "kafka",
    **settings: Any,
) -> Iterator[Sink]:
    entry = {"type": "kafka", "servers": servers, "topic": TOPIC, **settings}
    around = Surroundings(clock or SystemClock(), stop or Stop(), no_note, secret, replay)
    sink = opened(Asked("live", name, "kafka", entry), around)
    try:
        yield sink
    finally:
        sink.close()


class QuickClock(SystemClock):
    """While it hurries, half a minute is as long as `seconds`; a busy machine is too slow for that."""

    def __init__(self, seconds: float) -> None:
        self._factor = 30.0 / seconds
        self._ahead = 0.0
        self._since: float | None = None

    def elapsed(self) -> float:
        now = super().elapsed()
        hurried = 0.0 if self._since is None else (now - self._since) * (self._factor - 1)
        return now + self._ahead + hurried

    @contextmanager
    def hurrying(self) -> Iterator[None]:
        self._since = began = super().elapsed()
        try:
            yield
        finally:
            self._ahead += (super().elapsed() - began) * (self._factor - 1)
            self._since = None
