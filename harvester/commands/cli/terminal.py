"""Text reaches terminals and logs printable, in whatever encoding they have; bytes go as they are."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harvester.text import printable, printable_lines


class PrintableStream:
    """A text stream of the process, to which what others wrote can do nothing but be read.

    Codes that move the cursor go to its `buffer`, and so does JSON.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: Any) -> int:
        # Bytes are refused, as click asks a stream for what it takes by giving it some.
        self._stream.write(printable_lines(text) if isinstance(text, str) else text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def printable_output() -> Iterator[None]:
    """Standard output and error are printable as long as the block runs."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if reconfigure := getattr(stream, "reconfigure", None):
            ascii_only = (stream.encoding or "").lower() in ("ascii", "us-ascii", "ansi_x3.4-1968")
            # As click does, which would write past this stream otherwise.
            reconfigure(errors="backslashreplace", **({"encoding": "utf-8"} if ascii_only else {}))
    sys.stdout, sys.stderr = (PrintableStream(stream) if stream else stream for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class PrintableFormatter(logging.Formatter):
    """A record is one line; those of a traceback are set in, so that none looks like a record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = printable(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        first, *trace = super().format(record).split("\n")
        return "\n".join([first, *(f"  {printable(line)}" for line in trace)])
