"""Sends samples to a carbon with their own times, in order, and no faster than it accepts them."""

import os
import selectors
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from harvester.clock import Clock, Stop, Stopped
from harvester.errors import Exit, HarvesterError
from harvester.statistics.graphite import Sample

# Seconds: for a connection, for the other side to accept or confirm data, and between checks for a stop.
_CONNECTS, _PATIENCE, _LOOK = 10.0, 60.0, 0.25
# The maximum number of lines per connection; they are confirmed together, so this number may be sent again.
_MOST = 5000


@dataclass
class Replay:
    """Sends to one address. `speed` is the number of seconds of the samples' time that take one second.

    The other side closes a connection once it has read everything, so `sent` lines were accepted, up to the
    time `upto`.
    """

    host: str
    port: int
    clock: Clock
    stop: Stop
    speed: float | None = None
    patience: float = _PATIENCE

    def __post_init__(self) -> None:
        self.sent, self.upto = 0, 0

    def run(self, samples: Iterable[Sample]) -> Iterator[int]:
        """Send the samples; yields the number sent so far after each connection. Ends at a stop."""
        begun, first = self.clock.elapsed(), 0
        for batch in self._batches(samples):
            first = first or batch[0].at
            if self.speed:
                due = begun + (batch[0].at - first) / self.speed
                while (left := due - self.clock.elapsed()) > 0:
                    if self.clock.wait(self.stop, left):
                        raise Stopped
            self._send(b"".join(sample.line for sample in batch))
            self.sent, self.upto = self.sent + len(batch), batch[-1].at
            yield self.sent

    def _batches(self, samples: Iterable[Sample]) -> Iterator[list[Sample]]:
        """The samples for one connection: with a speed, those that are due within a second."""
        batch: list[Sample] = []
        for sample in samples:
            is_later = self.speed and batch and abs(sample.at - batch[0].at) >= self.speed
            if is_later or len(batch) >= _MOST:
                yield batch
                batch = []
            batch.append(sample)
        if batch:
            yield batch

    def _send(self, data: bytes) -> None:
        try:
            with closing(self._connected()) as connection:
                view = memoryview(data)
                while view:
                    self._wait(connection, selectors.EVENT_WRITE, self.patience, "takes nothing")
                    view = view[connection.send(view) :]
                connection.shutdown(socket.SHUT_WR)
                while self._wait(connection, selectors.EVENT_READ, self.patience, "confirms nothing"):
                    if not connection.recv(4096):
                        return
        except OSError as error:
            raise self._away(f"cannot be used: {error.strerror or error}") from error

    def _connected(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise self._away(f"has no address: {error}") from error
        failed: HarvesterError | None = None
        for family, kind, protocol, _, address in found:
            connection = socket.socket(family, kind, protocol)
            try:
                connection.setblocking(False)
                connection.connect_ex(address)
                self._wait(connection, selectors.EVENT_WRITE, _CONNECTS, "does not answer")
                if code := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise self._away(f"cannot be reached: {_words(code)}")
                return connection
            except HarvesterError as error:
                connection.close()
                failed = error
            except BaseException:
                connection.close()
                raise
        raise failed or self._away("has no address")

    def _wait(self, connection: socket.socket, event: int, seconds: float, why: str) -> bool:
        until = self.clock.elapsed() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(connection, event)
            while not selector.select(_LOOK):
                if self.stop.requested:
                    raise Stopped
                if self.clock.elapsed() > until:
                    raise self._away(f"{why} for {seconds:.0f} s")
        return True

    def _away(self, why: str) -> HarvesterError:
        return HarvesterError(
            f"Carbon at {self.host}:{self.port} {why}.",
            hint="Check the address, and that carbon runs there.",
            exit_code=Exit.RETRY_LATER,
        )


def _words(code: int) -> str:
    return os.strerror(code)
