"""A server on loopback that answers as it is told, and a clock whose hands a wait moves."""

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harvester.clock import Stop


class HandClock:
    """Waiting takes no time and moves the hands; with several threads the longest wait counts."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)) -> None:
        self._start = now
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def elapsed(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed += seconds

    def wait(self, stop: Stop, seconds: float) -> bool:
        with self._lock:
            self.waits.append(seconds)
            self._elapsed = max(self._elapsed, self._elapsed + seconds)
        return stop.requested


@dataclass
class Request:
    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """`cut` bytes of the body are sent only; with `chunks` the body is chunked, each piece as it is."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    compressed: bool = False
    wait_for: threading.Event | None = None

    @property
    def content(self) -> bytes:
        found = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return gzip.compress(found) if self.compressed else found


Script = Callable[[Request], Any]


@dataclass
class Scripted:
    url: str
    requests: list[Request]


def _handler(script: Script, requests: list[Request]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            return

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, params, headers, body)
            requests.append(request)
            reply = script(request)
            if callable(reply):
                reply(self)
                self.close_connection = True
            else:
                self._send(reply)

        do_POST = do_DELETE = do_PUT = do_HEAD = do_GET  # noqa: N815

        def _send(self, reply: Reply) -> None:
            if reply.wait_for:
                reply.wait_for.wait(30)
            content = reply.content
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.compressed:
                self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content[: reply.cut])
            if reply.cut is not None:
                self.close_connection = True

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        return


@contextmanager
def scripted(script: Script, *, certificate: tuple[Path, Path] | None = None) -> Iterator[Scripted]:
    """`script` gives a Reply for each request, or takes the socket's file itself and returns None."""
    requests: list[Request] = []

    server = _Server(("127.0.0.1", 0), _handler(script, requests))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        scheme = "https" if certificate else "http"
        yield Scripted(f"{scheme}://127.0.0.1:{server.server_port}", requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def in_turn(*replies: Any) -> Script:
    """These one after another; the last one again and again."""
    left = list(replies)
    lock = threading.Lock()

    def script(_: Request) -> Any:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return script


def streamed(*pieces: bytes, hold: threading.Event | None = None, end: bool = True) -> Any:
    """A chunked answer of these pieces; with `hold` it stays open until that is set."""

    def send(handler: Any) -> None:
        handler.send_response_only(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
        if hold:
            hold.wait(30)
        if end:
            handler.wfile.write(b"0\r\n\r\n")

    return send


PAGE = {
    "data": [{"id": "12", "text": "b"}, {"id": "11", "text": "a"}],
    "includes": {"users": [{"id": "7", "username": "seven"}]},
    "meta": {"newest_id": "12", "oldest_id": "11", "result_count": 2, "next_token": "t2"},
}
EMPTY = {"meta": {"result_count": 0}}
