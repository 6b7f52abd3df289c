"""However often its process is killed, a sink delivers each message; KILLS=2000 tries it longer."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.kafka.stage import post
from tests.support.kafka_brokers import Brokers, Record

_ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("KILLS", "0")) or 20
pytestmark = [pytest.mark.system, pytest.mark.slow]


def _stormed(brokers: Brokers, topic: str, folder: Path, **settings: Any) -> list[Record]:
    """What is in the topic after as many kills, and one process that was not killed."""
    brokers.make(topic)
    entry = {"type": "kafka", "servers": brokers.servers, "topic": topic, **settings}
    arguments = [str(KILLS), str(KILLS * 100), str(folder / "position.json"), json.dumps(entry)]
    command = [sys.executable, "-m", "tests.support.sink_kills", *arguments]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=60 + 5 * KILLS)
    assert (done.returncode, done.stdout.strip()) == (0, str(KILLS)), done.stderr[-2000:]
    return brokers.read(topic)


def _require_all_in_order(found: list[Record]) -> None:
    first: dict[str, Record] = {}
    for record in found:
        first.setdefault(record.headers["ce_id"], record)
    sent = [post(number, key=f"author-{number % 7}") for number in range(1, KILLS * 100 + 1)]
    assert {name: record.value for name, record in first.items()} == {each.id: each.value for each in sent}
    for key in {each.key for each in sent}:
        mine = [name for name, record in first.items() if record.key == key]
        assert mine == [each.id for each in sent if each.key == key]


def test_after_kills_nothing_is_missing_and_only_equal_ids_are_doubled(
    tansu_brokers: Brokers, topic: str, tmp_path: Path
) -> None:
    _require_all_in_order(_stormed(tansu_brokers, topic, tmp_path))


def test_after_kills_apache_kafka_has_everything(apache_brokers: Brokers, topic: str, tmp_path: Path) -> None:
    _require_all_in_order(_stormed(apache_brokers, topic, tmp_path))


def test_after_kills_readers_of_committed_records_see_each_message_once(
    apache_brokers: Brokers, topic: str, tmp_path: Path
) -> None:
    apache_brokers.make(f"{topic}.positions", partitions=1, **{"cleanup.policy": "compact"})
    found = _stormed(apache_brokers, topic, tmp_path, delivery="exactly_once")
    assert len(found) == KILLS * 100
    _require_all_in_order(found)
