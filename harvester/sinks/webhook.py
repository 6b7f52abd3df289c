"""A webhook: each post is one signed POST request; what is refused for good stands aside."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import quote

from harvester import __version__
from harvester.clock import http_date
from harvester.sinks import DELIVERS_WITHIN, Asked, DeadLetter, Message, Position, SinkAway, Surroundings
from harvester.sinks.cloud_events import CONTENT_TYPE, Attributes
from harvester.sinks.http_post import Address, Answer, NoAnswer
from harvester.sinks.signature import headers, key_of
from harvester.text import printable

# A request takes no longer than this, and none is begun when less of the time for all is left.
_WITHIN = 15.0
_CONNECTIONS = 4
# The record is not at fault: the address, the key, or too many requests.
_REFUSED, _LATER = (401, 403, 407), (408, 425, 429)
_REASON = 200
# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md, 3.1.3.2
_PLAIN = "".join(sign for sign in map(chr, range(0x21, 0x7F)) if sign not in '"%')


def opened(asked: Asked, around: Surroundings) -> "Webhook":
    return Webhook(asked, around)


class Webhook:
    """Sends to one address, over a few connections at once; the order of posts is not kept."""

    def __init__(self, asked: Asked, around: Surroundings) -> None:
        self._clock, self._stop = around.clock, around.stop
        self._attributes = Attributes(asked.source, prefix="ce-")
        self._key = key_of(around.secret)
        self._address = Address(asked.settings["url"], within=_WITHIN, clock=around.clock, stop=around.stop)
        self._batch = int(asked.settings.get("batch", 1))
        number = int(asked.settings.get("connections", _CONNECTIONS))
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="webhook")
        # Of messages that are handed over again, what is known of each by its id.
        self._done: dict[str, DeadLetter | None] = {}

    def deliver(self, messages: Sequence[Message]) -> Sequence[DeadLetter]:
        left = [message for message in messages if message.id not in self._done]
        units = [left[start : start + self._batch] for start in range(0, len(left), self._batch)]
        until, before = self._clock.elapsed() + DELIVERS_WITHIN - 2 * _WITHIN, len(self._done)
        away = [found for found in self._pool.map(lambda unit: self._sent(unit, until), units) if found]
        if away:
            first = max(away, key=lambda each: (bool(each.why), each.after))
            progressed = len(self._done) > before and not first.why
            why = first.why or f"{self._address.name} is slow to answer."
            raise SinkAway(why, after=first.after, at_once=progressed)
        found = [letter for message in messages if (letter := self._done.get(message.id))]
        self._done.clear()
        return found

    def _sent(self, unit: Sequence[Message], until: float) -> SinkAway | None:
        """Send some messages in one request; why they are to be sent again, if they are."""
        if self._stop.requested or self._clock.elapsed() >= until:
            return SinkAway("")
        try:
            answer = self._address.post(*self._request(unit))
        except NoAnswer as error:
            return SinkAway(f"{self._address.name} does not answer: {error}.")
        if 200 <= answer.status < 300:
            self._done.update(dict.fromkeys((message.id for message in unit), None))
            return None
        if away := self._away(answer):
            return away
        if len(unit) > 1:
            # One of them is at fault.
            return next(filter(None, (self._sent([message], until) for message in unit)), None)
        self._done[unit[0].id] = DeadLetter(unit[0], f"{self._address.name} {_said(answer)}.")
        return None

    def _request(self, unit: Sequence[Message]) -> tuple[bytes, dict[str, str]]:
        first = unit[0]
        body = first.value if self._batch == 1 else b"[" + b",".join(each.value for each in unit) + b"]"
        sent = int(self._clock.now().timestamp())
        found = headers(self._key, name=_encoded(first.id), sent=sent, body=body)
        found |= {"content-type": CONTENT_TYPE, "user-agent": f"twarc-cloud/{__version__}"}
        if self._batch == 1:
            found |= {name: _encoded(value) for name, value in self._attributes.of(first)}
        return body, found

    def _away(self, answer: Answer) -> SinkAway | None:
        if answer.status in _REFUSED:
            return SinkAway(f"{self._address.name} {_said(answer)}. Check the address and the secret.")
        if 300 <= answer.status < 400:
            return SinkAway(f"{self._address.name} {_said(answer)}, a redirect, which is not followed.")
        if answer.status >= 500 or answer.status in _LATER or answer.status < 200:
            return SinkAway(f"{self._address.name} {_said(answer)}.", after=self._after(answer))
        return None

    def _after(self, answer: Answer) -> float:
        """The seconds that it asks for, of at most an hour."""
        with suppress(ValueError):
            return min(3600.0, max(0.0, float(answer.retry_after)))
        date = http_date(answer.retry_after)
        return min(3600.0, max(0.0, (date - self._clock.now()).total_seconds())) if date else 0.0

    def position(self) -> Position | None:
        return None

    def close(self) -> None:
        self._address.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _encoded(value: str) -> str:
    """As CloudEvents has it in headers: what is not printable in ASCII is percent-encoded, so are these."""
    return quote(value, safe=_PLAIN, errors="replace")


def _said(answer: Answer) -> str:
    reason = printable(answer.body.decode(errors="replace").strip()[:_REASON])
    return f"answered {answer.status}: {reason}" if reason else f"answered {answer.status}"
