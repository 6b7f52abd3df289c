"""A harvester while it runs: what its start costs until its first request, and what an idle stream costs."""

import os
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from bench import harvests
from bench.measured import pinned
from bench.servers import KEYS, asked, emulator
from tests.support.servers import S3Server

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """CPU seconds of a process until now, all threads, to the hundredth (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_of(pid: int) -> float:
    """MB of a process at the moment."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def start(
    bucket: tuple[S3Server, str] | None = None, of: harvests.Checkout = harvests.HERE
) -> tuple[float, float]:
    """CPU seconds from the start of the process to its first request to X, and MB then.

    The collection is in a folder, or in the `bucket` of a server, where it is called `one`.
    """
    spent: list[tuple[float, float]] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            spent.append((cpu_of(process.pid), memory_of(process.pid)))
            self.send_error(401)
            arrived.set()

        def log_message(self, *arguments: Any) -> None:
            pass

    with (
        tempfile.TemporaryDirectory() as folder,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server,
    ):
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        described = {"type": "search", "search": {"query": "cat"}}
        process = _started(Path(folder), base, described, bucket, of)
        try:
            if not arrived.wait(30):
                raise SystemExit("no request came")
        finally:
            process.kill()
            process.wait()
            server.shutdown()
    return spent[0]


def idle_stream(*, seconds: float) -> tuple[float, float]:
    """Per cent of a core, and MB, of a harvest whose stream brings keep-alives only."""
    with tempfile.TemporaryDirectory() as folder, emulator("--keepalive", "10") as base:
        description = {"type": "filter", "filter": {"track": "nothing"}}
        process = _started(Path(folder), base, description)
        try:
            wait_for_stream(base)
            before, since = cpu_of(process.pid), time.monotonic()
            time.sleep(seconds)
            spent = cpu_of(process.pid) - before
            share = 100 * spent / (time.monotonic() - since)
            memory = memory_of(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
    return share, memory


def wait_for_stream(base: str) -> None:
    """Return once a stream is open and its start is behind it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if is_streaming(base):
            # The first checkpoint and what start has left to do are not the idle state.
            time.sleep(5)
            return
        time.sleep(0.2)
    raise SystemExit("the stream was not opened")


def is_streaming(base: str) -> bool:
    """Has a stream of posts been asked of this emulator?"""
    requests = asked(base, "/emulator/truth")["requests"]
    return any("stream" in request["path"].rpartition("/")[2] for request in requests)


def _started(
    folder: Path,
    base: str,
    description: dict[str, Any],
    bucket: tuple[S3Server, str] | None = None,
    of: harvests.Checkout = harvests.HERE,
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **KEYS, "X_API_URL": base}
    if bucket:
        server, name = bucket
        environment |= server.environment
        command = pinned(of.harvest_in_bucket(name, "one"), -1)
    else:
        harvests.write(folder, "watched", **description)
        command = pinned(of.harvest("watched"), -1)
    log = (folder / "log").open("wb")
    with log:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )


LINUX = sys.platform == "linux"
