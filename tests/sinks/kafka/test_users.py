"""Brokers that want a user and show a certificate: Apache Kafka with TLS and SASL."""

import json
import logging
from typing import Any

import pytest

from harvester.errors import Exit, HarvesterError
from harvester.sinks import SinkAway
from tests.sinks.kafka.stage import QuickClock, kafka_sink, posts
from tests.support.kafka_brokers import PASSWORD, USER, Brokers


def _entry(brokers: Brokers, topic: str, **more: Any) -> dict[str, Any]:
    entry = {"topic": topic, "security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"}
    return entry | {"ca_file": brokers.ca_file, "secret": _secret(PASSWORD)} | more


def _secret(password: str) -> str:
    return json.dumps({"username": USER, "password": password})


def test_a_user_with_the_right_password_delivers(apache_brokers: Brokers, topic: str) -> None:
    apache_brokers.make(topic)
    with kafka_sink(apache_brokers.guarded, **_entry(apache_brokers, topic)) as sink:
        assert list(sink.deliver(posts(1, 50))) == []
    assert len(apache_brokers.read(topic)) == 49


def test_a_wrong_password_is_one_line_and_shown_nowhere(
    apache_brokers: Brokers, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    apache_brokers.make(topic)
    entry = _entry(apache_brokers, topic, secret=_secret("wrong-password"))
    with (
        caplog.at_level(logging.DEBUG, "twarc-cloud"),
        kafka_sink(apache_brokers.guarded, **entry) as sink,
        pytest.raises(HarvesterError, match="refuses: .*Authentication failed") as raised,
    ):
        sink.position()
    assert raised.value.exit_code == Exit.UNAUTHORIZED and raised.value.needs_change
    shown = f"{raised.value} {caplog.text}"
    assert USER not in shown and "wrong-password" not in shown


def test_a_certificate_of_others_is_told(apache_brokers: Brokers, topic: str) -> None:
    entry = _entry(apache_brokers, topic, ca_file="")
    clock = QuickClock(2.0)
    with (
        kafka_sink(apache_brokers.guarded, clock=clock, **entry) as sink,
        clock.hurrying(),
        pytest.raises(SinkAway, match="certificate"),
    ):
        sink.deliver(posts(1, 2))
