"""Sends answers and stream lines: complete, cut, stalled, slow or not at all."""

import asyncio
import contextlib
import gzip
import socket
import struct
import zlib
from collections.abc import Mapping

from aiohttp import web

from emulator.api.answers import Answer
from emulator.faults.script import Fault
from emulator.variety import Variety

LINGER_NONE = struct.pack("ii", 1, 0)


def drop(request: web.BaseRequest) -> None:
    """End the connection without finishing the answer; what was written still arrives."""
    if request.transport is not None:
        request.transport.close()


def reset(request: web.BaseRequest) -> None:
    """End the connection with a reset instead of a goodbye."""
    if request.transport is None:
        return
    raw = request.transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    request.transport.abort()


ENDS = {"drop": drop, "close": drop, "reset": reset}


def packed(
    request: web.BaseRequest,
    answer: Answer,
    headers: Mapping[str, str],
    *,
    squeeze: bool,
    variety: Variety | None,
) -> web.Response:
    body = answer.body
    shown = {"Content-Type": answer.content_type, **headers, **answer.headers}
    if variety:
        body, shown = variety.body(body), variety.headers(shown)
    if squeeze and accepts_gzip(request):
        body = gzip.compress(body, 1)
        shown["Content-Encoding"] = "gzip"
    return web.Response(status=answer.status, body=body, headers=shown)


def accepts_gzip(request: web.BaseRequest) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


async def sent(
    request: web.BaseRequest, response: web.Response, fault: Fault | None, variety: Variety | None
) -> bool:
    """Whether the answer went out whole."""
    try:
        if fault is not None:
            return await spoiled(request, response, fault)
        if variety and variety.is_chunked():
            await chunked(request, response, variety)
            return True
        await response.prepare(request)
        await response.write_eof()
        return True
    except ConnectionError:
        return False


async def chunked(request: web.BaseRequest, response: web.Response, variety: Variety) -> None:
    """The answer without its length, in pieces."""
    in_pieces = web.StreamResponse(status=response.status, headers=response.headers)
    in_pieces.enable_chunked_encoding()
    await in_pieces.prepare(request)
    for piece in variety.pieces(bytes(response.body) if isinstance(response.body, bytes) else b""):
        await in_pieces.write(piece)
    await in_pieces.write_eof()


async def spoiled(request: web.BaseRequest, response: web.Response, fault: Fault) -> bool:
    body = bytes(response.body) if isinstance(response.body, bytes) else b""
    plain = web.StreamResponse(status=response.status, headers=response.headers)
    plain.content_length = len(body)
    await plain.prepare(request)
    fraction = float(fault.more.get("fraction", 0.5))
    cut = int(len(body) * fraction)
    if fault.do == "slow-bytes":
        await trickled(plain, body, bytes_per_second=float(fault.more.get("bytes_per_second", 10_000)))
    elif fault.do == "stall":
        await plain.write(body[:cut])
        await asyncio.sleep(float(fault.more.get("seconds", 60)))
        await plain.write(body[cut:])
    else:
        await plain.write(body[:cut])
        await flushed(request)
        ENDS[str(fault.more.get("how", "drop"))](request)
        return False
    await plain.write_eof()
    return True


async def flushed(request: web.BaseRequest) -> None:
    """A moment for the bytes to leave: a reset throws away what is still in the socket."""
    for _ in range(50):
        transport = request.transport
        if transport is None or not isinstance(transport, asyncio.WriteTransport):
            return
        if not transport.get_write_buffer_size():
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


async def trickled(response: web.StreamResponse, body: bytes, *, bytes_per_second: float) -> None:
    step = max(1, int(bytes_per_second / 10))
    for at in range(0, len(body), step):
        await response.write(body[at : at + step])
        await asyncio.sleep(step / bytes_per_second)


class StreamWire:
    """A chunked response as the place a stream connection writes to."""

    def __init__(
        self, request: web.BaseRequest, headers: Mapping[str, str], *, squeeze: bool, variety: Variety | None
    ) -> None:
        self.request = request
        self._variety = variety
        if variety:
            headers = variety.headers(headers)
        self._squeeze = zlib.compressobj(1, zlib.DEFLATED, 31) if squeeze and accepts_gzip(request) else None
        encoding = {"Content-Encoding": "gzip"} if self._squeeze else {}
        self.response = web.StreamResponse(headers={**headers, **encoding})
        self.response.enable_chunked_encoding()

    async def write(self, data: bytes) -> None:
        for piece in self._variety.pieces(self._variety.lines(data)) if self._variety else (data,):
            if self._squeeze:
                piece = self._squeeze.compress(piece) + self._squeeze.flush(zlib.Z_SYNC_FLUSH)
            await self.response.write(piece)

    async def end(self, how: str) -> None:
        """`drop` and `reset` leave the body unfinished; anything else ends it properly."""
        if how in ("drop", "reset"):
            await flushed(self.request)
            ENDS[how](self.request)
            return
        with contextlib.suppress(ConnectionError):
            await self.response.write_eof()
