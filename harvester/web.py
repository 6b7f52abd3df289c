"""HTTP requests to a WSGI application, bounded in size, number and time, so that no client delays others."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from harvester.errors import Exit, HarvesterError

# Bytes of a request's line and headers, and of a body, which is read and not looked at.
MOST_OF_HEAD, MOST_OF_BODY = 16_384, 65_536
# Open connections; the oldest makes room for one more.
MOST_AT_ONCE = 100
# Seconds from the connection to the last byte of the answer.
WITHIN = 10.0

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@contextmanager
def serving(app: Application, *, host: str, port: int, within: float = WITHIN) -> Iterator[str]:
    """Answer requests from a thread for as long as the block runs; the address. One request a connection.

    The application is called in that one thread, so it must not wait for anything.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=MOST_AT_ONCE)
    except (OSError, OverflowError) as error:
        raise HarvesterError(
            f"Port {port} of {host} cannot be used: {error}",
            hint="Choose another --port.",
            exit_code=Exit.USAGE,
        ) from error
    server = _Server(app, listening, within)
    thread = threading.Thread(target=lambda: asyncio.run(server.run()), name="status", daemon=True)
    thread.start()
    server.ready.wait(WITHIN)
    try:
        bound = listening.getsockname()
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        server.end()
        thread.join(1)


class _Server:
    def __init__(self, app: Application, listening: socket.socket, within: float) -> None:
        self._app, self._listening, self._within = app, listening, within
        self._open: dict[asyncio.StreamWriter, None] = {}
        self._end: Callable[[], object] = lambda: None
        self.ready = threading.Event()

    async def run(self) -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        self._end = lambda: loop.call_soon_threadsafe(ended.set)
        server = await asyncio.start_server(self._serve, sock=self._listening, limit=MOST_OF_HEAD)
        self.ready.set()
        await ended.wait()
        server.close()
        for writer in self._open:
            writer.transport.abort()

    def end(self) -> None:
        """Close what is open, in whatever state it is."""
        self._end()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST_AT_ONCE:
            next(iter(self._open)).transport.abort()
        self._open[writer] = None
        try:
            # From the first byte to the last one, for a client may send one now and then for ever.
            async with asyncio.timeout(self._within):
                writer.write(await self._answer(reader))
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.pop(writer, None)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _plain("431 Request Header Fields Too Large")
        try:
            environ = _environ(head, self._listening.getsockname())
            length = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return _plain("400 Bad Request")
        if not 0 <= length <= MOST_OF_BODY or "HTTP_TRANSFER_ENCODING" in environ:
            return _plain("413 Content Too Large")
        # Were it left unread, closing the connection would take the answer away from the client.
        await reader.readexactly(length)
        return _called(self._app, environ)


def _environ(head: bytes, address: tuple[Any, ...]) -> dict[str, Any]:
    """The request as WSGI has it, without its body; ValueError where it is none."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, protocol = first.split(" ")
    if not protocol.startswith("HTTP/1.") or not method.isalpha():
        raise ValueError("no request of HTTP/1")
    parts = urlsplit(target)
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path, "latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": str(address[0]),
        "SERVER_PORT": str(address[1]),
        "SERVER_PROTOCOL": protocol,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ValueError("no header")
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value.strip()}" if key in environ else value.strip()
    return environ


def _called(app: Application, environ: dict[str, Any]) -> bytes:
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        begun.append((status, headers))

    body = b"".join(app(environ, start_response))
    return _answered(*begun[-1], body)


def _plain(status: str) -> bytes:
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(status)))]
    return _answered(status, headers, status.encode())


def _answered(status: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    told = [*headers, ("Date", formatdate(usegmt=True)), ("Connection", "close")]
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
