"""What a collection may say of a sink that sends to Kafka."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harvester.documents import Tree

EXACTLY_ONCE = "exactly_once"
# A host by its labels, as DNS has them, and a port.
HOST = r"(?=[\w.-]{1,253}(?![\w.-]))\w(?:[\w-]{0,61}\w)?(?:\.\w(?:[\w-]{0,61}\w)?)*\.?"
PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_SERVER = rf"(?:\[[\dA-Fa-f:.]+\]|{HOST}):{PORT}"


@dataclass(frozen=True)
class _Choice:
    """One of some words."""

    words: tuple[str, ...]

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.words

    def __str__(self) -> str:
        return f"use one of {', '.join(self.words)}"


@dataclass(frozen=True)
class _Text:
    """Text of a certain form, in words."""

    form: str
    words: str

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and bool(re.fullmatch(self.form, value, re.ASCII))

    def __str__(self) -> str:
        return f"use {self.words}"


@dataclass(frozen=True)
class _Number:
    least: int
    most: int

    def allows(self, value: Any) -> bool:
        return type(value) is int and self.least <= value <= self.most

    def __str__(self) -> str:
        return f"use a number from {self.least} to {self.most}"


@dataclass(frozen=True)
class _Switch:
    def allows(self, value: Any) -> bool:
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "use true or false"


# Kafka refuses the two names of dots, which would be folders.
_TOPIC = _Text(r"(?!\.{1,2}$)[\w.-]{1,240}", "up to 240 letters, digits, '.', '_' and '-'")
_VALUES: Mapping[str, _Choice | _Text | _Number | _Switch] = {
    "servers": _Text(rf"{_SERVER}(?:,{_SERVER})*", "HOST:PORT, and commas between several"),
    "topic": _TOPIC,
    "key": _Choice(("post", "author")),
    "delivery": _Choice(("at_least_once", EXACTLY_ONCE)),
    "dead_letter_topic": _TOPIC,
    "position_topic": _TOPIC,
    "create_topic": _Switch(),
    "partitions": _Number(1, 10_000),
    "replication": _Number(1, 100),
    "compression": _Choice(("none", "gzip", "lz4", "snappy", "zstd")),
    "max_bytes": _Number(10_000, 100_000_000),
    "security_protocol": _Choice(("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")),
    "sasl_mechanism": _Choice(("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")),
    "ca_file": _Text(r"[^\x00-\x1f]{1,4000}", "the name of a file"),
}

_TOPICS = ("topic", "dead_letter_topic", "position_topic")

KAFKA_NEEDS = ("servers", "topic")
KAFKA_KEYS = frozenset(_VALUES)


def kafka_problems(entry: Tree, where: str) -> Iterator[str]:
    """What stands against the values of an entry of type kafka."""
    wrong = [name for name, allowed in _VALUES.items() if name in entry and not allowed.allows(entry[name])]
    yield from (f"{where}.{name} is {entry[name]!r}; {_VALUES[name]}." for name in wrong)
    if not wrong:
        yield from _combination_problems(entry, where)


def _combination_problems(entry: Tree, where: str) -> Iterator[str]:
    """Values that do not go together, though each is valid alone."""
    signs_in = str(entry.get("security_protocol", "")).startswith("SASL")
    if signs_in and "secret" not in entry:
        yield f'{where} signs in with a user, so it needs "secret": "ssm:/path" or "env:NAME".'
    if "secret" in entry and not signs_in:
        yield f"{where}.secret is not used without a security_protocol that begins with SASL."
    topics = [entry[key] for key in _TOPICS if entry.get(key) is not None]
    if len(topics) > len(set(topics)):
        yield f"{where} names one topic for two purposes."
