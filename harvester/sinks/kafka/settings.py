"""What a collection says of a Kafka sink, with its defaults."""

from dataclasses import dataclass

from harvester.collection.kafka_sink import EXACTLY_ONCE
from harvester.sinks import Asked

# Kafka's own limit of a record is 1 MiB with what surrounds it.
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class KafkaSettings:
    """One Kafka sink. `sender` is what identifies it at the brokers, the same for each of its processes."""

    sender: str
    servers: str
    topic: str
    exactly_once: bool
    dead_letter_topic: str
    position_topic: str
    create_topic: bool
    partitions: int
    replication: int
    compression: str
    max_bytes: int
    security_protocol: str
    sasl_mechanism: str
    ca_file: str

    @property
    def has_user(self) -> bool:
        return self.security_protocol.startswith("SASL")

    @classmethod
    def of(cls, asked: Asked) -> "KafkaSettings":
        """Of an entry without problems."""
        tree = asked.settings
        topic = tree["topic"]
        return cls(
            sender=f"twarc-cloud/{asked.collection}/{asked.name}",
            servers=tree["servers"],
            topic=topic,
            exactly_once=tree.get("delivery") == EXACTLY_ONCE,
            dead_letter_topic=tree.get("dead_letter_topic", f"{topic}.dlq"),
            position_topic=tree.get("position_topic", f"{topic}.positions"),
            create_topic=tree.get("create_topic", False),
            partitions=tree.get("partitions", 6),
            # The brokers' default.
            replication=tree.get("replication", -1),
            compression=tree.get("compression", "zstd"),
            max_bytes=tree.get("max_bytes", MOST_BYTES),
            security_protocol=tree.get("security_protocol", "PLAINTEXT"),
            sasl_mechanism=tree.get("sasl_mechanism", "SCRAM-SHA-512"),
            ca_file=tree.get("ca_file", ""),
        )
