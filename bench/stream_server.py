"""A filtered stream whose posts come one by one at a steady rate, or as fast as they are taken.

    python -m bench.stream_server POSTS RATE [CERTIFICATE KEY]

POSTS is a file of records, one a line, which are sent again and again, each time with an id of its own; RATE
is in posts a second, 0 for no limit. Each post is a chunk that ends with CR LF, as X sends them. The emulator
does the same for many clients, and would take more CPU than is left beside what is measured.
"""

import json
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_EPOCH_MS = 1_288_834_974_657
_AT_ONCE = 64
_RULES = "/2/tweets/search/stream/rules"
_ANSWERS: dict[str, Any] = {
    f"{_RULES}/counts": {"data": {"cap_per_client_app": "1000", "client_app_rules_count": "0"}},
    _RULES: {"meta": {"result_count": 0}},
}


class _Posts:
    """Chunks that hold a post each, whose ids rise and tell when they were sent."""

    def __init__(self, path: Path) -> None:
        self._parts = [_parts(line) for line in path.read_bytes().splitlines()]
        self._last_id = 0
        self.sent = 0

    def upcoming(self, count: int) -> bytes:
        found = []
        now = (int(time.time() * 1000) - _EPOCH_MS) << 22
        for number in range(self.sent, self.sent + count):
            self._last_id = max(self._last_id + 1, now)
            found.append((b"%d" % self._last_id).join(self._parts[number % len(self._parts)]))
        return b"".join(found)


def _parts(line: bytes) -> list[bytes]:
    """The chunk of a record, cut where its id stands; the ids of these years have 19 digits."""
    found = re.search(rb'"id":"(\d{19})"', line)
    if not found:
        raise SystemExit(f"no id of 19 digits in {line[:200]!r}")
    return (b"%x\r\n%s\r\n\r\n" % (len(line) + 2, line)).split(found[1])


def _send(posts: _Posts, connection: Any, rate: float) -> None:
    if not rate:
        while True:
            connection.sendall(posts.upcoming(_AT_ONCE))
            posts.sent += _AT_ONCE
    due = time.monotonic()
    while True:
        due += 1 / rate
        time.sleep(max(0.0, due - time.monotonic()))
        connection.sendall(posts.upcoming(1))
        posts.sent += 1


def _handler(posts: _Posts, rate: float) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked = self.rfile.read(int(self.headers.get("content-length") or 0))
            if path == "/2/tweets/search/stream":
                self._stream()
                return
            if self.command == "POST":
                number = len(json.loads(asked).get("add", ()))
                answer = {"data": [], "meta": {"summary": {"created": number, "valid": number}}}
            else:
                answer = _ANSWERS.get(path) or {"sent": posts.sent}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            try:
                _send(posts, self.connection, rate)
            except OSError:
                # The client has what it wanted.
                return

    return Handler


def main(posts: str, rate: str, *certificate: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_Posts(Path(posts)), float(rate)))
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}", flush=True)
    # It ends with the process that started it.
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
