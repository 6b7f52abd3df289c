"""One producer at a time, whose topics are there; its failures are reported in the contract's words."""

from typing import Any

from harvester.sinks import DELIVERS_WITHIN, Surroundings
from harvester.sinks.kafka.library import Words, configuration, opened_client, producing, user
from harvester.sinks.kafka.settings import KafkaSettings
from harvester.sinks.kafka.topics import Topics, ready_topics
from harvester.sinks.kafka.waiting import Deadline, translated

# A delivery that takes longer is tried again, and continues where it was.
_PATIENCE = DELIVERS_WITHIN / 2


class Connection:
    """What both ways of delivery have in common."""

    def __init__(self, settings: KafkaSettings, around: Surroundings) -> None:
        self.settings, self._around = settings, around
        self.words = Words(user(around.secret) if settings.has_user else ())
        self.producer: Any = None
        self.topics = Topics(settings.max_bytes, 0)

    def deadline(self) -> Deadline:
        return Deadline(
            self._around.clock,
            self._around.stop,
            self.words,
            seconds=_PATIENCE,
            servers=self.settings.servers,
        )

    def common(self) -> dict[str, Any]:
        """The configuration of another client of the same brokers."""
        return configuration(self.settings, self._around.secret, self.words)

    def open(self, deadline: Deadline) -> Any:
        """The producer, made if there is none."""
        if self.producer is None:
            from confluent_kafka import Producer

            self.topics = ready_topics(self.settings, self._around.secret, self.words, deadline)
            more = producing(self.settings, largest=self.topics.largest)
            self.producer = opened_client(Producer, self.common() | more, self.words)
        return self.producer

    def drop(self) -> None:
        """Give the producer up, with what it has not sent: it never recovers from a fatal error."""
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.purge(blocking=False)
            producer.poll(0)

    def failed(self, error: Any) -> Exception:
        """Give the producer up; what to raise for its error."""
        self.drop()
        return translated(error, self.words, self.settings.servers)
