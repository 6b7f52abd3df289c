"""Removes secrets from logs and notices, in every encoding in which errors may show them."""

import base64
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

# Environment variables with such names are secret.
_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL", re.IGNORECASE)
# Shorter ones are common words.
_SHORTEST = 6
_PATTERNS = re.compile(
    r"(?i:(?<=bearer )\S+)|(?i:(?<=basic )\S{8,})|(?i:(?<=authorization: ).+)"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|(?<=://)[^/@\s]+(?=@)"
)
_HIDDEN = "[hidden]"


@dataclass(frozen=True, repr=False)
class Scrubber:
    """Removes secrets from text."""

    secrets: tuple[str, ...]

    @classmethod
    def of(cls, environ: Mapping[str, str], known: Iterable[str]) -> "Scrubber":
        named = (value for name, value in environ.items() if _SECRET_NAME.search(name))
        found = {value for value in (*named, *known) if len(value) >= _SHORTEST}
        # The longest first, for one may be part of another.
        return cls(tuple(sorted({form for value in found for form in _forms(value)}, key=len, reverse=True)))

    def scrubbed(self, value: Any) -> Any:
        """The same without secrets, in text at any depth."""
        if isinstance(value, str):
            for secret in self.secrets:
                value = value.replace(secret, _HIDDEN)
            return _PATTERNS.sub(_HIDDEN, value)
        if isinstance(value, dict):
            return {self.scrubbed(key): self.scrubbed(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.scrubbed(inner) for inner in value]
        return value


class SecretFilter(logging.Filter):
    """Of a handler: every record that it writes is without secrets, its traceback included."""

    def __init__(self) -> None:
        super().__init__()
        self._known: frozenset[str] = frozenset()

    def hide(self, values: Iterable[str]) -> None:
        """From now on hide these, too."""
        self._known |= {value for value in values if value}

    def filter(self, record: logging.LogRecord) -> bool:
        environment = frozenset(
            (name, value) for name, value in os.environ.items() if _SECRET_NAME.search(name)
        )
        scrubber = _scrubber(environment, self._known)
        record.msg, record.args = scrubber.scrubbed(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = scrubber.scrubbed(logging.Formatter().formatException(record.exc_info))
        return True


@lru_cache(maxsize=4)
def _scrubber(named: frozenset[tuple[str, str]], known: frozenset[str]) -> Scrubber:
    return Scrubber.of(dict(named), known)


def _forms(secret: str) -> Iterator[str]:
    """The secret as a message, a repr, JSON, an address or a header shows it, whole and by line."""
    for part in {secret, *secret.split()}:
        if len(part) >= _SHORTEST:
            yield part
            yield repr(part)[1:-1]
            yield ascii(part)[1:-1]
            yield json.dumps(part)[1:-1]
            yield quote(part, safe="")
            yield quote_plus(part)
            yield base64.b64encode(part.encode(errors="surrogateescape")).decode().rstrip("=")
