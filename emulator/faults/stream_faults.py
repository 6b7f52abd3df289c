"""Faults of one stream connection, each after a number of posts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from emulator.faults.script import Fault
from emulator.streaming.stream import Connection, Record, Stream, Wire, account, next_records

FOREVER = 86_400.0


class Course:
    """The faults of one connection, each of which happens once its number of posts has been sent."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.ahead = sorted(faults, key=lambda fault: fault.more.get("after_posts", 0))
        self.duplicate_every = 0
        self.reorder_every = 0
        self.bytes_per_second = 0.0
        self._held: Record | None = None
        self._passed = 0

    def room(self, sent: int) -> int | None:
        """Posts that may be sent before the next fault; None for any number."""
        return max(0, self.ahead[0].more.get("after_posts", 0) - sent) if self.ahead else None

    async def perform_due(self, stream: Stream, connection: Connection, wire: Wire) -> None:
        while self.ahead and not connection.ending and not self.room(connection.sent):
            fault = self.ahead.pop(0)
            await DEEDS[fault.do](Place(self, stream, connection, wire, fault))

    def arranged(self, records: list[Record]) -> list[Record]:
        """The records as they go out: some twice, some after their successor."""
        if not (self.duplicate_every or self.reorder_every):
            return records
        out: list[Record] = []
        for record in records:
            self._passed += 1
            held, self._held = self._held, None
            if self.reorder_every and held is None and self._passed % self.reorder_every == 0:
                self._held = record
                continue
            out.append(record)
            if held is not None:
                out.append(held)
            if self.duplicate_every and self._passed % self.duplicate_every == 0:
                out.append(record)
        return out

    def released(self) -> list[Record]:
        held, self._held = self._held, None
        return [held] if held else []


class Place:
    def __init__(
        self, course: Course, stream: Stream, connection: Connection, wire: Wire, fault: Fault
    ) -> None:
        self.course = course
        self.stream = stream
        self.connection = connection
        self.wire = wire
        self.more = fault.more


async def end(place: Place, how: str) -> None:
    place.connection.end(how)


def ends(how: str) -> Callable[[Place], Awaitable[None]]:
    return lambda place: end(place, how)


async def disconnect(place: Place) -> None:
    place.connection.end(str(place.more.get("disconnect_type", "UpstreamOperationalDisconnect")))


async def cut_mid_line(place: Place) -> None:
    """Half of the next line, then the end; the post counts as not delivered."""
    records = next_records(place.stream, place.connection, 1)
    while not records and not place.connection.ending:
        place.connection.woken.clear()
        await place.connection.woken.wait()
        records = next_records(place.stream, place.connection, 1)
    if records:
        line = records[0].line
        await place.wire.write(line[: max(1, int(len(line) * place.more.get("fraction", 0.5)))])
    place.connection.end(str(place.more.get("how", "drop")))


async def silence(place: Place) -> None:
    """Nothing at all, not even keep-alives; what is published meanwhile comes afterwards."""
    try:
        await asyncio.wait_for(place.connection.over.wait(), float(place.more.get("seconds", FOREVER)))
    except TimeoutError:
        return


async def keepalive_only(place: Place) -> None:
    """Blank lines go on, posts do not; after `seconds` they come again, those in between are lost."""
    loop = asyncio.get_running_loop()
    until = loop.time() + float(place.more.get("seconds", FOREVER))
    while not place.connection.ending and (left := until - loop.time()) > 0:
        try:
            await asyncio.wait_for(place.connection.over.wait(), min(left, place.stream.keepalive))
        except TimeoutError:
            await place.wire.write(b"\r\n")
        place.connection.take(len(place.connection.pending))


async def slow_bytes(place: Place) -> None:
    place.course.bytes_per_second = float(place.more.get("bytes_per_second", 1000))


async def duplicate(place: Place) -> None:
    place.course.duplicate_every = int(place.more.get("every", 2))


async def reorder(place: Place) -> None:
    place.course.reorder_every = int(place.more.get("every", 2))


async def ghost_connection(place: Place) -> None:
    """When this client goes, its place stays taken: until it is deleted, or for `seconds`."""
    place.connection.ghost_seconds = float(place.more.get("seconds", FOREVER))


async def garbage_line(place: Place) -> None:
    await place.wire.write(str(place.more.get("text", '{"data":{"id":"1","te\x00xt')).encode() + b"\r\n")


async def error_line(place: Place) -> None:
    """An object with errors and no post in the middle of the stream, which goes on."""
    await place.wire.write(
        b'{"errors":[{"title":"Internal Error","detail":"An internal error occurred.",'
        b'"type":"https://api.twitter.com/2/problems/internal-error"}]}\r\n'
    )


DEEDS: dict[str, Callable[[Place], Awaitable[None]]] = {
    "cut-mid-line": cut_mid_line,
    "close": ends("close"),
    "drop": ends("drop"),
    "reset": ends("reset"),
    "stall": silence,
    "silence": silence,
    "slow-bytes": slow_bytes,
    "duplicate": duplicate,
    "reorder": reorder,
    "keepalive-only": keepalive_only,
    "disconnect": disconnect,
    "ghost-connection": ghost_connection,
    "garbage-line": garbage_line,
    "error-line": error_line,
}


async def pump(stream: Stream, connection: Connection, wire: Wire, course: Course) -> None:
    """Write what is published until the connection ends; a blank line keeps a quiet one alive."""
    while not connection.ending:
        await course.perform_due(stream, connection, wire)
        if connection.ending:
            return
        records = next_records(stream, connection, course.room(connection.sent))
        if records:
            records = course.arranged(records)
            if stream.surprises:
                records = stream.surprises.sent(records, lambda record: record.index >= 0)
            await send(stream, connection, wire, course, records)
            continue
        connection.woken.clear()
        try:
            pause = stream.surprises.keepalive(stream.keepalive) if stream.surprises else stream.keepalive
            await asyncio.wait_for(connection.woken.wait(), pause)
        except TimeoutError:
            await send(stream, connection, wire, course, course.released())
            await wire.write(b"\r\n")


async def send(
    stream: Stream, connection: Connection, wire: Wire, course: Course, records: list[Record]
) -> None:
    data = b"".join([record.line for record in records])
    if not data:
        return
    if course.bytes_per_second:
        await trickle(connection, wire, data, bytes_per_second=course.bytes_per_second)
    else:
        await wire.write(data)
    account(stream, connection, records)


async def trickle(connection: Connection, wire: Wire, data: bytes, *, bytes_per_second: float) -> None:
    """The same bytes at a pace, ten times a second."""
    step = max(1, int(bytes_per_second / 10))
    for at in range(0, len(data), step):
        await wire.write(data[at : at + step])
        try:
            await asyncio.wait_for(connection.over.wait(), min(1.0, step / bytes_per_second))
        except TimeoutError:
            continue
        return
