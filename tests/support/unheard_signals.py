"""A signal that the system gives to another thread than the main one, which waits and has to hear it."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from tests.support.harvest_stage import until


@contextmanager
def signal_in_another_thread(*, waits_in: Callable[..., Any], hear: Callable[[int], None]) -> Iterator[None]:
    """SIGTERM as soon as the main thread waits in this function; `hear` is what the process does then."""
    assert isinstance(waits_in, FunctionType)
    main, code = threading.get_ident(), waits_in.__code__

    def waits() -> bool:
        frames = [frame.f_code for frame, _ in traceback.walk_stack(sys._current_frames()[main])]
        return frames[0].co_filename == threading.__file__ and code in frames

    def ask() -> None:
        until(waits)
        os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=ask)
    before = signal.signal(signal.SIGTERM, lambda number, _: hear(number))
    try:
        asking.start()
        # From now on that thread alone gets it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        yield
    finally:
        asking.join()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        signal.signal(signal.SIGTERM, before)
