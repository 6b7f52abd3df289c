"""What sinks cost a harvest, and how fast they catch up: a stream as fast as the emulator sends it.

`python -m bench.sinks --posts 1000000` has the rules of each post stored and passed on, too: 1,001 rules in
packs, so that each post is compared with them here.

Kafka is Apache Kafka where `make sink-test` has installed it, else tansu. No program is bound to a core but
the emulator, so that the sinks, which are processes of their own, share with the harvest what is left.
"""

import argparse
import json
import os
import sys
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
from bench.steady import samples, stream_server
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


def attributed(*, posts: int) -> Iterator[Figure]:
    """Archive only, with side files of matches, and with two sinks that enrich what they pass on."""
    rules = [{"id": f"r{n}", "type": "keyword", "value": f"word{n} term{n % 50}"} for n in range(1000)]
    rules.append({"id": "flood", "type": "keyword", "value": _WORD})
    with tempfile.TemporaryDirectory() as name, _brokers(Path(name)) as (broker, brokers):
        folder = Path(name) / "work"
        folder.mkdir()
        brokers.make(_TOPIC)
        sinks = [{"type": "stdout", "enrich": True}, {**_kafka(brokers, _TOPIC), "enrich": True}]
        for what, asked_for, beside in (
            ("archive only", "off", []),
            ("archive, with side files of matches", "file", []),
            (f"the same, with sinks to standard output and {broker} that enrich", "file", sinks),
        ):
            collection = f"job{len(beside)}{asked_for}"
            samples(folder / "posts", tag=f"twarc-cloud:{collection}:pack-1")
            section = {"rules": rules, "attribution": asked_for, "max_records": posts}
            harvests.write(folder, collection, type="filter", filter=section, sinks=beside)
            with stream_server(folder / "posts", 0) as base:
                environment = {**KEYS, "X_API_URL": base}
                spent = cost(
                    harvests.HERE.harvest(collection),
                    folder=folder,
                    environment=environment,
                    pin=False,
                    out=os.devnull,
                )
            seconds = _seconds(harvests.record(folder, collection))
            yield _figure(what, spent, posts=posts, seconds=seconds)
        for each in sinks:
            what = f"catching up: {each['type']}, enriched"
            yield _catching_up(folder, what, posts=posts, sink=each, collection="job0file")


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
        spent = cost(harvests.HERE.harvest(name), folder=folder, environment=environment, pin=False)
    return _figure(what, spent, posts=posts, seconds=_seconds(harvests.record(folder, name)))


def _seconds(record: dict[str, Any]) -> float:
    """How long the harvest itself took; its process waits for sinks that are behind."""
    begin, end = (
        datetime.fromisoformat(record[name]) for name in ("harvest_timestamp", "harvest_end_timestamp")
    )
    return (end - begin).total_seconds()


def _catching_up(
    folder: Path, what: str, *, posts: int, sink: dict[str, Any], collection: str = "alone"
) -> Figure:
    path = folder / "collections" / collection / "collection.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sinks": [{**sink, "name": "measured"}]}))
    (path.parent / "sinks" / "measured.json").unlink(missing_ok=True)
    command = harvests.HERE.person("sink", "run", collection, "--sink", "measured", "--once")
    spent = cost(command, folder=folder, environment=KEYS, pin=False, out=os.devnull)
    return _figure(what, spent, posts=posts, seconds=spent.seconds)


def _figure(what: str, spent: Cost, *, posts: int, seconds: float) -> Figure:
    return Figure(what, posts, posts / seconds, spent.cpu / posts * 1e6, spent.peak)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sinks", description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    for one in attributed(posts=parser.parse_args().posts):
        sys.stdout.write(
            f"{one.what}: {one.posts:,} posts, {one.rate:,.0f} a second, {one.cpu:.1f} us of CPU a post, "
            f"peak {one.peak:.0f} MB, load {os.getloadavg()[0]:.0f}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
