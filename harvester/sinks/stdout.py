"""Standard output: one post a line, for `jq` and other programs; gaps are logged."""

import logging
import os
import select
from collections.abc import Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path

from harvester.clock import Stop, Stopped, in_background
from harvester.sinks import (
    DELIVERS_WITHIN,
    Asked,
    DeadLetter,
    Message,
    Position,
    SinkAway,
    SinkClosed,
    Surroundings,
)

log = logging.getLogger("twarc-cloud")

_OUT = 1
_LOOKS = 0.5
# A reader may stand still, as `less` does.
_PATIENCE = DELIVERS_WITHIN / 2
# After a stop, so that a reader that reads gets whole lines.
_ENDS = 2.0


def opened(_asked: Asked, around: Surroundings) -> "Stdout":
    return Stdout(around.stop)


class Stdout:
    """Writes to standard output, or another open file. What is written there is acknowledged."""

    def __init__(self, stop: Stop, out: int = _OUT) -> None:
        self._stop, self._out = stop, out
        # What a call before this one did not end.
        self._writing: Future[None] | None = None
        _end_line(out)

    def deliver(self, messages: Sequence[Message]) -> Sequence[DeadLetter]:
        if self._writing is None:
            for message in messages:
                if message.kind == "gap":
                    log.warning("Posts may be missing: %s", message.value.decode(errors="replace"))
            posts = [message.value for message in messages if message.kind == "post"]
            data = b"\n".join([*posts, b""])
            # A stop ends the wait for a reader, which could not end a write.
            self._writing = in_background(lambda: _write(self._out, data), name="standard output")
        self._wait_for(self._writing)
        try:
            self._writing.result()
        except BrokenPipeError:
            raise SinkClosed from None
        self._writing = None
        return ()

    def _wait_for(self, writing: Future[None]) -> None:
        left = _PATIENCE
        while not wait([writing], _LOOKS).done:
            left = min(left, _ENDS) if self._stop.requested else left
            left -= _LOOKS
            if left > 0:
                continue
            if self._stop.requested:
                raise Stopped
            raise SinkAway("Standard output is not read.", at_once=True)

    def position(self) -> Position | None:
        return None

    def close(self) -> None:
        """What was written is the reader's."""


def _write(out: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(out, view) :]
        except BlockingIOError:
            # Another program made the pipe non-blocking; it stays so, for the programs that share it.
            select.select([], [out], [])


def _end_line(out: int) -> None:
    """Where a process was killed while it wrote to a file, the next post begins on a line of its own."""
    with suppress(OSError), Path(f"/dev/fd/{out}").open("rb") as written:
        if not written.seekable() or written.seek(0, os.SEEK_END) == 0:
            return
        written.seek(-1, os.SEEK_END)
        if written.read(1) != b"\n":
            os.write(out, b"\n")
