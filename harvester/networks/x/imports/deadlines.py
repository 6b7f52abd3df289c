"""A server that is away or does not answer ends an import within a time that is known before."""

import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as Late
from typing import TypeVar

from harvester.clock import in_background
from harvester.errors import Exit, HarvesterError

CONNECT = 10.0
READ = 60.0

_T = TypeVar("_T")


def within_deadlines(
    read: Callable[[Callable[[], None]], _T], *, server: str, connect: float = CONNECT, seconds: float = READ
) -> _T:
    """What `read` returns, which calls what it is given once it is connected.

    `server` is how people know what it waits for.
    """
    connected = threading.Event()
    call = in_background(lambda: read(connected.set), name=f"import from {server}")
    call.add_done_callback(lambda _: connected.set())
    if not connected.wait(connect):
        raise away(server, f"it did not answer within {connect:g} seconds")
    try:
        return call.result(seconds)
    except Late as error:
        if call.done():
            raise
        raise away(server, f"it did not send its rules within {seconds:g} seconds") from error


def away(server: str, why: str, *, hint: str = "") -> HarvesterError:
    hint = hint or "Check the address, and whether the server runs."
    return HarvesterError(
        f"{server} cannot be read: {why}.", hint=f"Nothing was imported. {hint}", exit_code=Exit.RETRY_LATER
    )
