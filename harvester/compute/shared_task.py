"""One task carries several streams: each is a process of its own, started again without the others."""

import logging
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from pathlib import Path

from harvester.clock import Backoff, Clock, Stop, in_background
from harvester.compute.stream_end import Membership, is_over
from harvester.compute.task_log import marked
from harvester.errors import Exit, HarvesterError
from harvester.store import Store
from harvester.store.keys import CollectionKeys

log = logging.getLogger("twarc-cloud")

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 3600.0
# A run of this length shows that starting works, and the pauses begin anew.
_WELL_AFTER = 60.0
# From SIGTERM to SIGKILL; Fargate gives the task two minutes, and this its own end.
_STOPPED_WITHIN = 110.0
_PAUSE = 0.5
# A process that lives touches its file every ten seconds; counted in looks, as this one may sleep, too.
_HANGS_AFTER = int(150 / _PAUSE)


@dataclass
class _Stream:
    """One stream, and the process that collects it, if one does."""

    id: str
    process: "subprocess.Popen[str] | None" = None
    relay: threading.Thread | None = None
    over: bool = False
    code: int = 0
    began: float = 0.0
    again_at: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(_FIRST_PAUSE, _LONGEST_PAUSE))
    beat: float = 0.0
    looks_without: int = 0


@dataclass
class SharedTask:
    """Harvests these streams until each is over, or until `stop`.

    `command` makes the command line that harvests one. `say` takes a line of the log, from any thread.
    `heartbeat` is the file that this process touches; each stream's has one beside it.
    """

    store: Store
    collection_ids: Sequence[str]
    membership: Membership
    command: Callable[[str], Sequence[str]]
    say: Callable[[str], None]
    clock: Clock
    stop: Stop
    heartbeat: Path | None = None

    def run(self) -> Exit:
        streams = [_Stream(each) for each in self.collection_ids]
        for stream in streams:
            stream.over = self._has_left(stream)
        try:
            while not (self.stop.requested or all(stream.over for stream in streams)):
                for stream in streams:
                    self._look(stream)
                self.clock.wait(self.stop, _PAUSE)
        finally:
            self._end(streams)
        if self.stop.requested:
            return Exit.INTERRUPTED if self.stop.reason == "SIGINT" else Exit.TERMINATED
        return Exit(max(stream.code for stream in streams))

    def _look(self, stream: _Stream) -> None:
        if stream.over:
            return
        if stream.process is None:
            if self.clock.elapsed() >= stream.again_at:
                self._start(stream)
        elif stream.process.poll() is not None:
            self._ended(stream, stream.process.returncode)
        elif self._hangs(stream):
            log.error("%s: process %s hangs; killing it.", stream.id, stream.process.pid)
            stream.process.kill()

    def _start(self, stream: _Stream) -> None:
        stream.over = bool(stream.began) and self._has_left(stream)
        if stream.over or self.stop.requested:
            return
        stream.began, stream.looks_without = self.clock.elapsed(), 0
        stream.process = subprocess.Popen(
            self.command(stream.id),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self._environment(stream)},
            text=True,
            errors="replace",
            # Ctrl-C is for this process, which passes it on once.
            start_new_session=True,
        )
        log.info("%s: started process %s.", stream.id, stream.process.pid)
        stream.relay = threading.Thread(target=self._relay, args=(stream.id, stream.process), daemon=True)
        stream.relay.start()

    def _environment(self, stream: _Stream) -> Mapping[str, str]:
        beats = {"TWARC_CLOUD_HEARTBEAT": str(self._beats(stream.id))} if self.heartbeat else {}
        return {"PYTHONUNBUFFERED": "1", **beats}

    def _beats(self, collection_id: str) -> Path | None:
        return self.heartbeat and self.heartbeat.with_name(f"{self.heartbeat.name}-{collection_id}")

    def _relay(self, collection_id: str, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        with process.stdout as lines:
            for line in lines:
                self.say(marked(line.rstrip("\n"), collection_id))

    def _hangs(self, stream: _Stream) -> bool:
        """Whether a process that has begun has not touched its file for long."""
        path = self._beats(stream.id)
        if path is None or not path.exists():
            return False
        beat = path.stat().st_mtime
        stream.looks_without = stream.looks_without + 1 if beat == stream.beat else 0
        stream.beat = beat
        return stream.looks_without == _HANGS_AFTER

    def _ended(self, stream: _Stream, code: int) -> None:
        """It is over, or is started again after a pause."""
        self._forget(stream)
        stream.over = self._is_over(stream, code)
        if stream.over:
            stream.code = code
            log.info("%s: the stream is over.", stream.id)
            return
        if self.clock.elapsed() - stream.began > max(_WELL_AFTER, stream.backoff.upcoming):
            stream.backoff.reset()
        pause = stream.backoff.pause()
        stream.again_at = self.clock.elapsed() + pause
        words = f"signal {-code}" if code < 0 else f"exit code {code}"
        log.warning("%s: the harvest ended with %s; starting again in %.0f s.", stream.id, words, pause)

    def _is_over(self, stream: _Stream, code: int) -> bool:
        try:
            return self._answered(lambda: is_over(self.store, CollectionKeys(stream.id), code))
        except HarvesterError as away:
            log.warning("%s: cannot read how it ended: %s", stream.id, away)
            return False

    def _has_left(self, stream: _Stream) -> bool:
        try:
            left = self._answered(lambda: self.membership.has_left(self.store, CollectionKeys(stream.id)))
        except HarvesterError as away:
            log.warning("%s: cannot read whether it was stopped: %s", stream.id, away)
            return False
        if left:
            log.info("%s: the stream was stopped or has ended, and is not started.", stream.id)
        return left

    def _answered(self, ask: Callable[[], bool]) -> bool:
        """What the store says; False if a stop is requested first.

        A silent store takes minutes to fail, and AWS kills a task two minutes after its stop.
        """
        answer = in_background(ask, name="store")
        while not wait([answer], timeout=_PAUSE).done:
            if self.stop.requested:
                return False
        return answer.result()

    def _end(self, streams: Sequence[_Stream]) -> None:
        """Let all processes end in the time that there is, at once; what does not is killed."""
        running = [(stream, stream.process) for stream in streams if stream.process]
        for _, process in running:
            process.terminate()
        deadline = self.clock.elapsed() + _STOPPED_WITHIN
        for stream, process in running:
            try:
                process.wait(max(0.0, deadline - self.clock.elapsed()))
            except subprocess.TimeoutExpired:
                log.error("%s: process %s did not stop in time; killing it.", stream.id, process.pid)
                process.kill()
                process.wait()
            self._forget(stream)

    def _forget(self, stream: _Stream) -> None:
        """Its last words come before it is gone, unless a process that it started holds the pipe open."""
        if stream.relay:
            stream.relay.join(_PAUSE)
        stream.process = stream.relay = None
