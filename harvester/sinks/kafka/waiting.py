"""Every wait for brokers ends at a deadline, and at a stop."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any, TypeVar

from harvester.clock import Clock, Stop, Stopped
from harvester.errors import Exit, HarvesterError
from harvester.sinks import SinkAway
from harvester.sinks.kafka.library import Meaning, Words, meaning

_T = TypeVar("_T")

# How long a call of the library may be deaf.
SLICE = 0.2


class Deadline:
    """One delivery's. `servers` and `words` are for the message that it is over."""

    def __init__(self, clock: Clock, stop: Stop, words: Words, *, seconds: float, servers: str) -> None:
        self._clock, self._stop, self._words, self._servers = clock, stop, words, servers
        self._seconds = seconds
        # Whether something was acknowledged meanwhile.
        self.moved = False
        self._end = clock.elapsed() + seconds

    def check(self, what: str) -> None:
        """Raise Stopped or SinkAway where there is no more time for `what`, and if a setting is wrong."""
        if self._stop.requested:
            raise Stopped
        if self._words.setting:
            raise refused(self._servers, self._words.setting)
        if self._clock.elapsed() >= self._end:
            because = self._words.last or ("it is slow" if self.moved else "no answer")
            why = f"Kafka at {self._servers}: {what} took more than {self._seconds:.0f} s: {because}"
            raise SinkAway(why, at_once=self.moved)

    def result(self, call: "Future[_T]", what: str, *, poll: Callable[[float], Any]) -> _T:
        """What a request brings; `poll` serves the library's errors meanwhile."""
        while True:
            try:
                return call.result(SLICE)
            except NotYet:
                poll(0)
                self.check(what)

    def repeat(self, call: Callable[[float], _T], what: str, *, poll: Callable[[float], Any]) -> _T:
        """What a call returns that takes a time-out and may be repeated after it."""
        from confluent_kafka import KafkaError, KafkaException

        unanswered = (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
        while True:
            try:
                return call(SLICE)
            except KafkaException as raised:
                error = raised.args[0]
                if error.fatal() or not (error.retriable() or error.code() in unanswered):
                    raise
                poll(0)
                self.check(what)


def refused(servers: str, why: str) -> HarvesterError:
    """What no repetition can help."""
    return HarvesterError(
        f"Kafka at {servers} refuses: {why}",
        hint="Check the user, its rights and the settings of the sink.",
        exit_code=Exit.UNAUTHORIZED,
        needs_change=True,
    )


def translated(error: Any, words: Words, servers: str) -> Exception:
    """A failure that concerns more than one record, as the contract of sinks has it."""
    why = words.clean(error.str())
    return (
        refused(servers, why) if meaning(error) is Meaning.SETTING else SinkAway(f"Kafka at {servers}: {why}")
    )
