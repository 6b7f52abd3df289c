"""Sends failures and check-ins to Honeybadger, without secrets."""

import logging
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harvester import __version__
from harvester.monitoring.scrubber import Scrubber

_ROOT = Path(__file__).resolve().parents[2]
_ENDPOINT = "https://api.honeybadger.io"
_ANSWERS_WITHIN = 5.0


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
        context = {
            key: value for key, value in self.__dict__.items() if key != "cause" and value not in ("", None)
        }
        return {**context, "version": __version__}


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
    """Check in; raises OSError."""
    url = f"{endpoint or _ENDPOINT}/v1/check_in/{identifier}"
    with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN):
        return
