"""Each message arrives at least once, with an id by which a second one is known."""

from collections.abc import Sequence
from contextlib import suppress

from harvester.sinks import DeadLetter, Message, Position, SinkAway
from harvester.sinks.kafka.connection import Connection
from harvester.sinks.kafka.sending import Sending


class AtLeastOnce:
    """A sink whose position is in the store."""

    def __init__(self, connection: Connection, source: str) -> None:
        self._connection, self._source = connection, source
        # What a call before this one did not end.
        self._unfinished: Sending | None = None

    def position(self) -> Position | None:
        # What is missing is reported at the start. What is away may come.
        with suppress(SinkAway):
            self._connection.open(self._connection.deadline())
        return None

    def deliver(self, messages: Sequence[Message]) -> Sequence[DeadLetter]:
        if not messages:
            return []
        link = self._connection
        deadline = link.deadline()
        sending = self._begun(messages)
        producer = link.open(deadline)
        while not sending.complete:
            sending.send(producer, link.settings.topic, deadline)
            self._require_unharmed(sending)
        sending.bury(producer, link.settings.dead_letter_topic, deadline, largest=link.topics.largest_dead)
        self._require_unharmed(sending)
        link.words.reset()
        self._unfinished = None
        return sending.dead

    def close(self) -> None:
        self._connection.drop()

    def _begun(self, messages: Sequence[Message]) -> Sending:
        if self._unfinished is None or not self._unfinished.is_of(messages):
            if self._unfinished is not None:
                # What the library still has would come after what is now sent before it.
                self._connection.drop()
            self._unfinished = Sending(messages, self._source, self._connection.words)
        return self._unfinished

    def _require_unharmed(self, sending: Sending) -> None:
        if error := sending.failure:
            raised = self._connection.failed(error)
            sending.restart(undone=False)
            raise raised
