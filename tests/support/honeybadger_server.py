"""A stand-in for Honeybadger on loopback that keeps what it is sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Heard:
    """Notices, the keys they came with, and the ids that checked in. `status` is what is answered."""

    url: str = ""
    notices: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    checked_in: list[str] = field(default_factory=list)
    status: int = 201
    silent: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        return {"HONEYBADGER_ENDPOINT": self.url, "HONEYBADGER_API_KEY": "hbp_of-the-test"}

    @property
    def only(self) -> dict[str, Any]:
        """The one notice there is."""
        assert len(self.notices) == 1, [notice["error"]["message"] for notice in self.notices]
        return self.notices[0]

    @property
    def context(self) -> dict[str, Any]:
        return dict(self.only["request"]["context"])


@contextmanager
def listening() -> Iterator[Heard]:
    heard, over = Heard(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if heard.silent.is_set():
                over.wait(60)
                return
            assert self.path == "/v1/notices/"
            heard.notices.append(json.loads(body))
            heard.keys.append(self.headers["X-Api-Key"])
            self._answer(heard.status)

        def do_GET(self) -> None:
            folder, _, identifier = self.path.rpartition("/")
            assert folder == "/v1/check_in"
            heard.checked_in.append(identifier)
            self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    heard.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield heard
    finally:
        over.set()
        server.shutdown()
        server.server_close()
