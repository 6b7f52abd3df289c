"""What a post costs that comes one by one: this project beside a bare loop that handles each read.

The server is a small one (`stream_server.py`). CPU is read from the kernel's clock of the process while the
stream flows, so that neither start nor end is in it.
"""

import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from bench import harvests
from bench.emulator_speed import EVERYTHING, HEADERS
from bench.measured import pinned
from bench.servers import KEYS, asked, emulator, started
from tests.support.certificates import loopback_certificate
from tests.support.servers import S3Server, seaweedfs

_ROOT = Path(__file__).resolve().parents[1]
BUCKET, ID = "bench", "steady"
RATES = (50, 300)
_SAMPLES = 500
# Behind a start, and behind what the first seconds cost.
_WARM = 4.0
_NEVER = str(1 << 40)
_FILTER = {"type": "filter", "filter": {"track": "flood"}}


@dataclass(frozen=True)
class Figure:
    """Microseconds of CPU for a post, the median of all rounds; `peer` says where this project stores it."""

    rate: int
    secure: bool
    peer: str
    cpu: float


@dataclass(frozen=True)
class Stage:
    """What all peers of one round share; without a certificate there is no TLS."""

    posts: Path
    certificate: tuple[Path, ...]
    s3: S3Server
    of: harvests.Checkout = harvests.HERE

    @property
    def trust(self) -> dict[str, str]:
        """What makes a process believe the server."""
        names = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE") if self.certificate else ()
        return {name: str(self.certificate[0]) for name in names}


def measure(*, rounds: int, seconds: float) -> Iterator[Figure]:
    """At each rate, with and without TLS; rounds over all peers, as the machine has other things to do."""
    with tempfile.TemporaryDirectory() as name, seaweedfs(Path(name) / "s3") as s3:
        folder = Path(name)
        samples(folder / "posts")
        s3.client().create_bucket(Bucket=BUCKET)
        pair = loopback_certificate(folder)
        for rate in RATES:
            for certificate in ((), pair) if pair else ((),):
                stage = Stage(folder / "posts", certificate, s3)
                found: dict[str, list[float]] = {peer: [] for peer in _PEERS}
                for _ in range(rounds):
                    for peer, costs in found.items():
                        with tempfile.TemporaryDirectory() as here:
                            costs.append(cost_of_a_post(peer, stage, Path(here), rate=rate, seconds=seconds))
                for peer, costs in found.items():
                    yield Figure(rate, bool(certificate), peer, statistics.median(costs))


def cost_of_a_post(peer: str, stage: Stage, folder: Path, *, rate: int, seconds: float) -> float:
    """Microseconds of CPU of one peer, at one rate; it runs in the folder."""
    with stream_server(stage.posts, rate, *stage.certificate) as base:
        command, environment = _PEERS[peer](folder, base, stage)
        with running(command, folder, {**stage.trust, **environment}) as pid:
            await_flow(base, stage.certificate)
            time.sleep(_WARM)
            cpu, sent = cpu_clock(pid), sent_by(base, stage.certificate)
            time.sleep(seconds)
            return (cpu_clock(pid) - cpu) / (sent_by(base, stage.certificate) - sent) * 1e6


_Start = tuple[list[str], dict[str, str]]


def _bare(_: Path, base: str, __: Stage) -> _Start:
    command = [sys.executable, "-m", "bench.bare", base, "stream", "bare.jsonl.gz", _NEVER]
    return command, {"PYTHONPATH": str(_ROOT)}


def _in_folder(folder: Path, base: str, stage: Stage) -> _Start:
    harvests.write(folder, ID, **_FILTER)
    return stage.of.harvest(ID), {**KEYS, "X_API_URL": base}


def _in_bucket(_: Path, base: str, stage: Stage) -> _Start:
    return in_bucket(stage.s3, f"{ID}-{time.time_ns()}", base, of=stage.of)


def in_bucket(s3: S3Server, collection: str, base: str, *, of: harvests.Checkout = harvests.HERE) -> _Start:
    """Describe a collection in the bucket; what harvests it."""
    described = json.dumps({"id": collection, **_FILTER}).encode()
    s3.client().put_object(Bucket=BUCKET, Key=f"collections/{collection}/collection.json", Body=described)
    return of.harvest_in_bucket(BUCKET, collection), {**KEYS, **s3.environment, "X_API_URL": base}


_PEERS = {"bare": _bare, "folder": _in_folder, "S3": _in_bucket}


@contextmanager
def running(
    command: list[str], folder: Path, environment: Mapping[str, str], *, memory: int = 0
) -> Iterator[int]:
    """The process of a command on the last core; it is stopped when this block ends."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            pinned(command, -1, memory=memory),
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process.pid
        if process.poll() is not None:
            raise SystemExit(f"{command} ended early:\n{(folder / 'log').read_text()[-2000:]}")
    finally:
        process.terminate()
        process.wait(timeout=60)


def cpu_clock(pid: int) -> float:
    """CPU seconds of a process until now, all threads, to the nanosecond (Linux's clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


def stream_server(posts: Path, rate: float, *certificate: Path) -> AbstractContextManager[str]:
    """Its base URL; alone on the first core."""
    return started("bench.stream_server", str(posts), str(rate), *map(str, certificate))


def sent_by(base: str, certificate: tuple[Path, ...] = ()) -> int:
    """How many posts the server has sent until now."""
    trust = ssl.create_default_context(cafile=str(certificate[0])) if certificate else None
    with urllib.request.urlopen(f"{base}/sent", timeout=60, context=trust) as answer:
        return int(json.load(answer)["sent"])


def await_flow(base: str, certificate: tuple[Path, ...] = ()) -> None:
    """Return once the stream is open and posts flow."""
    deadline = time.monotonic() + 60
    while not sent_by(base, certificate):
        if time.monotonic() > deadline:
            raise SystemExit("the stream was not opened")
        time.sleep(0.2)


def samples(path: Path, *, tag: str = "bench") -> None:
    """Records as the emulator makes them, all fields and expansions, of a rule with this tag."""
    options = ("--users", "5", "--stream-rate", "max", "--stream-posts", str(2 * _SAMPLES), "--no-limits")
    with emulator(*options) as base:
        asked(base, "/2/tweets/search/stream/rules", {"add": [{"value": "flood", "tag": tag}]})
        connection = HTTPConnection(urlsplit(base).netloc)
        connection.request("GET", f"/2/tweets/search/stream?{urlencode(EVERYTHING)}", headers=HEADERS)
        response = connection.getresponse()
        path.write_bytes(b"".join(response.readline().rstrip() + b"\n" for _ in range(_SAMPLES)))
        connection.close()
