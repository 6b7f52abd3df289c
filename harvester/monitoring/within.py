"""Limits the time for reports to other services, which neither delay a harvest nor make it fail."""

import logging
from collections.abc import Callable
from concurrent.futures import wait
from typing import TypeVar

from harvester.clock import in_background
from harvester.errors import HarvesterError

log = logging.getLogger("twarc-cloud")
_T = TypeVar("_T")
_DELIVERED_WITHIN = 5.0


def line(error: BaseException) -> str:
    if isinstance(error, HarvesterError):
        return str(error)
    # Every command would pay for importing ssl.
    from harvester.errors.connections import cause_of

    return cause_of(error).said


def delivered(what: str, send: Callable[[], None]) -> bool:
    """Whether it arrived in time; if not, one line says so."""
    try:
        within(_DELIVERED_WITHIN, send)
    except Exception as error:  # noqa: BLE001 - reported here; a failed report changes nothing else
        log.warning("Honeybadger did not get the %s: %s", what, line(error))
        return False
    return True


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """The result or error of `work`; TimeoutError if it takes longer, and then it continues on its own."""
    call = in_background(work, name="alerts")
    if not wait((call,), seconds).done:
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    return call.result()
