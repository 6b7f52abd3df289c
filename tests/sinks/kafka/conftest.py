"""Brokers that a test may ask for; where they are not installed, it is skipped with the reason."""

import os
from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.kafka_brokers import Brokers, apache_kafka, java, tansu, tansu_program

_numbers = count(1)


@pytest.fixture(scope="session")
def tansu_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """A broker with Kafka's protocol for all tests of this worker."""
    program = tansu_program()
    if program is None:
        pytest.skip("tansu is not installed: its wheel is for Linux on x86_64")
    with tansu(program, tmp_path_factory.mktemp("tansu")) as brokers:
        yield brokers


@pytest.fixture(scope="session")
def apache_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """Apache Kafka for all tests of this worker."""
    if not os.environ.get("SINK_TEST"):
        pytest.skip("make sink-test runs what needs Apache Kafka")
    program = java()
    if program is None:
        pytest.skip("Apache Kafka is not installed: make sink-test, which needs Java 17 and Maven")
    with apache_kafka(program, tmp_path_factory.mktemp("kafka")) as brokers:
        yield brokers


@pytest.fixture
def topic() -> str:
    """A name that no other test has."""
    return f"posts-{next(_numbers)}"
