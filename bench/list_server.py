"""Serves one list of followers, of a page that the emulator made: ids differ, all else is the same.

It is many times as fast as the emulator, so that a million accounts are read in minutes. `python -m
bench.list_server PAGE FOLLOWERS` prints its port; PAGE is a file with one page of a thousand.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_PAGE = 1000
_FIRST_ID = 1_600_000_000_000_000_000


class _Lists(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    followers = 0
    accounts: tuple[tuple[bytes, bytes], ...] = ()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = self._look_up(asked) if "ids" in asked else self._page(asked)
        self.send_response(200)
        for name, value in (("content-type", "application/json"), ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _look_up(self, asked: dict[str, str]) -> bytes:
        data = [{"id": each, "username": f"u{each}"} for each in asked["ids"].split(",")]
        return json.dumps({"data": data}).encode()

    def _page(self, asked: dict[str, str]) -> bytes:
        top = int(asked.get("pagination_token", self.followers))
        size = min(top, int(asked["max_results"]), _PAGE)
        found = (
            before + str(_FIRST_ID + (top - at) * 7919).encode() + after
            for at, (before, after) in zip(range(size), self.accounts, strict=False)
        )
        meta = {"result_count": size, **({"next_token": str(top - size)} if top > size else {})}
        return b'{"data":[%s],"meta":%s}' % (b",".join(found), json.dumps(meta).encode())

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def _accounts(page: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Each account of a page, before and after its id."""
    made = []
    for account in json.loads(page)["data"]:
        text = json.dumps({**account, "id": "\0"}, separators=(",", ":"))
        before, after = text.split("\\u0000")
        made.append((before.encode(), after.encode()))
    return tuple(made)


def main() -> None:
    _Lists.accounts = _accounts(Path(sys.argv[1]).read_bytes())
    _Lists.followers = int(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Lists)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
