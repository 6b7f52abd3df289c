"""Honeybadger hears of failures and successes, and never a secret; nothing else in the process changes."""

import logging
import re
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harvester import __version__

_ROOT = Path(__file__).resolve().parents[2]
_ENDPOINT = "https://api.honeybadger.io"
_ANSWERS_WITHIN = 5.0

# What has such a name in the environment is not for others.
_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL", re.IGNORECASE)
# Shorter ones are words, and would take holes into every sentence.
_SHORTEST = 6
_PATTERNS = re.compile(
    r"(?i:(?<=bearer )\S+)|(?i:(?<=authorization: ).+)|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|(?<=://)[^/@\s]+(?=@)"
)
_HIDDEN = "[hidden]"


@dataclass(frozen=True)
class Failure:
    """What went wrong with which collection. `name` says the kind in a word or two, `cause` is for a bug."""

    name: str
    collection: str
    bucket: str
    state: str
    reason: str
    exit_code: int
    harvest: str = ""
    hint: str = ""
    cause: BaseException | None = field(default=None, compare=False, repr=False)

    @property
    def context(self) -> dict[str, Any]:
        told = {
            key: value for key, value in self.__dict__.items() if key != "cause" and value not in ("", None)
        }
        return {**told, "version": __version__}


@dataclass(frozen=True, repr=False)
class Scrubber:
    """Takes secrets out of whatever is to be sent."""

    secrets: tuple[str, ...]

    @classmethod
    def of(cls, environ: Mapping[str, str], known: Iterable[str]) -> "Scrubber":
        named = (value for name, value in environ.items() if _SECRET_NAME.search(name))
        found = {value for value in (*named, *known) if len(value) >= _SHORTEST}
        # The longest first, for one may be part of another.
        return cls(tuple(sorted(found, key=len, reverse=True)))

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


def notify(key: str, failure: Failure, scrubber: Scrubber) -> None:
    """Send one notice, and wait until it has arrived. For a thread of its own: it has no deadline."""
    agent = _agent(key, scrubber)
    agent.notify(
        exception=failure.cause,
        error_class=failure.name,
        error_message=f"{failure.collection}: {failure.reason}",
        context=failure.context,
        fingerprint=f"{failure.bucket}/{failure.collection}: {failure.name}",
    )


def _agent(key: str, scrubber: Scrubber) -> Any:
    """A client of our own that changes nothing in this process, and lets its failures be seen."""
    before = sys.excepthook
    try:
        from honeybadger.core import Honeybadger
    finally:
        # The package's import hangs itself in there, and would print lines of its own.
        sys.excepthook = before
    logging.getLogger("honeybadger").propagate = False

    def without_secrets(notice: Any) -> Any:
        try:
            notice.payload = scrubber.scrubbed(notice.payload)
        except Exception:  # noqa: BLE001 - what cannot be scrubbed is not sent, and the package would send it
            return None
        return notice

    agent = Honeybadger()
    agent.configure(
        api_key=key,
        environment="production",
        project_root=str(_ROOT),
        force_sync=True,
        force_report_data=True,
        report_local_variables=False,
        before_notify=without_secrets,
    )
    return agent


def check_in(identifier: str, endpoint: str) -> None:
    """Say that all is well; raises OSError."""
    url = f"{endpoint or _ENDPOINT}/v1/check_in/{identifier}"
    with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN):
        return
