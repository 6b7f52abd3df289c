"""What becomes of the messages of one delivery: each waits, is acknowledged, or is refused for good."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from harvester.sinks import DeadLetter, Message
from harvester.sinks.cloud_events import CONTENT_TYPE, Attributes
from harvester.sinks.kafka.library import Meaning, Words, meaning
from harvester.sinks.kafka.waiting import SLICE, Deadline
from harvester.text import counted

Headers = Sequence[tuple[str, str | bytes | None]]

# What the headers of a dead letter may take beside its value.
_HEADERS = 4_000
_LONGEST = 500
_CONTENT_TYPE = ("content-type", CONTENT_TYPE)


class Sending:
    """One delivery. It may be tried again: what is acknowledged is not sent twice, and the rest in order.

    A record that is refused may be so for its neighbours in a batch: it is sent once more, alone.
    """

    def __init__(self, messages: Sequence[Message], source: str, words: Words) -> None:
        from confluent_kafka import KafkaException

        # Looked up once, and not for each message.
        self._raised = KafkaException
        self.messages, self._words = list(messages), words
        # A CloudEvent in binary mode: its attributes are headers, and its data is the value.
        self._attributes = Attributes(source, prefix="ce_")
        self._attempts = [0] * len(messages)
        self._done: set[int] = set()
        self._suspects: set[int] = set()
        self._dead: dict[int, str] = {}
        self._buried: set[int] = set()
        self._buries = True
        # What the library has, of the messages and of other records.
        self._out: set[int] = set()
        self._others = 0
        # Of what was refused in this try, and of what failed otherwise: the last error.
        self.refused: Any = None
        self.failure: Any = None

    def is_of(self, messages: Sequence[Message]) -> bool:
        return self.messages == list(messages)

    @property
    def dead(self) -> list[DeadLetter]:
        return [DeadLetter(self.messages[index], why) for index, why in sorted(self._dead.items())]

    @property
    def complete(self) -> bool:
        return len(self._done) + len(self._dead) == len(self.messages)

    def restart(self, *, undone: bool) -> None:
        """Go on with another producer. `undone`: what was acknowledged counts for nothing, as its transaction
        did not end.
        """
        self._out.clear()
        self._others, self.refused, self.failure = 0, None, None
        if undone:
            self._done.clear()
            self._buried.clear()

    def send(self, producer: Any, topic: str, deadline: Deadline) -> None:
        """Send what is left, and wait for an answer to each."""
        done, dead, out = self._done, self._dead, self._out
        for index in range(len(self.messages)):
            if index in done or index in dead or index in out:
                continue
            alone = index in self._suspects
            if alone:
                self.settle(producer, deadline)
            self._produce(producer, topic, index, deadline)
            if alone:
                self.settle(producer, deadline)
            if self.failure:
                return
        self.settle(producer, deadline)

    def bury(self, producer: Any, topic: str, deadline: Deadline, *, largest: int) -> None:
        """Send dead letters to their topic; one that does not fit goes without its value."""
        for index in sorted(self._dead.keys() - self._buried) if self._buries and largest else ():
            message = self.messages[index]
            headers: list[tuple[str, str | bytes | None]] = [
                *self._attributes.of(message),
                _CONTENT_TYPE,
                ("error", self._dead[index]),
                ("attempts", str(self._attempts[index])),
                ("position", orjson.dumps(message.position.to_tree())),
            ]
            value: bytes | None = message.value
            if len(message.value) > largest - _HEADERS:
                value = None
                headers.append(("bytes_left_out", str(len(message.value))))
            self._buried.add(index)
            self.send_other(producer, topic, message.key, value, headers, deadline)
        self.settle(producer, deadline)

    def send_other(
        self, producer: Any, topic: str, key: str, value: bytes | None, headers: Headers, deadline: Deadline
    ) -> None:
        """Send a record that is no message, and do not wait."""
        _hand_over(producer, topic, key, value, headers, deadline, self._heard_other)
        self._others += 1

    def settle(self, producer: Any, deadline: Deadline) -> None:
        """Wait for an answer to all that was sent."""
        while self._out or self._others:
            before = len(self._out) + self._others
            producer.flush(SLICE)
            left = len(self._out) + self._others
            deadline.moved = deadline.moved or left < before
            if left:
                deadline.check(f"the acknowledgement of {counted(left, 'record')}")

    def _produce(self, producer: Any, topic: str, index: int, deadline: Deadline) -> None:
        message = self.messages[index]
        self._attempts[index] += 1
        headers = self._attributes.of(message)
        headers.append(_CONTENT_TYPE)
        heard = partial(self._heard, index)
        try:
            _hand_over(producer, topic, message.key, message.value, headers, deadline, heard)
        except self._raised as raised:
            error = raised.args[0]
            if meaning(error) is Meaning.RECORD:
                # The library itself, by which no other record is harmed.
                self._dead[index] = self._words.clean(error.str())
            else:
                self.failure = error
        else:
            self._out.add(index)

    def _heard(self, index: int, error: Any, _record: Any) -> None:
        self._out.discard(index)
        if error is None:
            self._done.add(index)
        elif meaning(error) is not Meaning.RECORD:
            self.failure = error
        else:
            self.refused = error
            if index in self._suspects:
                self._dead[index] = self._words.clean(error.str())[:_LONGEST]
            self._suspects.add(index)

    def _heard_other(self, error: Any, _record: Any) -> None:
        self._others -= 1
        if error is None:
            return
        if meaning(error) is Meaning.RECORD:
            self._buries, self.refused = False, error
        else:
            self.failure = error


def _hand_over(
    producer: Any, topic: str, key: str, value: bytes | None, headers: Headers, deadline: Deadline, heard: Any
) -> None:
    """Give one record to the library, once it has room for it."""
    while True:
        try:
            producer.produce(topic, value, key, headers=headers, on_delivery=heard)
            return
        except BufferError:
            producer.poll(SLICE)
            deadline.check("waiting for room in the buffer")
