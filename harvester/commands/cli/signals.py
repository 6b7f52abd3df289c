"""The first signal stops a harvest cleanly; after that a signal ends the process."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from harvester.clock import Stop


def stop_on_signals() -> Stop:
    """The first signal asks for a clean end; a second one ends at once, and loses nothing that was synced."""
    stop = Stop()

    def hear(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        # Not in the handler: it may have interrupted a thread that holds the very lock that this takes.
        threading.Thread(target=stop.request, args=(signal.Signals(number).name,), daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
    return stop


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """The same while the block runs."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop_on_signals()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_shutdown(asked_to_shut_down: Callable[[float], bool]) -> None:
    """Until a signal, or a request; a signal that came since `stop_on_signals` is enough.

    It need not have ended the harvest: it may have come while another request was already ending it.
    """
    signalled = threading.Event()
    before = [signal.signal(number, lambda *_: signalled.set()) for number in (signal.SIGTERM, signal.SIGINT)]
    if signal.SIG_DFL in before:
        return
    while not (signalled.is_set() or asked_to_shut_down(0.5)):
        continue
