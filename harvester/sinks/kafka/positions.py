"""The position of a sink is a record of a compacted topic, written in the transaction that it is of."""

from dataclasses import dataclass
from typing import Any

import orjson

from harvester.sinks import Message, Position
from harvester.sinks.kafka.connection import Connection
from harvester.sinks.kafka.waiting import SLICE, Deadline


@dataclass(frozen=True)
class Mark:
    """Up to which message everything is delivered. The id tells apart those of one page."""

    position: Position
    id: str

    @classmethod
    def of(cls, message: Message) -> "Mark":
        return cls(message.position, message.id)

    @classmethod
    def read(cls, value: bytes | None) -> "Mark | None":
        """The reverse of `written`; None of what is no position."""
        try:
            tree = orjson.loads(value or b"")
        except orjson.JSONDecodeError:
            return None
        position = Position.from_tree(tree)
        return cls(position, str(tree.get("id", ""))) if position else None

    def written(self) -> bytes:
        return orjson.dumps({**self.position.to_tree(), "id": self.id})


def last_mark(connection: Connection, deadline: Deadline) -> Mark | None:
    """The last one of this sink, once no transaction that was open at the begin may hide one.

    Readers of committed records see none behind an open transaction, also if it is of another sink.
    """
    from confluent_kafka import Consumer, IsolationLevel, TopicPartition
    from confluent_kafka.admin import AdminClient, OffsetSpec

    topic, key = connection.settings.position_topic, connection.settings.sender.encode()
    admin = AdminClient(connection.common())
    metadata = deadline.repeat(
        lambda seconds: admin.list_topics(topic, timeout=seconds), "the topic of positions", poll=admin.poll
    )
    parts = [TopicPartition(topic, number, 0) for number in metadata.topics[topic].partitions]
    asked = admin.list_offsets(
        {part: OffsetSpec.latest() for part in parts}, isolation_level=IsolationLevel.READ_UNCOMMITTED
    )
    ends = {
        part.partition: deadline.result(call, "the ends of the topic of positions", poll=admin.poll).offset
        for part, call in asked.items()
    }
    consumer = Consumer(
        connection.common()
        | {
            "group.id": connection.settings.sender,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "queued.max.messages.kbytes": 4 << 10,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign(parts)
        return _last(consumer, key, {part: end for part, end in ends.items() if end}, deadline)
    finally:
        consumer.close()


def _last(consumer: Any, key: bytes, ends: dict[int, int], deadline: Deadline) -> Mark | None:
    """The last mark up to these ends of partitions."""
    from confluent_kafka import KafkaError

    found: Mark | None = None
    while ends:
        for record in consumer.consume(500, SLICE):
            error = record.error()
            if error is None and record.key() == key:
                found = Mark.read(record.value()) or found
            # Each end that is for now is reported, and a later one again.
            at_end = error is not None and error.code() == KafkaError._PARTITION_EOF
            if at_end and record.offset() >= ends.get(record.partition(), 0):
                ends.pop(record.partition(), None)
        if ends:
            deadline.check("reading the position, which an open transaction may hide,")
    return found
