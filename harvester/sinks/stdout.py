"""Standard output: one post a line, for `jq` and other programs; gaps are told in the log."""

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harvester.sinks import Asked, DeadLetter, Message, Position, SinkClosed, Surroundings

log = logging.getLogger("twarc-cloud")

_OUT = 1


def opened(_asked: Asked, _around: Surroundings) -> "Stdout":
    return Stdout()


class Stdout:
    """Writes to standard output, or another open file. What is written there is acknowledged."""

    def __init__(self, out: int = _OUT) -> None:
        self._out = out
        _end_line(out)

    def deliver(self, messages: Sequence[Message]) -> Sequence[DeadLetter]:
        for message in messages:
            if message.kind == "gap":
                log.warning("Posts may be missing: %s", message.value.decode(errors="replace"))
        posts = [message.value for message in messages if message.kind == "post"]
        view = memoryview(b"\n".join([*posts, b""]))
        try:
            while view:
                view = view[os.write(self._out, view) :]
        except BrokenPipeError:
            raise SinkClosed from None
        return ()

    def position(self) -> Position | None:
        return None

    def close(self) -> None:
        """What was written is the reader's."""


def _end_line(out: int) -> None:
    """Where a process was killed while it wrote to a file, the next post begins on a line of its own."""
    with suppress(OSError), Path(f"/dev/fd/{out}").open("rb") as written:
        if not written.seekable() or written.seek(0, os.SEEK_END) == 0:
            return
        written.seek(-1, os.SEEK_END)
        if written.read(1) != b"\n":
            os.write(out, b"\n")
