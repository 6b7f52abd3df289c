"""A broker that hangs beside a stream as fast as the emulator sends it: the archive's rate, and what arrives.

`python -m bench.frozen --seconds 120`; with Apache Kafka where `make sink-test` has installed it, else tansu.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen

import orjson

from bench import harvests
from bench.servers import KEYS, asked, emulator
from bench.sinks import _brokers, _kafka
from harvester.sinks.status_file import statuses
from tests.support.kafka_brokers import Brokers

_TOPIC, _WORD, _ID = "posts", "flood", "frozen"
_BEFORE, _AFTER = 15.0, 15.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120.0, help="for how long the broker hangs")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name, _brokers(Path(name)) as (broker, brokers):
        folder = Path(name) / "work"
        folder.mkdir()
        brokers.make(_TOPIC)
        with emulator("--no-limits", "--users", "5", "--stream-rate", "max", "--keepalive", "5") as base:
            asked(base, "/2/tweets/search/stream/rules", {"add": [{"value": _WORD, "tag": "bench"}]})
            described = {"type": "filter", "filter": {"track": _WORD}, "sinks": [_kafka(brokers, _TOPIC)]}
            harvests.write(folder, _ID, **described)
            _run(folder, base, broker, brokers, seconds)


def _run(folder: Path, base: str, broker: str, brokers: Brokers, seconds: float) -> None:
    with (folder / "log").open("wb") as log:
        process = Popen(
            harvests.HERE.harvest(_ID), cwd=folder, env={**KEYS, "X_API_URL": base, "PATH": "/usr/bin:/bin"},
            stdout=DEVNULL, stderr=log,
        )  # fmt: skip
    try:
        _until(lambda: _synced(folder) > 0)
        rates = {"before": _rate(folder, _BEFORE)}
        memory = _memory(folder)
        with brokers.frozen():
            rates["frozen"] = _rate(folder, seconds)
            grown = _memory(folder)
        rates["after"] = _rate(folder, _AFTER)
        process.terminate()
        process.wait(300)
    finally:
        process.kill()
    begun = time.monotonic()
    catch_up = harvests.HERE.person("sink", "run", _ID, "--sink", "kafka", "--once")
    Popen(catch_up, cwd=folder, stderr=DEVNULL).wait(3600)
    took = time.monotonic() - begun
    stored = harvests.record(folder, _ID)["tweets"]
    found = Counter(name for name in _ids(brokers) if "/gap/" not in name)
    told = ", ".join(f"{rate:,.0f} posts/s {when}" for when, rate in rates.items())
    sys.stdout.write(
        f"{broker} frozen for {seconds:.0f} s: {told}; {stored:,} posts stored, {len(found):,} in the topic, "
        f"{sum(found.values()) - len(found):,} doubled, the last of them after {took:.0f} s; "
        f"memory of the sink {memory:.0f} MB, {grown:.0f} MB after the freeze\n"
    )


def _rate(folder: Path, seconds: float) -> float:
    """Posts a second that are synced."""
    begun, before = time.monotonic(), _synced(folder)
    threading.Event().wait(seconds)
    return (_synced(folder) - before) / (time.monotonic() - begun)


def _synced(folder: Path) -> int:
    """The posts on disk, by the present journal."""
    for journal in sorted(folder.rglob("journal-*.jsonl"), reverse=True):
        try:
            lines = journal.read_bytes().split(b"\n")
        except FileNotFoundError:
            continue
        state, *further = [orjson.loads(line) for line in lines[:-1]]
        finished, segment = {file["name"]: file["posts"] for file in state["finished"]}, state["segment"]
        for entry in further:
            segment = entry["segment"]
            if file := entry.get("finished"):
                finished[file["name"]] = file["posts"]
        return int(sum(finished.values()) + (segment["posts"] if segment else 0))
    return 0


def _memory(folder: Path) -> float:
    (status,) = statuses(folder / "temp" / "local" / _ID)
    lines = Path(f"/proc/{status['process']}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def _until(true: object) -> None:
    until = time.monotonic() + 120
    while not true():  # type: ignore[operator]
        if time.monotonic() > until:
            raise SystemExit("The harvest does not begin.")
        threading.Event().wait(0.5)


def _ids(brokers: Brokers) -> Iterator[str]:
    """The id of each record of the topic; values are not kept."""
    from confluent_kafka import Consumer, KafkaError, TopicPartition

    settings = {"bootstrap.servers": brokers.servers, "group.id": "ids", "enable.partition.eof": True}
    consumer = Consumer({**settings, "enable.auto.commit": False, "queued.max.messages.kbytes": 65536})
    parts = consumer.list_topics(_TOPIC, timeout=20).topics[_TOPIC].partitions
    consumer.assign([TopicPartition(_TOPIC, part, 0) for part in parts])
    left = set(parts)
    while left:
        for record in consumer.consume(10_000, 0.5):
            error = record.error()
            if error is None:
                yield dict(record.headers())["ce_id"].decode()
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(record.partition())
    consumer.close()


if __name__ == "__main__":
    main()
