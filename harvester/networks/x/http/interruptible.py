"""Connections that a stop ends: streams and attempts to connect at once, others after a last answer.

A page whose request was sent is billed, whether its answer is read or not.
"""

import os
import select
import socket
import ssl
import threading
import weakref
from concurrent.futures import wait
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, SSLError

from harvester.clock import Stop, in_background

CONNECT_SECONDS = 10.0
READ_SECONDS = 31.0
# How long an answer that is under way when a stop comes is waited for; X mostly takes less than one.
LAST_ANSWER_SECONDS = 2.0


class Sockets:
    """The open sockets of one client, so that a stop can shut them down under a thread that reads."""

    def __init__(self, stop: Stop) -> None:
        self.stop = stop
        self._open: weakref.WeakSet[Any] = weakref.WeakSet()
        self._endless: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._last_answers: threading.Timer | None = None
        stop.on_request(self._end)

    def add(self, sock: Any) -> None:
        self._add(sock, self._open)

    def add_endless(self, sock: Any) -> None:
        """One that a stop cuts at once, as no last answer is to come on it."""
        self._add(sock, self._endless)

    def close(self) -> None:
        """Close them, and stop listening to the stop, which may outlive many clients."""
        self.stop.forget(self._end)
        if self._last_answers:
            self._last_answers.cancel()
        self._cut(self._endless)
        self._cut(self._open)

    def _add(self, sock: Any, kind: "weakref.WeakSet[Any]") -> None:
        with self._lock:
            kind.add(sock)
        if self.stop.requested:
            shut(sock)

    def _end(self) -> None:
        self._cut(self._endless)
        timer = threading.Timer(LAST_ANSWER_SECONDS, self._cut, (self._open,))
        timer.daemon = True
        self._last_answers = timer
        timer.start()

    def _cut(self, kind: "weakref.WeakSet[Any]") -> None:
        with self._lock:
            found = list(kind)
        for sock in found:
            shut(sock)


def shut(sock: Any) -> None:
    """End a connection in both directions; what has arrived can still be read."""
    try:
        # Below TLS: its own shutdown would change state under the thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        # It was closed already, as intended.
        return


def _address(host: str, port: int, stop: Stop) -> list[Any]:
    """Look a name up in a thread of its own, as the resolver cannot be interrupted."""

    def look_up() -> list[Any]:
        try:
            return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, str(error)) from error

    if host.replace(".", "").isdigit():
        return look_up()
    call = in_background(look_up, name="name look-up")
    for _ in range(int(CONNECT_SECONDS * 4)):
        if wait((call,), 0.25).done or stop.requested:
            break
    if not call.done():
        raise socket.gaierror(socket.EAI_AGAIN, "no answer from the resolver")
    return call.result()


def _connected(host: str, port: int, options: Any, stop: Stop) -> socket.socket:
    problem: OSError = OSError("no address")
    for family, kind, protocol, _, address in _address(host, port, stop):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            sock.setblocking(False)
            sock.connect_ex(address)
            _await_connection(sock, stop)
            sock.settimeout(CONNECT_SECONDS)
            return sock
        except OSError as error:
            problem = error
            sock.close()
        if stop.requested:
            break
    raise problem


def _await_connection(sock: socket.socket, stop: Stop) -> None:
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    for _ in range(int(CONNECT_SECONDS * 4)):
        if poll.poll(250):
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            return
        if stop.requested:
            raise OSError("a stop was requested")
    raise TimeoutError("connecting took too long")


class _Heard:
    """What both kinds of connection add to urllib3's: sockets that a stop knows of."""

    sockets: Sockets
    reader: Any = None
    sock: Any

    def _new_conn(self: Any) -> socket.socket:
        try:
            sock = _connected(self._dns_host, self.port, self.socket_options, self.sockets.stop)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connecting to {self.host} took too long.") from error
        except OSError as error:
            raise NewConnectionError(self, f"No connection: {error}") from error
        # Securing the connection wraps this socket into another; a second handle stays good meanwhile.
        self.handle = sock.dup()
        # Until the connection is secured no request was sent, which might be billed.
        self.sockets.add_endless(self.handle)
        return sock

    def connect(self: Any) -> None:
        self.handle = None
        try:
            super().connect()  # type: ignore[misc]
            self.sockets.add(self.sock)
        except (ConnectionError, TimeoutError, ssl.SSLError, SSLError) as error:
            # urllib3 does not tell these from errors of an answer, which was sent and may be billed.
            raise NewConnectionError(self, f"No connection: {error}") from error
        finally:
            if self.handle is not None:
                self.handle.close()

    def getresponse(self: Any) -> Any:
        # The socket is forgotten by http.client when the answer says "Connection: close".
        self.wire = self.sock
        return super().getresponse()  # type: ignore[misc]


class _Adapter(HTTPAdapter):
    """requests' adapter with connections of ours, also where a proxy stands between."""

    def __init__(self, pools: dict[str, Any], *, size: int) -> None:
        self._pools = pools
        super().__init__(pool_connections=2, pool_maxsize=size, max_retries=0)
        self.poolmanager.pool_classes_by_scheme = pools

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = self._pools
        return manager


def session(sockets: Sockets, *, base_url: str, pool: int) -> requests.Session:
    """A requests session whose connections hear the stop; settings of the environment are read only once."""

    class Plain(_Heard, HTTPConnection):
        pass

    class Secure(_Heard, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    Plain.sockets = Secure.sockets = sockets
    adapter = _Adapter({"http": PlainPool, "https": SecurePool}, size=pool)
    new = requests.Session()
    new.mount("https://", adapter)
    new.mount("http://", adapter)
    # requests would look through the environment and ~/.netrc again for each request.
    new.proxies = get_environ_proxies(base_url)
    settings = new.merge_environment_settings(base_url, {}, None, None, None)
    new.verify = settings["verify"]
    new.trust_env = False
    new.headers["Accept-Encoding"] = "gzip"
    return new
