"""Each message arrives exactly once, for readers of committed records, as messages and position are committed
together.
"""

from collections.abc import Sequence
from typing import Any

from harvester.errors import Exit, LockLost
from harvester.sinks import DeadLetter, Message, Position
from harvester.sinks.kafka.connection import Connection
from harvester.sinks.kafka.positions import Mark, last_mark
from harvester.sinks.kafka.sending import Sending
from harvester.sinks.kafka.waiting import Deadline


class ExactlyOnce:
    """A sink whose position is in Kafka. Of two processes of one sink the later one ends the earlier."""

    def __init__(self, connection: Connection, source: str, *, keeps_position: bool = True) -> None:
        self._connection, self._source = connection, source
        self._keeps_position = keeps_position
        self._mark: Mark | None = None
        self._unfinished: Sending | None = None
        # How far the transaction of the unfinished one is.
        self._in_transaction = self._marked = False

    def position(self) -> Position | None:
        if self._keeps_position and self._connection.producer is None:
            self._mark = self._opened(self._connection.deadline())
        return self._mark.position if self._mark else None

    def deliver(self, messages: Sequence[Message]) -> Sequence[DeadLetter]:
        if not messages:
            return []
        from confluent_kafka import KafkaException

        link = self._connection
        deadline = link.deadline()
        sending = self._begun(messages)
        try:
            while not self._committed(sending, deadline):
                self._give_up(sending)
        except KafkaException as error:
            self._give_up(sending)
            raise link.failed(error.args[0]) from None
        link.words.reset()
        self._unfinished, self._mark = None, Mark.of(sending.messages[-1])
        return sending.dead

    def close(self) -> None:
        self._connection.drop()

    def _begun(self, messages: Sequence[Message]) -> Sending:
        if self._unfinished is None or not self._unfinished.is_of(messages):
            if self._unfinished is not None:
                self._give_up(self._unfinished)
            self._unfinished = Sending(messages, self._source, self._connection.words)
        return self._unfinished

    def _opened(self, deadline: Deadline) -> Mark | None:
        """Open a producer, which ends what an earlier one left open; the mark of what was committed."""
        link = self._connection
        producer = link.open(deadline)
        deadline.repeat(producer.init_transactions, "the first request of a transaction", poll=producer.poll)
        return last_mark(link, deadline) if self._keeps_position else None

    def _committed(self, sending: Sending, deadline: Deadline) -> bool:
        """Whether the transaction ended well; not if records were refused, which it then cannot contain."""
        link = self._connection
        if link.producer is None:
            found = self._opened(deadline)
            if self._keeps_position and found == Mark.of(sending.messages[-1]):
                return True
            self._require_own(found)
        producer, topic = link.producer, link.settings.topic
        if not self._in_transaction:
            producer.begin_transaction()
            self._in_transaction = True
        sending.send(producer, topic, deadline)
        if sending.refused is None and sending.failure is None:
            sending.bury(
                producer, link.settings.dead_letter_topic, deadline, largest=link.topics.largest_dead
            )
        if sending.refused is None and sending.failure is None:
            self._commit(producer, sending, deadline)
        if sending.refused is None and (error := sending.failure):
            raise link.failed(error)
        return sending.refused is None

    def _commit(self, producer: Any, sending: Sending, deadline: Deadline) -> None:
        if self._keeps_position and not self._marked:
            mark = Mark.of(sending.messages[-1])
            settings = self._connection.settings
            sending.send_other(
                producer, settings.position_topic, settings.sender, mark.written(), [], deadline
            )
            self._marked = True
        sending.settle(producer, deadline)
        if sending.failure is None:
            deadline.repeat(producer.commit_transaction, "the end of a transaction", poll=producer.poll)
            self._in_transaction = self._marked = False

    def _require_own(self, found: Mark | None) -> None:
        if self._keeps_position and found != self._mark:
            raise LockLost(
                f"Another process delivers to Kafka as {self._connection.settings.sender}.",
                hint="Stop one of the two.",
                exit_code=Exit.LOCKED,
            )

    def _give_up(self, sending: Sending) -> None:
        self._connection.drop()
        sending.restart(undone=True)
        self._in_transaction = self._marked = False
