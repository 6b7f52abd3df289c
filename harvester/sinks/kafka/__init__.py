"""A sink that sends posts to a topic of Kafka, as CloudEvents."""

from dataclasses import replace

from harvester.sinks import Asked, Sink, Surroundings
from harvester.sinks.kafka.library import require_library
from harvester.sinks.kafka.settings import KafkaSettings


def opened(asked: Asked, around: Surroundings) -> Sink:
    """The sink of an entry; brokers are asked at the first delivery."""
    require_library()
    from harvester.sinks.kafka.at_least_once import AtLeastOnce
    from harvester.sinks.kafka.connection import Connection
    from harvester.sinks.kafka.exactly_once import ExactlyOnce

    settings = KafkaSettings.of(asked)
    if not settings.exactly_once:
        return AtLeastOnce(Connection(settings, around), asked.source)
    if around.replay:
        # It runs beside the one that follows, which must not be ended by it.
        settings = replace(settings, sender=f"{settings.sender}/replay")
    return ExactlyOnce(Connection(settings, around), asked.source, keeps_position=not around.replay)
