"""A Kafka sink against the library's own mock brokers, which fail as they are told to."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.clock import Stop, Stopped
from harvester.errors import Exit, HarvesterError
from harvester.sinks import SinkAway
from harvester.sinks.kafka.library import Words, user
from harvester.sinks.kafka.waiting import Deadline
from tests.sinks.kafka.stage import TOPIC, QuickClock, kafka_sink, post, posts
from tests.support.kafka_brokers import (
    INVALID_RECORD,
    NOT_ALLOWED,
    NOT_LEADER,
    OLD_EPOCH,
    PRODUCE,
    TOO_LARGE,
    UNKNOWN_PRODUCER,
    Brokers,
    MockBrokers,
    mock_brokers,
)
from tests.support.servers import no_server
from tests.support.stores import HandClock


@pytest.fixture
def brokers() -> Iterator[MockBrokers]:
    with mock_brokers() as made:
        made.make(TOPIC)
        yield made


def ids(brokers: MockBrokers, topic: str = TOPIC) -> list[str]:
    return [record.headers["ce_id"] for record in brokers.read(topic)]


def test_each_message_is_a_cloud_event_with_its_stored_line(brokers: MockBrokers) -> None:
    sent = post(7, key="author-1")
    with kafka_sink(brokers.servers) as sink:
        assert list(sink.deliver([sent])) == []
        assert sink.position() is None
    (record,) = brokers.read(TOPIC)
    assert (record.key, record.value) == ("author-1", sent.value)
    assert record.headers == {
        "ce_specversion": "1.0",
        "ce_id": "live/7",
        "ce_type": "social.twarc-cloud.post.v1",
        "ce_source": "/collections/live",
        "ce_subject": "7",
        "ce_time": "2026-11-23T09:05:08.000Z",
        "content-type": "application/json",
    }


def test_messages_of_one_key_are_in_one_partition_and_in_order(brokers: MockBrokers) -> None:
    sent = [post(number, key=f"author-{number % 5}") for number in range(1, 301)]
    with kafka_sink(brokers.servers) as sink:
        for start in range(0, 300, 60):
            sink.deliver(sent[start : start + 60])
    found = brokers.read(TOPIC)
    for author in {record.key for record in found}:
        mine = [record for record in found if record.key == author]
        assert len({record.partition for record in mine}) == 1
        assert [record.headers["ce_id"] for record in mine] == [m.id for m in sent if m.key == author]


@pytest.mark.parametrize("error", [NOT_LEADER, UNKNOWN_PRODUCER])
def test_what_brokers_refuse_for_now_arrives_once_and_in_order(brokers: MockBrokers, error: int) -> None:
    sent = posts(1, 50, key="one")
    with kafka_sink(brokers.servers) as sink:
        sink.deliver([post(0, key="one")])
        brokers.refuse(PRODUCE, error, error)
        assert list(sink.deliver(sent)) == []
    assert ids(brokers) == [f"live/{number}" for number in range(50)]


def test_a_fenced_producer_is_given_up_and_another_one_sends_the_rest(brokers: MockBrokers) -> None:
    sent = posts(1, 50, key="one")
    with kafka_sink(brokers.servers) as sink:
        sink.deliver([post(0, key="one")])
        brokers.refuse(PRODUCE, OLD_EPOCH)
        with pytest.raises(SinkAway):
            while True:
                sink.deliver(sent)
                brokers.refuse(PRODUCE, OLD_EPOCH)
        assert list(sink.deliver(sent)) == []
    assert set(ids(brokers)) == {f"live/{number}" for number in range(50)}


@pytest.mark.parametrize("error", [TOO_LARGE, INVALID_RECORD])
def test_a_record_refused_with_its_neighbours_is_tried_alone(brokers: MockBrokers, error: int) -> None:
    with kafka_sink(brokers.servers) as sink:
        sink.deliver([post(0)])
        brokers.refuse(PRODUCE, error)
        assert list(sink.deliver(posts(1, 20, key="one"))) == []
    assert sorted(ids(brokers)) == sorted(f"live/{number}" for number in range(20))


def test_a_record_refused_twice_is_dead_and_blocks_no_other(brokers: MockBrokers) -> None:
    brokers.make(f"{TOPIC}.dlq", partitions=1)
    with kafka_sink(brokers.servers) as sink:
        sink.deliver([post(0)])
        # The whole batch, and then its first one alone.
        brokers.refuse(PRODUCE, INVALID_RECORD, INVALID_RECORD)
        (dead,) = sink.deliver(posts(1, 20, key="one"))
    assert (dead.message, "validat" in dead.reason) == (post(1, key="one"), True)
    assert sorted(ids(brokers)) == sorted(f"live/{number}" for number in range(20) if number != 1)
    (buried,) = brokers.read(f"{TOPIC}.dlq")
    assert (buried.key, buried.value, buried.headers["ce_id"]) == ("one", dead.message.value, "live/1")
    assert (buried.headers["error"], buried.headers["attempts"]) == (dead.reason, "2")
    assert orjson.loads(buried.headers["position"]) == dead.message.position.to_tree()


def test_a_record_above_the_limit_is_dead_and_buried_without_its_value(brokers: MockBrokers) -> None:
    brokers.make(f"{TOPIC}.dlq", partitions=1)
    large = post(2, size=30_000)
    with kafka_sink(brokers.servers, max_bytes=20_000) as sink:
        dead = sink.deliver([post(1), large, post(3)])
    assert [letter.message.id for letter in dead] == ["live/2"]
    assert sorted(ids(brokers)) == ["live/1", "live/3"]
    (buried,) = brokers.read(f"{TOPIC}.dlq")
    assert (buried.value, buried.headers["bytes_left_out"]) == (None, str(len(large.value)))


def test_the_limit_of_the_topic_itself_counts_if_it_is_smaller(apache_brokers: Brokers, topic: str) -> None:
    apache_brokers.make(topic, partitions=1, **{"max.message.bytes": "20000"})
    sent = [post(1), post(2, size=30_000), *posts(3, 200, size=1_500)]
    with kafka_sink(apache_brokers.servers, topic=topic, compression="none") as sink:
        assert [letter.message.id for letter in sink.deliver(sent)] == ["live/2"]
    found = [record.headers["ce_id"] for record in apache_brokers.read(topic)]
    assert found == [message.id for message in sent if message.id != "live/2"]


def test_without_a_topic_for_the_dead_they_are_told_and_the_rest_arrives(brokers: MockBrokers) -> None:
    with kafka_sink(brokers.servers, max_bytes=20_000) as sink:
        assert [dead.message.id for dead in sink.deliver([post(1, size=30_000), post(2)])] == ["live/1"]
        assert list(sink.deliver([post(3)])) == []
    assert sorted(ids(brokers)) == ["live/2", "live/3"]


def test_brokers_that_cannot_be_reached_are_away_in_words_after_a_bounded_time() -> None:
    with no_server() as url:
        servers = url.removeprefix("http://")
        # On a busy machine the client may not have tried within the first second.
        for seconds in (1.0, 5.0, 25.0):
            clock = QuickClock(seconds)
            with (
                kafka_sink(servers, clock=clock) as sink,
                clock.hurrying(),
                pytest.raises(SinkAway) as raised,
            ):
                sink.deliver([post(1)])
            if "refused" in raised.value.why:
                break
    assert f"Kafka at {servers}: the list of topics took more than 30 s" in raised.value.why
    assert "refused" in raised.value.why


def test_a_delivery_that_brokers_interrupt_continues_and_nothing_is_sent_twice(brokers: MockBrokers) -> None:
    sent, clock = posts(1, 400), QuickClock(1.0)
    with kafka_sink(brokers.servers, clock=clock) as sink:
        sink.deliver([post(0)])
        with brokers.down(), clock.hurrying(), pytest.raises(SinkAway) as raised:
            sink.deliver(sent)
        assert "399 records" in raised.value.why
        for _ in range(20):
            try:
                assert list(sink.deliver(sent)) == []
            except SinkAway:
                continue
            break
    assert sorted(ids(brokers)) == sorted(f"live/{number}" for number in range(400))


@pytest.mark.parametrize("moved", [True, False])
def test_a_delivery_that_is_only_slow_is_continued_at_once(moved: bool) -> None:
    clock = HandClock()
    deadline = Deadline(clock, Stop(), Words(), seconds=30.0, servers="b1:9092")
    deadline.moved = moved
    deadline.check("it")
    clock.seconds += 30.0
    with pytest.raises(SinkAway, match="it is slow" if moved else "no answer") as raised:
        deadline.check("it")
    assert raised.value.at_once is moved


def test_other_messages_after_an_interruption_come_without_those_that_were_not_sent(
    brokers: MockBrokers,
) -> None:
    clock = QuickClock(1.0)
    with kafka_sink(brokers.servers, clock=clock) as sink:
        sink.deliver([post(0)])
        with brokers.down(), clock.hurrying(), pytest.raises(SinkAway):
            sink.deliver(posts(1, 10))
        while True:
            try:
                sink.deliver(posts(5, 10))
            except SinkAway:
                continue
            break
    assert sorted(ids(brokers)) == ["live/0", *(f"live/{number}" for number in range(5, 10))]


def test_a_stop_ends_a_delivery_at_once(brokers: MockBrokers) -> None:
    stop = Stop()
    with kafka_sink(brokers.servers, stop=stop) as sink:
        sink.deliver([post(0)])
        with brokers.down():
            threading.Timer(0.1, stop.request, ["enough"]).start()
            with pytest.raises(Stopped):
                sink.deliver([post(1)])


def test_a_topic_that_is_not_there_is_one_line(brokers: MockBrokers) -> None:
    with kafka_sink(brokers.servers, topic="other") as sink, pytest.raises(HarvesterError) as raised:
        sink.position()
    assert raised.value.exit_code == Exit.USAGE and raised.value.needs_change
    assert str(raised.value) == (
        f"Kafka at {brokers.servers} has no topic other that this user may see. "
        'Create what is missing, or add "create_topic": true to the sink.'
    )
    assert brokers.topics() == {TOPIC}


def test_a_user_without_rights_is_one_line(brokers: MockBrokers) -> None:
    with kafka_sink(brokers.servers) as sink:
        sink.deliver([post(0)])
        brokers.refuse(PRODUCE, NOT_ALLOWED)
        with pytest.raises(HarvesterError, match="refuses: .*authorization") as raised:
            sink.deliver([post(1)])
    assert raised.value.exit_code == Exit.UNAUTHORIZED


@pytest.mark.parametrize("secret", ["", "hidden-password", '{"username": "hidden-name"}', '["hidden"]'])
def test_a_secret_of_another_form_is_one_line_without_it(secret: str) -> None:
    with (
        pytest.raises(HarvesterError) as raised,
        kafka_sink("127.0.0.1:1", secret=secret, security_protocol="SASL_SSL"),
    ):
        pass
    assert raised.value.exit_code == Exit.UNAUTHORIZED
    assert "hidden" not in str(raised.value) and raised.value.__cause__ is None


def test_a_certificate_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    missing = str(tmp_path / "ca.pem")
    with (
        kafka_sink("127.0.0.1:1", security_protocol="SSL", ca_file=missing) as sink,
        pytest.raises(HarvesterError, match="settings cannot be used") as raised,
    ):
        sink.deliver([post(1)])
    assert raised.value.exit_code == Exit.USAGE


def test_lines_of_the_library_are_logged_once_and_without_the_user(caplog: pytest.LogCaptureFixture) -> None:
    words = Words(user('{"username": "museum-user", "password": "sesame-42"}'))
    with caplog.at_level(logging.INFO, "twarc-cloud"):
        for _ in range(3):
            text = "[thrd:main]: login of museum-user with sesame-42 failed"
            words.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#producer-1", text)
    assert [record.getMessage() for record in caplog.records] == [
        "Kafka: login of [hidden] with [hidden] failed"
    ]
    assert words.last == "login of [hidden] with [hidden] failed"


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "confluent_kafka", None)
    with pytest.raises(HarvesterError, match="needs the Python package confluent-kafka"), kafka_sink("a:1"):
        pass


def test_what_waits_in_the_library_is_bounded() -> None:
    from harvester.sinks import Asked
    from harvester.sinks.kafka.library import producing
    from harvester.sinks.kafka.settings import KafkaSettings

    entry: dict[str, Any] = {"servers": "a:1", "topic": TOPIC}
    settings = producing(KafkaSettings.of(Asked("live", "kafka", "kafka", entry)), largest=1_000_000)
    assert settings["queue.buffering.max.kbytes"] <= 16 << 10
    assert (settings["acks"], settings["enable.idempotence"], settings["message.timeout.ms"]) == (
        "all",
        True,
        0,
    )
