"""Uploads run in order, are retried while the store is unavailable, and are never dropped silently."""

import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass

from harvester.clock import HEARD_WITHIN, Backoff, Clock, Stop, in_background, result_of
from harvester.errors import HarvesterError, StoreAway

log = logging.getLogger("twarc-cloud")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


@dataclass(frozen=True)
class UploadTask:
    """One step towards the store. It may be tried again, so it must be safe to repeat."""

    what: str
    run: Callable[[], None]


class Uploads:
    """One worker behind a bounded queue.

    `put` blocks while the queue is full, and that is the back-pressure on the network. A step that fails for
    `patience` seconds, or `patience_after_stop` seconds once a stop was requested, is the last one tried: its
    error is raised at the next call, and the stop is requested, as what came could not be kept.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        stop: Stop,
        patience: float = 900.0,
        patience_after_stop: float = 15.0,
        room: int = 16,
    ) -> None:
        self._clock, self._stop = clock, stop
        self._patience, self._patience_after_stop = patience, patience_after_stop
        self._queue: queue.Queue[UploadTask | None] = queue.Queue(room)
        self._failure: BaseException | None = None
        self.trouble = ""
        self._worker = in_background(self._work, name="uploads")

    def put(self, what: str, run: Callable[[], None]) -> None:
        """Queue a step; raises what made an earlier one fail."""
        while True:
            self.check()
            try:
                self._queue.put(UploadTask(what, run), timeout=0.5)
                return
            except queue.Full:
                continue

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def drain(self) -> None:
        """Wait for all steps queued so far; raises what made one fail."""
        # `Queue.join` has no timeout, and so does not hear a signal that came just before it.
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks:
                self._queue.all_tasks_done.wait(HEARD_WITHIN)
        self.check()

    def close(self) -> None:
        """Wait for all steps, and take no more; raises what made one fail."""
        self._end()
        self.check()

    def abandon(self) -> None:
        """Leave out all steps but the one under way, and wait for that one; nothing if it is closed."""
        if self._worker.done():
            return
        if self._failure is None:
            self._failure = HarvesterError("The harvest failed, so nothing more is stored.")
        # Cuts short the pause before another try.
        self._stop.request("the harvest failed")
        self._end()

    def _end(self) -> None:
        while not self._worker.done():
            try:
                self._queue.put(None, timeout=0.5)
                break
            except queue.Full:
                continue
        result_of(self._worker)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                if self._failure is None:
                    self._do(task)
            except BaseException as error:  # noqa: BLE001 - handed to the next call of `put` or `close`
                self._failure = error
                self._stop.request(f"storing failed: {error}")
            finally:
                self._queue.task_done()

    def _do(self, task: UploadTask) -> None:
        started, backoff = self._clock.elapsed(), Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, jitter=True)
        while True:
            try:
                task.run()
            except StoreAway as error:
                spent = self._clock.elapsed() - started
                patience = self._patience_after_stop if self._stop.requested else self._patience
                if spent >= patience or self._failure is not None:
                    raise
                self.trouble = f"retrying to store {task.what} since {spent:.0f} s: {error.message}"
                log.warning("%s", self.trouble)
                self._rest(max(0.05, min(backoff.pause(), patience - spent)))
            else:
                self.trouble = ""
                return

    def _rest(self, seconds: float) -> None:
        # A stop cuts the pause short once; after that the shorter patience counts.
        if self._stop.requested:
            self._clock.wait(Stop(), min(seconds, 1.0))
        else:
            self._clock.wait(self._stop, seconds)
