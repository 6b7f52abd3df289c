"""A message's attributes as a CloudEvent, which every sink with headers sends under the same names.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from collections.abc import Mapping

from harvester.sinks import Message

CONTENT_TYPE = "application/json"
_TYPES: Mapping[str, str] = {"post": "social.twarc-cloud.post.v1", "gap": "social.twarc-cloud.gap.v1"}


class Attributes:
    """Of messages of one source; what they have in common is made once.

    The names begin with the prefix of a protocol: `ce_` in Kafka, `ce-` in HTTP.
    """

    def __init__(self, source: str, *, prefix: str = "") -> None:
        self._version, self._source = (f"{prefix}specversion", "1.0"), (f"{prefix}source", source)
        self._types = {kind: (f"{prefix}type", name) for kind, name in _TYPES.items()}
        self._id, self._subject, self._time = (f"{prefix}{name}" for name in ("id", "subject", "time"))

    def of(self, message: Message) -> list[tuple[str, str]]:
        """Name and value of each that a message has."""
        found = [self._version, (self._id, message.id), self._types[message.kind], self._source]
        if message.subject:
            found.append((self._subject, message.subject))
        if message.time:
            found.append((self._time, message.time))
        return found
