"""A stream's harvest is restarted when it dies, with growing pauses and a limit."""

import logging
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harvester.clock import Backoff, Clock, Stop
from harvester.compute import GAVE_UP, RESTARTING, RUNNING, Ended
from harvester.compute.local.compute import LocalCompute
from harvester.compute.local.logs import last_words
from harvester.compute.stream_end import is_over
from harvester.errors import Exit, HarvesterError, StoreAway
from harvester.harvest import catalog
from harvester.store.keys import CollectionKeys
from harvester.text import one_line

log = logging.getLogger("twarc-cloud")
_T = TypeVar("_T")

# After these a new start would end no other way: it needs a person.
_HOPELESS = {Exit.USAGE, Exit.UNAUTHORIZED, Exit.NO_COLLECTION}

# A run of this length shows that starting works, and the counting begins anew.
_WELL_AFTER = 60.0
_LONGEST_PAUSE = 60
_STOPPED_WITHIN = 120.0
_PAUSE = 0.1


@dataclass
class Supervisor:
    """Keeps the harvest of one collection running until `stop`, or until it failed `restarts` times in a row.

    `pause` is the first pause in seconds; it doubles up to sixty times itself.
    """

    compute: LocalCompute
    collection_id: str
    log: Path
    restarts: int
    pause: float
    clock: Clock
    stop: Stop

    def run(self) -> Exit:
        failed, backoff = 0, Backoff(self.pause, _LONGEST_PAUSE * self.pause)
        while not self.stop.requested:
            began = self.clock.elapsed()
            code, end = self._harvest()
            # If the store is away, the lock expires by itself.
            with suppress(HarvesterError):
                self.compute.forget_dead_lock(self.collection_id)
            if (code is not None and self._is_over(code)) or self.stop.requested:
                break
            if self.clock.elapsed() - began > _WELL_AFTER:
                failed = 0
                backoff.reset()
            failed += 1
            given_up = self._given_up(code, failed=failed)
            if given_up is not None:
                log.error("Giving up after %s failed starts in a row; %s", failed, end.detail)
                self.compute.note_service(self.collection_id, GAVE_UP, end.detail, end)
                return given_up
            pause = backoff.pause()
            log.warning("Restarting in %.1f s: %s", pause, end.detail)
            detail = f"restarting in {pause:.0f} s: {end.detail}"
            self.compute.note_service(self.collection_id, RESTARTING, detail, end)
            self.clock.wait(self.stop, pause)
        self.compute.forget_service(self.collection_id)
        log.info("The stream of %s has ended.", self.collection_id)
        return Exit.OK

    def _is_over(self, code: int) -> bool:
        keys = CollectionKeys(self.collection_id)
        return _unless_unreadable(lambda: self._answered(lambda: is_over(self.compute.store, keys, code)))

    def _answered(self, ask: Callable[[], _T]) -> _T:
        """What it returns once the store can be reached; its StoreAway at a stop, or if waiting is no use.

        No stream is given up for an outage, and none starts that may be over: it would spend its limit again.
        """
        backoff = Backoff(self.pause, _LONGEST_PAUSE * self.pause)
        while True:
            try:
                return ask()
            except StoreAway as away:
                if away.lasting or self.stop.requested:
                    raise
                pause, reason = backoff.pause(), one_line(str(away))
                log.warning("Trying again in %.1f s: %s", pause, reason)
                end = Ended(int(away.exit_code), f"trying again in {pause:.0f} s: {reason}", said=str(away))
                self.compute.note_service(self.collection_id, RESTARTING, end.detail, end)
                if self.clock.wait(self.stop, pause):
                    raise

    def _given_up(self, code: int | None, *, failed: int) -> Exit | None:
        """With which exit code, after this many failed starts in a row; None if another start may help."""
        if code is not None and (code in _HOPELESS or self._needs_change(code)):
            return Exit(code)
        return Exit.ERROR if failed > self.restarts else None

    def _needs_change(self, code: int) -> bool:
        """Whether X would refuse the same collection again, e.g. one of its rules."""

        def needs_change() -> bool:
            last = catalog.last(self.compute.store, CollectionKeys(self.collection_id))
            return bool(last and last.get("needs_change"))

        return code == Exit.ERROR and _unless_unreadable(needs_change)

    def _harvest(self) -> tuple[int | None, Ended]:
        """Run one harvest to its end: its exit code, and how it ended in words.

        The code is negative if a signal ended it; None if it could not be started.
        """
        try:
            process = self._answered(lambda: self.compute.start(self.collection_id, log=self.log))
        except HarvesterError as error:
            detail = f"the harvest did not start: {one_line(str(error))}"
            return None, Ended(int(error.exit_code), detail, said=str(error))
        self.compute.note_service(self.collection_id, RUNNING, "")
        log.info("Started process %s.", process.pid)
        deadline: float | None = None
        while process.poll() is None:
            if self.stop.requested and deadline is None:
                deadline = self.clock.elapsed() + _STOPPED_WITHIN
                if not self.compute.ask_to_stop(self.collection_id):
                    process.send_signal(signal.SIGTERM)
            if deadline is not None and self.clock.elapsed() > deadline:
                log.error("Process %s did not stop within %.0f s; killing it.", process.pid, _STOPPED_WITHIN)
                process.kill()
            _wait(process, _PAUSE)
        code = int(process.returncode)
        said = last_words(self.log)
        detail = f"the harvest ended with {_words(code)}: {one_line(said) or 'no output'}"
        return code, Ended(int(Exit.of(code)), detail, said=said)


def _unless_unreadable(ask: Callable[[], bool]) -> bool:
    """What the store says; False if it cannot be read, so that the stream is started again."""
    try:
        return ask()
    except HarvesterError as error:
        log.warning("Cannot read how the harvest ended: %s", error)
        return False


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return


def _words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
