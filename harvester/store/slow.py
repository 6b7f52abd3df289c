"""Logs a warning while a store takes long to answer."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("twarc-cloud")

_FIRST, _AGAIN = 10.0, 30.0
_TICK = 1.0


class SlowRequests:
    """Watches the requests to one store; a warning after 10 s, and one every 30 s from then on."""

    def __init__(
        self, name: str, elapsed: Callable[[], float], *, wait: Callable[[float], object] | None = None
    ) -> None:
        self._name, self._elapsed = name, elapsed
        self._wait = wait or threading.Event().wait
        self._guard = threading.Lock()
        self._open: dict[object, tuple[str, float]] = {}
        self._watching = False

    @contextmanager
    def watched(self, what: str) -> Iterator[None]:
        """Around one request for `what`."""
        mark = object()
        with self._guard:
            self._open[mark] = (what, self._elapsed())
            begin, self._watching = not self._watching, True
        if begin:
            threading.Thread(target=self._watch, name="slow", daemon=True).start()
        try:
            yield
        finally:
            with self._guard:
                del self._open[mark]

    def _watch(self) -> None:
        due = _FIRST
        while True:
            self._wait(_TICK)
            with self._guard:
                if not self._open:
                    self._watching = False
                    return
                what, since = min(self._open.values(), key=lambda one: one[1])
            waited = self._elapsed() - since
            if waited < _FIRST:
                due = _FIRST
            elif waited >= due:
                log.warning("%s has not answered for %.0f s (%s); still waiting.", self._name, waited, what)
                due = waited + _AGAIN
