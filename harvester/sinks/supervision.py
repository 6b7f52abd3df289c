"""The sinks of a collection run in processes beside its harvest, which they can neither harm nor delay.

Each is started again when it ends, with growing pauses, and killed when it hangs. When the harvest ends, each
has a limited time to deliver the rest; what is left is delivered from the next start on.
"""

import logging
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harvester.clock import Backoff, Clock, Stop, moment
from harvester.documents import Tree
from harvester.harvest.workdir import require_no_link
from harvester.sinks.opening import asked_of
from harvester.sinks.status_file import status_path, statuses
from harvester.store.disk import make_folder

log = logging.getLogger("twarc-cloud")

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# A sink that ran for this long was healthy: its next pause is the first again.
_WELL_AFTER = 60.0
# A sink says at least every minute that it lives.
_HANGS_AFTER = 300.0
# Seconds for a sink once its harvest has ended: to deliver the rest, and to end.
CATCHES_UP, _ENDS = 30.0, 20.0
_LOOKS = 0.2


class Supervision:
    """Of the sinks of one harvest. `command` is how the process of a sink is started, by its name."""

    def __init__(
        self, command: Callable[[str], Sequence[str]], work_root: Path, *, collection_id: str, clock: Clock
    ) -> None:
        self._command, self._root, self._clock = command, work_root, clock
        self._collection_id = collection_id
        self._threads: list[threading.Thread] = []
        self._names: list[str] = []
        self._over, self._never = Stop(), Stop()

    def __enter__(self) -> "Supervision":
        return self

    def begin(self, collection: Mapping[str, Any]) -> None:
        """Start the sinks of a valid collection, if it has any and they do not run yet."""
        if self._names or not (asked := asked_of(collection, self._collection_id)):
            return
        require_no_link(self._root)
        try:
            make_folder(self._root)
            for each in asked:
                status_path(self._root, each.name).unlink(missing_ok=True)
        except OSError as error:
            log.warning("No sink is started: %s", error)
            return
        self._names = [each.name for each in asked]
        for name in self._names:
            thread = threading.Thread(target=self._keep, args=(name,), name=f"sink {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def statuses(self) -> list[Tree]:
        """How each sink is doing, as it said last; `age` is how many seconds ago that was."""
        now = self._clock.now()
        found = []
        for status in statuses(self._root) if self._names else ():
            with suppress(KeyError, TypeError, ValueError):
                age = round(max(0.0, (now - moment(status["updated"])).total_seconds()), 1)
                found.append({**status, "age": age})
        return [status for status in found if status["name"] in self._names]

    def __exit__(self, *_: object) -> None:
        """The harvest is over: each sink has its time to catch up."""
        if not self._threads:
            return
        self._over.request("the harvest has ended")
        for thread in self._threads:
            thread.join()
        for name in self._names:
            status_path(self._root, name).unlink(missing_ok=True)

    def _keep(self, name: str) -> None:
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, jitter=True)
        while not self._over.requested:
            began = self._clock.elapsed()
            try:
                code = self._run(name)
            except OSError as error:
                log.warning("The sink %s could not be started: %s", name, error)
                code = None
            if self._over.requested:
                return
            if self._clock.elapsed() - began >= _WELL_AFTER:
                backoff.reset()
            pause = backoff.pause()
            log.warning("The sink %s ended with exit code %s; it starts again in %.0f s.", name, code, pause)
            self._clock.wait(self._over, pause)

    def _run(self, name: str) -> int | None:
        """One process of a sink, until it ends or hangs or the harvest is over; its exit code."""
        # Not ended by a Ctrl-C of the harvest, after which it still delivers the rest.
        process = subprocess.Popen(self._command(name), stdin=subprocess.PIPE, start_new_session=True)
        try:
            began = self._clock.elapsed()
            while process.poll() is None and not self._over.requested:
                self._clock.wait(self._over, _LOOKS)
                if self._hangs(name, began):
                    log.warning("The sink %s hangs; it is killed and started again.", name)
                    return None
            if process.stdin:
                # It delivers the rest and ends.
                process.stdin.close()
            until = self._clock.elapsed() + CATCHES_UP + _ENDS
            while process.poll() is None and self._clock.elapsed() < until:
                self._clock.wait(self._never, _LOOKS)
            return process.poll()
        finally:
            process.kill()
            process.wait()

    def _hangs(self, name: str, began: float) -> bool:
        alive = self._clock.elapsed() - began
        age = next((each["age"] for each in self.statuses() if each["name"] == name), alive)
        return min(alive, age) >= _HANGS_AFTER
