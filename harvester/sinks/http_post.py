"""Requests to one address over connections that stay open; each ends by its deadline, or with a stop.

Redirects are answers like others: what is sent elsewhere would be signed for here.
"""

import http.client
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from harvester.clock import Clock, Stop

# The bytes that are read of an answer, which is a status, and at most a reason.
_MOST = 1 << 16
_WATCHED_EVERY = 0.5


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is its beginning, and `retry_after` that header."""

    status: int
    body: bytes
    retry_after: str


class NoAnswer(Exception):
    """None came; its words end a sentence."""


class Address:
    """Where requests go. Each thread has a connection of its own."""

    def __init__(self, url: str, *, within: float, clock: Clock, stop: Stop) -> None:
        parts = urlsplit(url)
        self._is_tls, self._host = parts.scheme == "https", parts.hostname or ""
        self._port = parts.port or (443 if self._is_tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._within, self._clock, self._stop = within, clock, stop
        self._own = threading.local()
        self._context = ssl.create_default_context() if self._is_tls else None
        self._watch = _Watch(clock, stop)

    @property
    def name(self) -> str:
        """How messages call it; the rest of the address may be a secret."""
        return f"{self._host}:{self._port}"

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer to one request; raises NoAnswer."""
        is_new = getattr(self._own, "connection", None) is None
        deadline = self._clock.elapsed() + self._within
        try:
            return self._answer(body, headers, deadline)
        except (OSError, http.client.HTTPException) as error:
            self._give_up()
            was_closed = not is_new and isinstance(error, ConnectionError | http.client.BadStatusLine)
            is_over = self._stop.requested or self._clock.elapsed() >= deadline
            if is_over or not was_closed:
                raise NoAnswer(_words(error)) from error
        # A connection that was idle had been closed by the other side.
        try:
            return self._answer(body, headers, deadline)
        except (OSError, http.client.HTTPException) as error:
            self._give_up()
            raise NoAnswer(_words(error)) from error

    def _answer(self, body: bytes, headers: Mapping[str, str], deadline: float) -> Answer:
        connection = self._connection()
        with self._watch.until(deadline, lambda: _cut(connection)):
            connection.request("POST", self._path, body, dict(headers))
            response = connection.getresponse()
            data = response.read(_MOST)
        if response.length and len(data) < _MOST:
            # Read in part, the end of the connection would pass for the end of the answer.
            raise http.client.IncompleteRead(data, response.length)
        if response.will_close or response.read(1):
            self._give_up()
        return Answer(response.status, data, response.getheader("Retry-After", "") or "")

    def _connection(self) -> http.client.HTTPConnection:
        known: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if known is None:
            known = self._own.connection = self._opened()
        return known

    def _opened(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._within)
        proxy = self._proxy()
        host, port = proxy or (self._host, self._port)
        made = http.client.HTTPSConnection(host, port, timeout=self._within, context=self._context)
        if proxy:
            made.set_tunnel(self._host, self._port)
        return made

    def _proxy(self) -> tuple[str, int] | None:
        """The host and port of the proxy for https; None if there is none for this address."""
        proxy = urllib.request.getproxies().get("https", "")
        if not proxy or urllib.request.proxy_bypass(self._host):
            return None
        parts = urlsplit(proxy)
        try:
            return (parts.hostname, parts.port or 80) if parts.hostname else None
        except ValueError:
            raise OSError("the port of the proxy is not a number up to 65535") from None

    def _give_up(self) -> None:
        if known := getattr(self._own, "connection", None):
            known.close()
            self._own.connection = None

    def close(self) -> None:
        self._watch.close()


class _Watch:
    """Cuts connections whose time is up, for a server that sends a byte now and then is never silent."""

    def __init__(self, clock: Clock, stop: Stop) -> None:
        self._clock, self._stop = clock, stop
        self._guard, self._over = threading.Lock(), threading.Event()
        self._running: dict[int, tuple[float, Callable[[], None]]] = {}
        stop.on_request(self._cut_all)
        threading.Thread(target=self._look, name="deadlines", daemon=True).start()

    @contextmanager
    def until(self, deadline: float, cut: Callable[[], None]) -> Iterator[None]:
        """Around what this thread waits for; it is cut at the deadline, or at a stop."""
        with self._guard:
            self._running[threading.get_ident()] = (deadline, cut)
        try:
            if self._stop.requested:
                cut()
            yield
        finally:
            with self._guard:
                del self._running[threading.get_ident()]

    def _look(self) -> None:
        while not self._over.wait(_WATCHED_EVERY):
            self._cut(lambda deadline: deadline <= self._clock.elapsed())

    def _cut_all(self) -> None:
        self._cut(lambda _: True)

    def _cut(self, is_due: Callable[[float], bool]) -> None:
        with self._guard:
            due = [cut for deadline, cut in self._running.values() if is_due(deadline)]
        for cut in due:
            cut()

    def close(self) -> None:
        self._over.set()
        self._stop.forget(self._cut_all)


def _cut(connection: http.client.HTTPConnection) -> None:
    # Closing alone ends nothing while another thread waits on it, and the shutdown of TLS would have that
    # thread go on without TLS.
    with suppress(OSError):
        if connection.sock:
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.IncompleteRead):
        return "its answer was cut off"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
