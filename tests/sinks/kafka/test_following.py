"""A sink that follows a collection: all of the archive is in the topic, in order, and fits the schemas."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from harvester.clock import Stop, SystemClock
from harvester.collection import history
from harvester.errors import Exit, HarvesterError
from harvester.sinks.opening import asked_of
from harvester.sinks.run import SinkRun
from harvester.sinks.state import Figures
from tests.sinks.histories import KEYS, Site
from tests.support.kafka_brokers import Brokers, Record, mock_brokers

_SCHEMAS = Path(__file__).resolve().parents[3] / "harvester" / "sinks" / "schemas"


def _entry(servers: str, topic: str, **more: Any) -> dict[str, Any]:
    return {"type": "kafka", "servers": servers, "topic": topic, **more}


def _run(site: Site, **more: Any) -> Figures:
    tree = orjson.loads(history.read(site.store, KEYS).data)
    (asked,) = asked_of(tree, KEYS.id)
    run = SinkRun(site.store, KEYS, tree, asked, site.work, SystemClock(), Stop(), **more)
    return run.run(follow=False)


def _require_fit(records: list[Record]) -> None:
    for record in records:
        name = record.headers["ce_type"].removeprefix("social.twarc-cloud.")
        schema = json.loads((_SCHEMAS / f"{name}.json").read_text())
        Draft202012Validator(schema).validate(orjson.loads(record.value or b""))


@pytest.mark.parametrize("more", [{}, {"enrich": True}, {"delivery": "exactly_once"}])
def test_the_archive_is_in_the_topic_and_every_message_fits_its_schema(
    tansu_brokers: Brokers, topic: str, tmp_path: Path, more: dict[str, Any]
) -> None:
    entry = _entry(tansu_brokers.servers, topic, key="author", create_topic=True, replication=1, **more)
    site = Site(tmp_path, sinks=[entry])
    site.harvest([300, 700], gaps=[1], per_file=400)
    assert _run(site).delivered == 1_001
    site.harvest([50])
    assert _run(site).delivered == 1_051
    found = tansu_brokers.read(topic)
    _require_fit(found)
    posts = [record for record in found if record.headers["ce_type"].endswith("post.v1")]
    assert sorted(int(record.headers["ce_subject"]) for record in posts) == list(range(1, 1_051))
    for author in range(7):
        mine = [int(each.headers["ce_subject"]) for each in posts if each.key == str(author)]
        assert mine == [number for number in range(1, 1_051) if number % 7 == author]
    (gap,) = (record for record in found if record not in posts)
    assert gap.headers["ce_id"].startswith("s/gap/")
    assert all(("twarc_cloud" in orjson.loads(each.value or b"")) == ("enrich" in more) for each in posts)


def test_a_position_in_kafka_counts_more_than_the_one_in_the_store(
    tansu_brokers: Brokers, topic: str, tmp_path: Path
) -> None:
    once = {"delivery": "exactly_once", "create_topic": True, "replication": 1}
    site = Site(tmp_path, sinks=[_entry(tansu_brokers.servers, topic, **once)])
    site.harvest([600])
    _run(site)
    # As after a crash between the transaction and the write to the store.
    key = KEYS.sink("kafka")
    site.store.remove(key)
    site.harvest([5])
    # Nor is it the first start, at which a sink may begin with what is stored later.
    assert _run(site, begin="now").delivered == 5
    assert len(tansu_brokers.read(topic)) == 605


def test_a_topic_that_is_not_there_ends_it_with_one_line_and_the_archive_is_whole(tmp_path: Path) -> None:
    with mock_brokers() as brokers:
        site = Site(tmp_path, sinks=[_entry(brokers.servers, "missing")])
        site.harvest([10])
        with pytest.raises(HarvesterError, match="has no topic missing") as raised:
            _run(site)
    assert raised.value.exit_code == Exit.USAGE
    assert site.stored() == list(range(1, 11))
