"""Connections to one server, each used by one thread at a time, and again while the server keeps it open."""

import http.client
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO
from urllib.parse import urlsplit

# The maximum number of idle connections.
_IDLE = 16
_PIECE = 1 << 17


@dataclass(frozen=True)
class Limits:
    """Seconds to wait for a connection, and for the next piece of an answer; and how often to try."""

    connect: float = 5.0
    read: float = 30.0
    tries: int = 3


class Connections:
    """To the server at `url`; certificates are checked against `ca_bundle`, or against the usual ones."""

    def __init__(self, url: str, limits: Limits, *, ca_bundle: str) -> None:
        self.url, self._limits = url, limits
        parts = urlsplit(url)
        self.host = parts.netloc.rpartition("@")[2]
        self._address = parts.hostname or "", parts.port
        self.is_secure = parts.scheme == "https"
        self._context = _context(ca_bundle) if self.is_secure else None
        self._idle: list[http.client.HTTPConnection] = []
        self._guard = threading.Lock()

    def take(self) -> http.client.HTTPConnection:
        """An open connection, which is this thread's until it gives it back or closes it."""
        while True:
            with self._guard:
                if not self._idle:
                    break
                connection = self._idle.pop()
            # Data before the first request can only be the end of the connection.
            if connection.sock is not None and not _has_news(connection.sock):
                return connection
            connection.close()
        return self._opened()

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """After an answer that was read to its end."""
        with self._guard:
            if connection.sock is not None and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _opened(self) -> http.client.HTTPConnection:
        host, port = self._address
        timeout = self._limits.connect
        connection = (
            http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context)
            if self._context
            else http.client.HTTPConnection(host, port, timeout=timeout)
        )
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(self._limits.read)
        return connection


def answered(
    connection: http.client.HTTPConnection,
    verb: str,
    target: str,
    headers: Mapping[str, str],
    body: Iterable[memoryview],
) -> http.client.HTTPResponse:
    """Send a request; the answer as it begins to arrive. A server may answer before it has read the body."""
    connection.putrequest(verb, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    try:
        connection.endheaders()
        for number, piece in enumerate(body):
            # Under TLS what can be read need not be an answer.
            if number and not isinstance(connection.sock, ssl.SSLSocket) and _has_news(connection.sock):
                return _early(connection)
            connection.send(piece)
    except ConnectionError:
        with suppress(OSError, http.client.HTTPException):
            return _early(connection)
        raise
    except TimeoutError:
        # The server reads no more, perhaps because it has answered.
        if not _has_news(connection.sock):
            raise
        return _early(connection)
    return connection.getresponse()


def _early(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    response = connection.getresponse()
    # The rest of the request is not sent, so nothing else can be.
    response.will_close = True
    return response


def size_of(body: bytes | BinaryIO) -> int:
    return len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size


def pieces_of(body: bytes | BinaryIO) -> Iterator[memoryview]:
    """A body in pieces, each of which has all the time to be sent."""
    if isinstance(body, bytes):
        view = memoryview(body)
        yield from (view[start : start + _PIECE] for start in range(0, len(body), _PIECE))
        return
    body.seek(0)
    piece = bytearray(_PIECE)
    while size := body.readinto(piece):  # type: ignore[attr-defined]
        yield memoryview(piece)[:size]


def _has_news(sock: socket.socket) -> bool:
    # Not select(), which knows only the first thousand files of a process.
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


@cache
def _context(ca_bundle: str) -> ssl.SSLContext:
    if not ca_bundle:
        from certifi import where

        ca_bundle = where()
    return ssl.create_default_context(cafile=ca_bundle)
