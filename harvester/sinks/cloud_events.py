"""A message's attributes as a CloudEvent, which every sink with headers sends under the same names.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from collections.abc import Mapping

from harvester.sinks import Message

CONTENT_TYPE = "application/json"
_TYPES: Mapping[str, str] = {"post": "social.twarc-cloud.post.v1", "gap": "social.twarc-cloud.gap.v1"}


def attributes(message: Message, source: str) -> dict[str, str]:
    """Name to value, without the prefix of a protocol (`ce_` in Kafka, `ce-` in HTTP)."""
    found = {"specversion": "1.0", "id": message.id, "type": _TYPES[message.kind], "source": source}
    if message.subject:
        found["subject"] = message.subject
    if message.time:
        found["time"] = message.time
    return found
