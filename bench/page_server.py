"""Serves pages that were recorded before, so that the figures are of the client and not of the server.

    python -m bench.page_server FOLDER [LATENCY]

Each timeline and each search is the same chain of pages: `0.json`, `1.json` and so on in FOLDER. What is
asked for below the last of them is nothing. LATENCY is in seconds, for each answer.
"""

import json
import re
import socketserver
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from bench.bare import FIELDS
from bench.servers import KEYS, emulator, started

_WORD = "flood"
_TOKEN = re.compile(rb"[?&](?:pagination|next)_token=p(\d+)")
_BELOW = re.compile(rb"[?&]until_id=")
_NOTHING = b'{"meta":{"result_count":0}}'
_DATE = b"Fri, 27 Nov 2026 00:00:00 GMT"


class _Connection(socketserver.StreamRequestHandler):
    rbufsize = 1 << 16
    disable_nagle_algorithm = True
    pages: tuple[bytes, ...] = ()
    latency = 0.0

    def handle(self) -> None:
        while asked := self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            if self.latency:
                time.sleep(self.latency)
            self.connection.sendall(self._answer(asked))

    def _answer(self, asked: bytes) -> bytes:
        found = _TOKEN.search(asked)
        number = int(found[1]) if found else len(self.pages) if _BELOW.search(asked) else 0
        return self.pages[number] if number < len(self.pages) else _answer(_NOTHING)


def _answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: %b\r\n" % _DATE
    limits = (
        b"x-rate-limit-limit: 900000\r\nx-rate-limit-remaining: 900000\r\nx-rate-limit-reset: 1795760098\r\n"
    )
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (head, limits, len(body), body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


def record(folder: Path, *, pages: int, posts: int) -> None:
    """Have the emulator make a chain of pages with a given number of posts each."""
    options = ("--no-limits", "--users", "5", "--search-posts", str(pages * posts), "--search-word", _WORD)
    with emulator(*options) as base:
        token = ""
        for number in range(pages):
            more = {"next_token": token} if token else {}
            query = urlencode({**FIELDS, "query": _WORD, "max_results": str(max(10, posts)), **more})
            headers = {"Authorization": f"Bearer {KEYS['BEARER_TOKEN']}"}
            with urlopen(Request(f"{base}/2/tweets/search/recent?{query}", headers=headers)) as answer:
                page = json.load(answer)
            token = page["meta"].get("next_token", "")
            meta = {key: page["meta"][key] for key in ("result_count", "newest_id", "oldest_id")}
            page["meta"] = {**meta, **({"next_token": f"p{number + 1}"} if number + 1 < pages else {})}
            text = json.dumps(page, ensure_ascii=False, separators=(",", ":"))
            (folder / f"{number}.json").write_text(text)


def served(folder: Path, *, latency: float = 0.0) -> AbstractContextManager[str]:
    """The base URL of a server of these pages, which ends with this block."""
    return started("bench.page_server", str(folder), str(latency))


def main() -> None:
    folder = Path(sys.argv[1])
    _Connection.latency = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    bodies = [(folder / f"{number}.json").read_bytes() for number in range(len(list(folder.glob("*.json"))))]
    _Connection.pages = tuple(map(_answer, bodies))
    with _Server(("127.0.0.1", 0), _Connection) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
