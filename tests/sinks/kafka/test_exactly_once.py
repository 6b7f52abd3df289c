"""Messages and the position are committed together, and the position leads to where the next process begins.

tansu shows readers what was aborted, so that only Apache Kafka can tell whether they see each message once.
"""

from typing import Any

import pytest

from harvester.errors import Exit, HarvesterError, LockLost
from harvester.sinks import SinkAway
from harvester.sinks.kafka.positions import Mark
from tests.sinks.kafka.stage import QuickClock, kafka_sink, post, posts
from tests.support.kafka_brokers import INVALID_RECORD, PRODUCE, Brokers, mock_brokers

_ONCE: dict[str, Any] = {"delivery": "exactly_once", "create_topic": True, "partitions": 3, "replication": 1}


@pytest.fixture(params=["tansu_brokers", "apache_brokers"])
def brokers(request: pytest.FixtureRequest) -> Brokers:
    found: Brokers = request.getfixturevalue(request.param)
    return found


def ids(brokers: Brokers, topic: str) -> list[str]:
    return [record.headers["ce_id"] for record in brokers.read(topic)]


def test_the_next_process_begins_behind_what_was_committed(brokers: Brokers, topic: str) -> None:
    with kafka_sink(brokers.servers, topic=topic, **_ONCE) as sink:
        assert sink.position() is None
        sink.deliver(posts(1, 100))
        sink.deliver(posts(100, 200))
    with kafka_sink(brokers.servers, topic=topic, **_ONCE) as sink:
        assert sink.position() == post(199).position
        sink.deliver(posts(200, 300))
    assert sorted(ids(brokers, topic)) == sorted(f"live/{number}" for number in range(1, 300))
    assert {topic, f"{topic}.dlq", f"{topic}.positions"} <= brokers.topics()


def test_two_sinks_have_two_positions(brokers: Brokers, topic: str) -> None:
    for name, last in (("first", 5), ("second", 7)):
        with kafka_sink(brokers.servers, topic=topic, name=name, **_ONCE) as sink:
            assert sink.position() is None
            sink.deliver(posts(1, last))
    for name, last in (("first", 5), ("second", 7)):
        with kafka_sink(brokers.servers, topic=topic, name=name, **_ONCE) as sink:
            assert sink.position() == post(last - 1).position


def test_of_two_processes_of_one_sink_the_earlier_one_stops(brokers: Brokers, topic: str) -> None:
    with (
        kafka_sink(brokers.servers, topic=topic, **_ONCE) as earlier,
        kafka_sink(brokers.servers, topic=topic, **_ONCE) as later,
    ):
        earlier.position()
        earlier.deliver(posts(1, 10))
        assert later.position() == post(9).position
        later.deliver(posts(10, 25))
        with pytest.raises(SinkAway, match="fenced"):
            earlier.deliver(posts(10, 20))
        with pytest.raises(LockLost, match="Another process delivers to Kafka as twarc-cloud/live/") as it:
            earlier.deliver(posts(10, 20))
    assert it.value.exit_code == Exit.LOCKED
    assert sorted(ids(brokers, topic)) == sorted(f"live/{number}" for number in range(1, 25))


def test_a_fenced_process_goes_on_if_the_other_one_delivered_nothing(brokers: Brokers, topic: str) -> None:
    with kafka_sink(brokers.servers, topic=topic, **_ONCE) as sink:
        sink.position()
        sink.deliver(posts(1, 10))
        with kafka_sink(brokers.servers, topic=topic, **_ONCE) as other:
            assert other.position() == post(9).position
        with pytest.raises(SinkAway):
            sink.deliver(posts(10, 20))
        assert list(sink.deliver(posts(10, 20))) == []
    assert sorted(ids(brokers, topic)) == sorted(f"live/{number}" for number in range(1, 20))


def test_a_replay_runs_beside_the_sink_and_leaves_its_position(brokers: Brokers, topic: str) -> None:
    with (
        kafka_sink(brokers.servers, topic=topic, **_ONCE) as sink,
        kafka_sink(brokers.servers, topic=topic, replay=True, **_ONCE) as replay,
    ):
        sink.position()
        sink.deliver(posts(1, 10))
        assert replay.position() is None
        replay.deliver(posts(1, 5))
        sink.deliver(posts(10, 20))
    with kafka_sink(brokers.servers, topic=topic, **_ONCE) as sink:
        assert sink.position() == post(19).position
    assert len(ids(brokers, topic)) == 19 + 4


