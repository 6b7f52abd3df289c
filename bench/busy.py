"""What a stream with posts asks of S3 in an hour, and how many bytes it sends for each that it stores.

Its intervals are shorter than usual (`sooner.py`), and it brings as many more posts a second.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench import sooner
from bench.idle import ASKED, BUCKET, DOOR, Asked, by_kind
from bench.servers import KEYS, emulator
from bench.watched import wait_for_stream
from tests.support.servers import S3Server, seaweedfs

TRACK = "flood,library,the"
_REQUEST = re.compile(rb"(?:GET|HEAD|PUT|POST|DELETE) /\S* HTTP/1\.1\r\n")


@dataclass
class Sent:
    """What came through a port until now; the bytes are those of the requests, heads included."""

    bytes: int = 0
    requests: int = 0


@dataclass(frozen=True)
class Busy:
    """`sent` counts the bytes of the connections, headers included; `requests` are those of an hour."""

    posts: int
    stored: int
    sent: int
    requests: list[Asked]


def measure(rate: int, *, minutes: float) -> Busy:
    """A stream at `rate` posts a second; what is sent and stored is that of the whole harvest."""
    options = ("--no-limits", "--users", "5", "--stream-rate", str(rate * sooner.TIMES), "--keepalive", "10")
    with (
        tempfile.TemporaryDirectory() as folder,
        seaweedfs(Path(folder) / "s3") as server,
        emulator(*options) as base,
        through(server) as (counted, sent),
    ):
        prepare(server, TRACK)
        log = Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, str(DOOR), "aws", "harvester", BUCKET, "busy", "--debug"],
                cwd=folder,
                env={**os.environ, **KEYS, **counted.environment, **sooner.environment(), "X_API_URL": base},
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
            )
        try:
            wait_for_stream(base)
            begun = log.stat().st_size
            sooner.spend(minutes, f"stream of {rate} posts a second")
            found = ASKED.findall(log.read_text(encoding="utf-8")[begun:])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=120)
        summary = summary_of(server)
        # What tells a new server's kind is asked once a week.
        asked = by_kind(((operation, name) for operation, name in found if "probe-" not in name), minutes)
        return Busy(summary["tweets"], summary["file_bytes"], sent.bytes, list(asked))


def prepare(server: S3Server, track: str) -> None:
    """A bucket with the description of a stream of these words, `busy`."""
    s3 = server.client()
    s3.create_bucket(Bucket=BUCKET)
    described = {"id": "busy", "type": "filter", "filter": {"track": track}}
    s3.put_object(Bucket=BUCKET, Key="collections/busy/collection.json", Body=json.dumps(described).encode())


def summary_of(server: S3Server) -> dict[str, int]:
    """harvest.json of its only harvest."""
    s3 = server.client()
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="collections/busy/harvests/")["Contents"]
    (key,) = (entry["Key"] for entry in listed if entry["Key"].endswith("/harvest.json"))
    found: dict[str, int] = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return found


@contextmanager
def through(server: S3Server) -> Iterator[tuple[S3Server, Sent]]:
    """The server behind a port that counts what is sent to it."""
    behind, sent = urlsplit(server.endpoint), Sent()
    listening = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, target: socket.socket, *, counts: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                if counts:
                    sent.bytes += len(piece)
                    sent.requests += len(_REQUEST.findall(piece))
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                there = socket.create_connection((behind.hostname or "", behind.port or 80))
                for source, target, counts in ((client, there, True), (there, client, False)):
                    threading.Thread(
                        target=copy, args=(source, target), kwargs={"counts": counts}, daemon=True
                    ).start()

    threading.Thread(target=serve, daemon=True).start()
    with listening:
        yield replace(server, endpoint=f"http://127.0.0.1:{listening.getsockname()[1]}"), sent
