"""librdkafka as this project uses it: its configuration, its log, and what its errors mean."""

import logging
import re
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from harvester.documents.foreign import loaded
from harvester.errors import Exit, HarvesterError
from harvester.monitoring.scrubber import Scrubber
from harvester.sinks.kafka.settings import KafkaSettings
from harvester.text import printable

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

log = logging.getLogger("twarc-cloud")

# What waits in the library at most. Its own limit is 1 GB.
_BUFFER_KIB, _BUFFER_MESSAGES = 16 << 10, 20_000
# Brokers end a transaction that takes longer, so that it does not hold up readers.
TRANSACTION_MS = 60_000
_THREAD = re.compile(r"^(\[thrd:[^\]]*\]: )")
_HOLDS = 'an object with "username" and "password", as JSON'


def require_library() -> None:
    """Raise if the optional package is missing."""
    try:
        import confluent_kafka  # noqa: F401 - whether it can be imported is the question
    except ImportError:
        raise HarvesterError(
            "A Kafka sink needs the Python package confluent-kafka, which is not installed.",
            hint="Install what requirements-kafka.txt lists, or twarc-cloud[kafka].",
        ) from None


class Meaning(Enum):
    """What an error says of what was sent."""

    RECORD = "this record will never be accepted"
    SETTING = "nothing will be accepted until a setting is changed"
    AWAY = "it may be accepted later"


def meaning(error: "KafkaError") -> Meaning:
    from confluent_kafka import KafkaError as Code

    code = error.code()
    if code in (
        Code.MSG_SIZE_TOO_LARGE,
        Code.INVALID_MSG,
        Code.INVALID_MSG_SIZE,
        Code.RECORD_LIST_TOO_LARGE,
        Code.INVALID_TIMESTAMP,
        Code.INVALID_RECORD,
    ):
        return Meaning.RECORD
    if code in (
        Code.TOPIC_AUTHORIZATION_FAILED,
        Code.CLUSTER_AUTHORIZATION_FAILED,
        Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        Code.GROUP_AUTHORIZATION_FAILED,
        Code.SASL_AUTHENTICATION_FAILED,
        Code.UNSUPPORTED_SASL_MECHANISM,
        Code._AUTHENTICATION,
        Code._UNSUPPORTED_FEATURE,
        Code.UNSUPPORTED_VERSION,
    ):
        return Meaning.SETTING
    return Meaning.AWAY


class Words:
    """The library's log without secrets, and its last error, for a thread that waits."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._scrubber = Scrubber.of({}, secrets)
        self._shown: set[str] = set()
        self.last = ""
        self.setting = ""

    def clean(self, text: object) -> str:
        return printable(str(self._scrubber.scrubbed(str(text))))

    def log(self, level: int, _form: str, facility: str, _name: str, text: str) -> None:
        """A line of the library. Of each kind the first since all was well is shown; a broker that is away
        brings one with every attempt.
        """
        said = self.clean(_THREAD.sub("", text))
        if level >= logging.ERROR:
            self.last = said
        first = level >= logging.ERROR and facility not in self._shown
        if first:
            self._shown.add(facility)
        log.log(logging.WARNING if first else logging.DEBUG, "Kafka: %s", said)

    def hear(self, error: "KafkaError") -> None:
        """An error that is no single message's."""
        from confluent_kafka import KafkaError as Code

        if error.code() == Code._ALL_BROKERS_DOWN and self.last:
            # The reason was reported before, and is more informative.
            return
        self.last = self.clean(error.str())
        if meaning(error) is Meaning.SETTING:
            self.setting = self.last

    def reset(self) -> None:
        """Brokers answer."""
        self.last = self.setting = ""
        self._shown.clear()


def configuration(settings: KafkaSettings, secret: str, words: Words) -> dict[str, Any]:
    """What every client of the brokers has in common."""
    found: dict[str, Any] = {
        "bootstrap.servers": settings.servers,
        "client.id": "twarc-cloud",
        "security.protocol": settings.security_protocol,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 2_000,
        "log.connection.close": False,
        "error_cb": words.hear,
        "logger": words,
    }
    if settings.ca_file:
        found["ssl.ca.location"] = settings.ca_file
    if settings.has_user:
        name, password = user(secret)
        found |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": name,
            "sasl.password": password,
        }
    return found


def producing(settings: KafkaSettings, *, largest: int) -> dict[str, Any]:
    """What a producer has besides. The deadlines are ours: what the library gives up may have been stored."""
    found: dict[str, Any] = {
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": 0,
        "message.max.bytes": largest,
        "batch.size": largest,
        "compression.type": settings.compression,
        "linger.ms": 5,
        "queue.buffering.max.kbytes": max(_BUFFER_KIB, 2 * largest >> 10),
        "queue.buffering.max.messages": _BUFFER_MESSAGES,
    }
    if settings.exactly_once:
        found |= {
            "transactional.id": settings.sender,
            "transaction.timeout.ms": TRANSACTION_MS,
        }
    return found


def user(secret: str) -> tuple[str, str]:
    """The name and the password that a secret holds."""
    try:
        found = loaded(secret)
        name, password = found["username"], found["password"]
    except (ValueError, TypeError, KeyError):
        name = password = None
    if not (isinstance(name, str) and isinstance(password, str) and name and password):
        # Without the cause: a parser's error holds the text.
        raise HarvesterError(
            f"The secret of the Kafka sink is {'not ' + _HOLDS if secret else 'missing'}.",
            hint=f'Its "secret" in the collection must lead to {_HOLDS}.',
            exit_code=Exit.UNAUTHORIZED,
            needs_change=True,
        ) from None
    return name, password


def opened_client(make: Callable[[dict[str, Any]], Any], settings: dict[str, Any], words: Words) -> Any:
    """A client of the library; settings that it refuses are an error in words."""
    from confluent_kafka import KafkaException

    try:
        return make(settings)
    except KafkaException as error:
        raise HarvesterError(
            f"The Kafka sink's settings cannot be used: {words.clean(error.args[0].str())}.",
            exit_code=Exit.USAGE,
            needs_change=True,
        ) from None