def test_a_dead_letter_is_committed_with_the_rest(brokers: Brokers, topic: str) -> None:
    with kafka_sink(brokers.servers, topic=topic, max_bytes=20_000, **_ONCE) as sink:
        sink.position()
        dead = sink.deliver([post(1), post(2, size=30_000), post(3)])
        assert [letter.message.id for letter in dead] == ["live/2"]
        sink.deliver(posts(4, 10))
    assert sorted(ids(brokers, topic)) == [f"live/{number}" for number in range(1, 10) if number != 2]
    assert ids(brokers, f"{topic}.dlq") == ["live/2"]
    with kafka_sink(brokers.servers, topic=topic, **_ONCE) as sink:
        assert sink.position() == post(9).position


def test_a_record_that_brokers_refuse_is_left_out_of_the_transaction(topic: str) -> None:
    with mock_brokers() as brokers:
        for name in (topic, f"{topic}.dlq", f"{topic}.positions"):
            brokers.make(name, partitions=1)
        with kafka_sink(brokers.servers, topic=topic, replay=True, delivery="exactly_once") as sink:
            assert list(sink.deliver([post(1)])) == []
            # The batch, and then of each alone the first one.
            brokers.refuse(PRODUCE, INVALID_RECORD, INVALID_RECORD)
            (dead,) = sink.deliver(posts(2, 6))
        assert (dead.message.id, "validat" in dead.reason) == ("live/2", True)
        assert [record.headers["ce_id"] for record in brokers.read(f"{topic}.dlq")] == ["live/2"]
        # A mock shows what was aborted, too.
        found = [record.headers["ce_id"] for record in brokers.read(topic)]
        assert list(dict.fromkeys(found)) == ["live/1", "live/3", "live/4", "live/5"]


def test_a_frozen_broker_is_away_and_then_has_each_message_once(brokers: Brokers, topic: str) -> None:
    clock = QuickClock(1.0)
    with kafka_sink(brokers.servers, topic=topic, clock=clock, **_ONCE) as sink:
        while True:
            try:
                sink.position()
                sink.deliver(posts(1, 10))
            except SinkAway:
                continue
            break
        away = pytest.raises(SinkAway, match="acknowledgement|transaction")
        with brokers.frozen(), clock.hurrying(), away:
            sink.deliver(posts(10, 200))
        while True:
            try:
                sink.deliver(posts(10, 200))
            except SinkAway:
                continue
            break
    assert sorted(ids(brokers, topic)) == sorted(f"live/{number}" for number in range(1, 200))


def test_a_position_behind_the_open_transaction_of_another_sink_is_waited_for(
    brokers: Brokers, topic: str
) -> None:
    """Readers of committed records do not see it yet, and would begin too early."""
    from confluent_kafka import Producer

    with kafka_sink(brokers.servers, topic=topic, **_ONCE) as sink:
        sink.position()
        sink.deliver(posts(1, 10))
        other = Producer({"bootstrap.servers": brokers.servers, "transactional.id": f"other-{topic}"})
        other.init_transactions(20)
        other.begin_transaction()
        other.produce(f"{topic}.positions", b"{}", b"other")
        other.flush(20)
        sink.deliver(posts(10, 20))
    hidden = pytest.raises(SinkAway, match="an open transaction may hide")
    clock = QuickClock(2.0)
    with kafka_sink(brokers.servers, topic=topic, clock=clock, **_ONCE) as sink, clock.hurrying(), hidden:
        sink.position()
    other.commit_transaction(20)
    with kafka_sink(brokers.servers, topic=topic, **_ONCE) as sink:
        assert sink.position() == post(19).position


def test_a_topic_of_positions_that_forgets_is_refused(apache_brokers: Brokers, topic: str) -> None:
    for name in (topic, f"{topic}.positions"):
        apache_brokers.make(name)
    refused = pytest.raises(HarvesterError, match="is not compacted")
    with kafka_sink(apache_brokers.servers, topic=topic, **_ONCE) as sink, refused as raised:
        sink.position()
    assert raised.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"harvest":""}', b'{"line":3}'])
def test_what_is_no_position_is_passed_over(value: bytes | None) -> None:
    assert Mark.read(value) is None
    assert Mark.read(Mark.of(post(7)).written()) == Mark.of(post(7))
