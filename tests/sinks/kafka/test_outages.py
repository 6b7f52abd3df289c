"""Brokers that hang for longer than a delivery may take: nothing is lost, sent twice, or out of order."""

import pytest

from harvester.sinks import SinkAway
from tests.sinks.kafka.stage import QuickClock, kafka_sink, post
from tests.support.kafka_brokers import Brokers


@pytest.fixture(params=["tansu_brokers", "apache_brokers"])
def brokers(request: pytest.FixtureRequest) -> Brokers:
    found: Brokers = request.getfixturevalue(request.param)
    return found


def test_a_frozen_broker_gets_each_message_once_and_in_order(brokers: Brokers, topic: str) -> None:
    brokers.make(topic)
    sent = [post(number, key=f"author-{number % 5}", size=2_000) for number in range(1, 2_001)]
    away = 0
    clock = QuickClock(0.5)
    away_for_it = pytest.raises(SinkAway, match="acknowledgement of .* records")
    with kafka_sink(brokers.servers, topic=topic, clock=clock) as sink:
        for start in range(0, len(sent), 500):
            batch = sent[start : start + 500]
            if start == 1_000:
                with brokers.frozen(), clock.hurrying(), away_for_it:
                    sink.deliver(batch)
            while True:
                try:
                    assert list(sink.deliver(batch)) == []
                except SinkAway:
                    away += 1
                    continue
                break
    found = brokers.read(topic)
    assert len(found) == len(sent) and away < 100
    for key in {each.key for each in sent}:
        mine = [record.headers["ce_id"] for record in found if record.key == key]
        assert mine == [each.id for each in sent if each.key == key]
