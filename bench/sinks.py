"""What sinks cost a harvest, and how fast they catch up: a stream as fast as the emulator sends it.

Kafka is Apache Kafka where `make sink-test` has installed it, else tansu. No program is bound to a core but
the emulator, so that the sinks, which are processes of their own, share with the harvest what is left.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import harvests
from bench.measured import Cost, cost
from bench.servers import KEYS, asked, emulator
from tests.support.kafka_brokers import Brokers, apache_kafka, java, tansu, tansu_program

_WORD, _TOPIC = "flood", "posts"


@dataclass(frozen=True)
class Figure:
    """Posts a second, and what all processes of the job cost; `peak` in MB, of the largest one."""

    what: str
    posts: int
    rate: float
    cpu: float
    peak: float


def measure(*, posts: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, _brokers(Path(name)) as (broker, brokers):
        folder = Path(name) / "work"
        folder.mkdir()
        yield _harvest(folder, "alone", "archive only", posts=posts, sinks=[])
        brokers.make(_TOPIC)
        sinks = [{"type": "stdout"}, _kafka(brokers, _TOPIC)]
        what = f"archive, with sinks to standard output and {broker}"
        yield _harvest(folder, "beside", what, posts=posts, sinks=sinks)
        for delivery in ("at_least_once", "exactly_once"):
            topic = f"{_TOPIC}-{delivery}"
            more = {"delivery": delivery, "create_topic": True, "replication": 1, "partitions": 3}
            what = f"catching up: {broker}, {delivery.replace('_', ' ')}"
            yield _catching_up(folder, what, posts=posts, sink=_kafka(brokers, topic, **more))
        yield _catching_up(folder, "catching up: standard output", posts=posts, sink={"type": "stdout"})


@contextmanager
def _brokers(folder: Path) -> Iterator[tuple[str, Brokers]]:
    place = folder / "brokers"
    place.mkdir()
    if program := java():
        with apache_kafka(program, place) as brokers:
            yield "Apache Kafka", brokers
    elif found := tansu_program():
        with tansu(found, place) as brokers:
            yield "tansu", brokers
    else:
        raise SystemExit("There is no broker: neither Apache Kafka (make sink-test) nor tansu is installed.")


def _kafka(brokers: Brokers, topic: str, **more: Any) -> dict[str, Any]:
    return {"type": "kafka", "servers": brokers.servers, "topic": topic, **more}


def _harvest(folder: Path, name: str, what: str, *, posts: int, sinks: list[dict[str, Any]]) -> Figure:
    options = ("--no-limits", "--users", "5", "--stream-rate", "max", "--stream-posts", str(2 * posts))
    with emulator(*options, "--keepalive", "5") as base:
        asked(base, "/2/tweets/search/stream/rules", {"add": [{"value": _WORD, "tag": "bench"}]})
        described = {"type": "filter", "filter": {"track": _WORD, "max_records": posts}, "sinks": sinks}
        harvests.write(folder, name, **described)
        environment = {**KEYS, "X_API_URL": base}
        spent = cost(harvests.harvest(name), folder=folder, environment=environment, pin=False)
    return _figure(what, spent, posts=posts, seconds=_seconds(harvests.record(folder, name)))


def _seconds(record: dict[str, Any]) -> float:
    """How long the harvest itself took; its process waits for sinks that are behind."""
    begin, end = (
        datetime.fromisoformat(record[name]) for name in ("harvest_timestamp", "harvest_end_timestamp")
    )
    return (end - begin).total_seconds()


def _catching_up(folder: Path, what: str, *, posts: int, sink: dict[str, Any]) -> Figure:
    path = folder / "collections" / "alone" / "collection.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sinks": [{**sink, "name": "measured"}]}))
    (path.parent / "sinks" / "measured.json").unlink(missing_ok=True)
    command = harvests.person("sink", "run", "alone", "--sink", "measured", "--once")
    spent = cost(command, folder=folder, environment=KEYS, pin=False)
    return _figure(what, spent, posts=posts, seconds=spent.seconds)


def _figure(what: str, spent: Cost, *, posts: int, seconds: float) -> Figure:
    return Figure(what, posts, posts / seconds, spent.cpu / posts * 1e6, spent.peak)
