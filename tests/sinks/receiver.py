"""A webhook on loopback that answers as a test wants, and remembers what it was sent."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Request:
    body: bytes
    headers: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """Of the posts in it; a gap has none."""
        found = orjson.loads(self.body)
        each = found if isinstance(found, list) else [found]
        return [post["data"]["id"] for post in each if "data" in post]


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Receiver:
    """What came; `answer` gives status, headers and body, or None to hang up."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    answer: Callable[[Request], Answer | None] = lambda _: (200, {}, b"")

    @property
    def accepted(self) -> list[str]:
        return [each for request in self.requests for each in request.ids]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver, guard = Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            with guard:
                receiver.connections += 1

        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            size = int(self.headers["Content-Length"])
            body = self.rfile.read(size)
            if len(body) < size:
                # Its sender was killed in the midst of it.
                self.close_connection = True
                return
            request = Request(body, {name.lower(): value for name, value in self.headers.items()})
            answer = receiver.answer(request)
            if answer is None:
                self.close_connection = True
                return
            status, headers, data = answer
            if 200 <= status < 300:
                with guard:
                    receiver.requests.append(request)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook?token=hunter2"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
