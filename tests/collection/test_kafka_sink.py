"""What a collection says of a Kafka sink is checked before anything is started."""

from typing import Any

import pytest

from harvester.collection.kafka_sink import KAFKA_KEYS
from harvester.collection.sinks import sink_problems
from harvester.sinks import Asked
from harvester.sinks.kafka.settings import KafkaSettings

_LEAST = {"type": "kafka", "servers": "b1:9092", "topic": "posts"}
_ALL = {
    **_LEAST,
    "servers": "b1.example.org:9092,[::1]:9093",
    "key": "author",
    "delivery": "exactly_once",
    "dead_letter_topic": "posts.refused",
    "position_topic": "posts.where",
    "create_topic": True,
    "partitions": 12,
    "replication": 3,
    "compression": "lz4",
    "max_bytes": 500_000,
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-256",
    "ca_file": "/etc/kafka/ca.pem",
    "secret": "ssm:/twarc-cloud/kafka",
}


def test_what_is_needed_and_all_that_is_known_is_valid() -> None:
    assert list(sink_problems([_LEAST])) == []
    assert list(sink_problems([_ALL])) == []
    assert {*_ALL} - {"type", "secret"} == KAFKA_KEYS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"servers": "b1"}, "sinks[1].servers is 'b1'; use HOST:PORT, and commas between several."),
        ({"servers": "b1:99999"}, "sinks[1].servers is 'b1:99999'; use HOST:PORT"),
        ({"servers": "b1:9092,a..b:9092"}, "use HOST:PORT"),
        ({"servers": ["b1:9092"]}, "sinks[1].servers is ['b1:9092']; use HOST:PORT"),
        ({"topic": "my posts"}, "sinks[1].topic is 'my posts'; use up to 240 letters"),
        ({"topic": ".."}, "sinks[1].topic is '..'"),
        ({"key": "user"}, "sinks[1].key is 'user'; use one of post, author."),
        ({"delivery": "at_most_once"}, "use one of at_least_once, exactly_once."),
        ({"partitions": 0}, "sinks[1].partitions is 0; use a number from 1 to 10000."),
        ({"partitions": True}, "sinks[1].partitions is True"),
        ({"create_topic": "yes"}, "sinks[1].create_topic is 'yes'; use true or false."),
        ({"sasl_mechanism": "GSSAPI"}, "use one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512."),
        ({"password": "hidden"}, "password"),
        ({"security_protocol": "SASL_SSL"}, 'signs in with a user, so it needs "secret"'),
        ({"secret": "env:KAFKA"}, "sinks[1].secret is not used without a security_protocol"),
        ({"dead_letter_topic": "posts"}, "sinks[1] names one topic for two purposes."),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, Any], words: str) -> None:
    (problem,) = sink_problems([{**_LEAST, **change}])
    assert words in problem
    assert "hidden" not in problem


@pytest.mark.parametrize("missing", ["servers", "topic"])
def test_what_is_missing_is_named(missing: str) -> None:
    entry = {name: value for name, value in _LEAST.items() if name != missing}
    assert list(sink_problems([entry])) == [f"sinks[1], a kafka sink, has no {missing}."]


def test_what_is_not_said_has_a_default() -> None:
    found = KafkaSettings.of(Asked("live", "second", "kafka", _LEAST))
    assert (found.sender, found.exactly_once, found.create_topic) == (
        "twarc-cloud/live/second",
        False,
        False,
    )
    assert (found.dead_letter_topic, found.position_topic) == ("posts.dlq", "posts.positions")
    everything = KafkaSettings.of(Asked("live", "second", "kafka", _ALL))
    assert (everything.exactly_once, everything.has_user, everything.replication) == (True, True, 3)
    assert (everything.dead_letter_topic, everything.position_topic) == ("posts.refused", "posts.where")
