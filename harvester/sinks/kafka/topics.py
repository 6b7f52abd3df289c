"""The topics of a sink are there before anything is sent; they are made only if the collection says so."""

from dataclasses import dataclass
from typing import Any

from harvester.errors import Exit, HarvesterError
from harvester.sinks.kafka.library import Words, configuration, log, opened_client
from harvester.sinks.kafka.settings import KafkaSettings
from harvester.sinks.kafka.waiting import Deadline, translated


@dataclass(frozen=True)
class Topics:
    """What is known of them: the largest record that the first takes, and whether there is one for the dead.

    `largest_dead` is 0 if there is none.
    """

    largest: int
    largest_dead: int


def ready_topics(settings: KafkaSettings, secret: str, words: Words, deadline: Deadline) -> Topics:
    """The topics as they are, or made; raises a HarvesterError if one that is needed is missing."""
    from confluent_kafka.admin import AdminClient

    admin = opened_client(AdminClient, configuration(settings, secret, words), words)
    metadata = deadline.repeat(
        lambda seconds: admin.list_topics(timeout=seconds), "the list of topics", poll=admin.poll
    )
    words.reset()
    there = {name for name, topic in metadata.topics.items() if topic.error is None}
    needed = [settings.topic, *([settings.position_topic] if settings.exactly_once else [])]
    asked = [*needed, settings.dead_letter_topic]
    if settings.create_topic:
        there |= _made([name for name in asked if name not in there], admin, settings, words, deadline)
    if missing := [name for name in needed if name not in there]:
        raise _missing(missing, settings)
    if settings.dead_letter_topic not in there:
        log.info("Kafka has no topic %s for records that it refuses.", settings.dead_letter_topic)
    # The library asks the controller, and would wait for ever if brokers name none.
    has_controller = metadata.controller_id in metadata.brokers
    known = [name for name in asked if name in there] if has_controller else []
    return _limits(_configured(known, admin, deadline), there, settings)


def _limits(configured: dict[str, dict[str, str]], there: set[str], settings: KafkaSettings) -> Topics:
    def largest(name: str) -> int:
        # Its limit is of compressed batches with what surrounds them, ours of what is in them.
        limit = int(configured.get(name, {}).get("max.message.bytes", settings.max_bytes + _AROUND))
        return max(_LEAST, min(settings.max_bytes, limit - _AROUND))

    policy = configured.get(settings.position_topic, {}).get("cleanup.policy", "compact")
    if "compact" not in policy or "delete" in policy:
        raise HarvesterError(
            f"The topic {settings.position_topic} is not compacted, so that Kafka would forget the position.",
            hint="Set its cleanup.policy to compact.",
            exit_code=Exit.USAGE,
            needs_change=True,
        )
    dead = settings.dead_letter_topic
    return Topics(largest(settings.topic), largest(dead) if dead in there else 0)


# What Kafka adds to a batch of one record with headers at most, and the least that the library accepts.
_AROUND, _LEAST = 2_000, 1_000


def _made(
    names: list[str], admin: Any, settings: KafkaSettings, words: Words, deadline: Deadline
) -> set[str]:
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import NewTopic

    if not names:
        return set()
    new = []
    for name in names:
        partitions = settings.partitions if name == settings.topic else 1
        policy = {"cleanup.policy": "compact"} if name == settings.position_topic else {}
        new.append(NewTopic(name, partitions, settings.replication, config=policy))
    for name, call in admin.create_topics(new, request_timeout=_REQUEST).items():
        try:
            deadline.result(call, f"making the topic {name}", poll=admin.poll)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise translated(error.args[0], words, settings.servers) from None
    return set(names)


def _missing(names: list[str], settings: KafkaSettings) -> HarvesterError:
    which = f"topic {names[0]}" if len(names) == 1 else f"topics {' and '.join(names)}"
    return HarvesterError(
        f"Kafka at {settings.servers} has no {which} that this user may see.",
        hint='Create what is missing, or add "create_topic": true to the sink.',
        exit_code=Exit.USAGE,
        needs_change=True,
    )


# Seconds that the library has for one request, which `Deadline` cuts short.
_REQUEST = 20.0


def _configured(names: list[str], admin: Any, deadline: Deadline) -> dict[str, dict[str, str]]:
    """The topics' own settings; none of those that this user may not read."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource

    found: dict[str, dict[str, str]] = {}
    if not names:
        return found
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    for resource, call in admin.describe_configs(asked, request_timeout=_REQUEST).items():
        try:
            entries = deadline.result(call, "the settings of topics", poll=admin.poll)
        except KafkaException as error:
            log.debug("Kafka does not tell the settings of %s: %s", resource.name, error.args[0].name())
        else:
            found[resource.name] = {name: entry.value for name, entry in entries.items()}
    return found
